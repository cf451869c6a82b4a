/* pgproof */
-- What bounds every session that reads somebody's production, until the transaction ends (PgBouncer is no obstacle).
SELECT set_config('search_path', 'pg_catalog', true),
       set_config('row_security', 'off', true),
       set_config('jit', 'off', true),
       set_config('max_parallel_workers_per_gather', '0', true),
       set_config('work_mem', '16MB', true),
       set_config('statement_timeout', %(statement_timeout)s, true),
       set_config('lock_timeout', '100ms', true),
       set_config('idle_in_transaction_session_timeout', '60s', true),
       set_config('application_name', 'pgproof', true),
       set_config('TimeZone', 'UTC', true),
       set_config('quote_all_identifiers', 'off', true)
