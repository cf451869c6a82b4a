-- Statements of this database whose mean execution time exceeds the threshold, slowest first.
-- One row for a statement whoever ran it; utility statements (COPY, CREATE, VACUUM, BEGIN ...) are told by their first
-- word after comments and parentheses, since pg_stat_statements does not mark them.
SELECT s.queryid AS query_id,
       min(s.query) AS query,
       sum(s.calls)::bigint AS calls,
       sum(s.total_exec_time) / sum(s.calls) AS mean_ms,
       max(s.max_exec_time) AS max_ms,
       sum(s.total_exec_time) AS total_ms,
       sum(s.rows)::bigint AS rows
FROM {schema}.pg_stat_statements AS s
JOIN pg_catalog.pg_database AS d ON d.oid = s.dbid
WHERE d.datname = current_database()
  AND s.calls > 0
  AND s.query ~* '^(\s|\(|/\*([^*]|\*+[^*/])*\*+/|--[^\n]*\n)*(select|insert|update|delete|merge|with|values|table)\M'
GROUP BY s.queryid
HAVING sum(s.total_exec_time) / sum(s.calls) >= %(threshold_ms)s
ORDER BY mean_ms DESC, query_id;
