-- Who waits for a lock in this database and who keeps it from being granted, longest wait first.
-- pg_blocking_pids knows lock queues and parallel workers, which a join of pg_locks with itself does not.
-- waitstart is null for a moment after a wait began; a blocker that is a prepared transaction has pid 0.
SELECT blocked.pid AS blocked_pid,
       blocked.usename AS blocked_user,
       blocked.application_name AS blocked_application_name,
       blocked.query AS blocked_query,
       coalesce(extract(epoch FROM clock_timestamp() - l.waitstart) * 1000, 0)::double precision AS waited_ms,
       l.locktype AS lock_type,
       l.mode,
       n.nspname || '.' || c.relname AS relation,
       b.pid AS blocking_pid,
       blocking.usename AS blocking_user,
       blocking.application_name AS blocking_application_name,
       blocking.state AS blocking_state,
       blocking.query AS blocking_query
FROM pg_catalog.pg_locks AS l
JOIN pg_catalog.pg_stat_activity AS blocked ON blocked.pid = l.pid AND blocked.datname = current_database()
CROSS JOIN LATERAL (SELECT DISTINCT pid FROM unnest(pg_blocking_pids(l.pid)) AS pid) AS b
LEFT JOIN pg_catalog.pg_stat_activity AS blocking ON blocking.pid = b.pid
LEFT JOIN pg_catalog.pg_class AS c ON c.oid = l.relation
LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE NOT l.granted
ORDER BY waited_ms DESC, blocked_pid, blocking_pid;
