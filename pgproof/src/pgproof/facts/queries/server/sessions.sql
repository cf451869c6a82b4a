-- Sessions that hold something up, without their statements, and those whose state the role may not see.
SELECT /* pgproof */ s.pid, s.usename AS role, s.application_name, s.state, s.wait_event_type,
       extract(epoch FROM clock_timestamp() - s.xact_start)::float8 AS transaction_seconds,
       extract(epoch FROM clock_timestamp() - s.query_start)::float8 AS statement_seconds,
       extract(epoch FROM clock_timestamp() - s.state_change)::float8 AS state_seconds,
       CASE WHEN s.wait_event_type = 'Lock' THEN pg_blocking_pids(s.pid) END AS blocked_by
FROM pg_stat_activity s
WHERE s.datname = current_database() AND s.pid <> pg_backend_pid()
  AND (s.backend_type = 'client backend' OR s.backend_type IS NULL AND s.usename IS NOT NULL)
  AND s.application_name IS DISTINCT FROM 'pgproof' AND s.state IS DISTINCT FROM 'idle'
ORDER BY s.pid
