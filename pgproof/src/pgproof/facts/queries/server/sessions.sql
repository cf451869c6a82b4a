-- Sessions that hold something up, without their statements.
SELECT s.pid, s.usename AS role, s.application_name, s.state, s.wait_event_type,
       extract(epoch FROM now() - s.xact_start)::float8 AS transaction_seconds,
       extract(epoch FROM now() - s.query_start)::float8 AS statement_seconds,
       extract(epoch FROM now() - s.state_change)::float8 AS state_seconds,
       CASE WHEN s.wait_event_type = 'Lock' THEN pg_blocking_pids(s.pid) END AS blocked_by
FROM pg_stat_activity s
WHERE s.datname = current_database() AND s.backend_type = 'client backend' AND s.pid <> pg_backend_pid()
  AND s.application_name <> 'pgproof' AND s.state IS NOT NULL AND s.state <> 'idle'
ORDER BY s.pid
