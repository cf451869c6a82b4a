-- Relations that a session or a prepared transaction (which has no process) holds in the one mode that keeps readers out,
-- or waits for: a reader would queue behind it.
SELECT /* pgproof */ DISTINCT coalesce(x.indrelid, t.oid, l.relation)::bigint AS oid
FROM pg_locks l
LEFT JOIN pg_index x ON x.indexrelid = l.relation
LEFT JOIN pg_class t ON t.reltoastrelid = l.relation AND l.relation <> 0
WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.pid IS DISTINCT FROM pg_backend_pid()
  AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
