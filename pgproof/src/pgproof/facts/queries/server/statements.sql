-- Of this database, one row for a statement whoever ran it, without our own and without utility statements, which are
-- told by their first word after comments and parentheses, since pg_stat_statements does not mark them.
SELECT /* pgproof */ s.queryid AS query_id,
       CASE WHEN count(DISTINCT s.userid) = 1 THEN min(r.rolname::text) END AS role,
       min(s.query) AS query,
       sum(s.calls)::bigint AS calls,
       sum(s.total_exec_time) / sum(s.calls) AS mean_ms,
       max(s.max_exec_time) AS max_ms,
       sum(s.total_exec_time) AS total_ms,
       -- The spread of all calls, from the spread and the mean of each role's.
       sqrt(greatest(sum(s.calls * (s.stddev_exec_time ^ 2 + s.mean_exec_time ^ 2)) / sum(s.calls)
                     - (sum(s.total_exec_time) / sum(s.calls)) ^ 2, 0)) AS stddev_ms,
       sum(s.rows)::bigint AS rows,
       sum(s.shared_blks_hit)::bigint AS blocks_hit, sum(s.shared_blks_read)::bigint AS blocks_read,
       sum(s.temp_blks_written)::bigint AS temp_blocks_written
FROM {schema}.pg_stat_statements s
LEFT JOIN pg_roles r ON r.oid = s.userid
WHERE s.dbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
  AND s.calls > 0
  AND s.query ~* '^(\s|\(|/\*([^*]|\*+[^*/])*\*+/|--[^\n]*\n)*(select|insert|update|delete|merge|with|values|table)\M'
  AND strpos(s.query, '/* pgproof */') = 0
GROUP BY s.queryid
ORDER BY total_ms DESC, query_id
LIMIT 1000
