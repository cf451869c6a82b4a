-- What bounds every session that reads somebody's production, until the transaction ends (PgBouncer is no obstacle).
SELECT /* pgproof */ pg_catalog.set_config('search_path', 'pg_catalog', true),
       pg_catalog.set_config('row_security', 'off', true),
       pg_catalog.set_config('jit', 'off', true),
       pg_catalog.set_config('max_parallel_workers_per_gather', '0', true),
       pg_catalog.set_config('work_mem', '16MB', true),
       pg_catalog.set_config('statement_timeout', %(statement_timeout)s, true),
       pg_catalog.set_config('lock_timeout', '100ms', true),
       pg_catalog.set_config('idle_in_transaction_session_timeout', '60s', true),
       pg_catalog.set_config('application_name', 'pgproof', true),
       pg_catalog.set_config('TimeZone', 'UTC', true),
       pg_catalog.set_config('quote_all_identifiers', 'off', true)
