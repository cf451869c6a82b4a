-- Of this database, without utility statements and without our own; literals are already parameters.
SELECT s.queryid AS query_id, r.rolname AS role, s.query, s.calls, s.mean_exec_time AS mean_ms, s.max_exec_time AS max_ms,
       s.total_exec_time AS total_ms, s.stddev_exec_time AS stddev_ms, s.rows,
       s.shared_blks_hit AS blocks_hit, s.shared_blks_read AS blocks_read,
       s.temp_blks_written AS temp_blocks_written
FROM {schema}.pg_stat_statements s
LEFT JOIN pg_roles r ON r.oid = s.userid
WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND s.query ~* '^\s*(/\*.*?\*/\s*)*(select|insert|update|delete|merge|with|\()'
  AND s.query !~ '/\* pgproof \*/'
ORDER BY s.total_exec_time DESC
LIMIT 1000
