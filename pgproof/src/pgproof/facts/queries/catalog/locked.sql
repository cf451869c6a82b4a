-- Relations that a session holds, or waits for, in the one mode that keeps readers out.
SELECT DISTINCT coalesce(x.indrelid, l.relation)::bigint AS oid
FROM pg_locks l
LEFT JOIN pg_index x ON x.indexrelid = l.relation
WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.pid <> pg_backend_pid()
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
