-- How often each index was used since the statistics of this database were reset, most used first.
SELECT s.schemaname AS schema,
       s.relname AS "table",
       s.indexrelname AS index,
       s.idx_scan AS scans,
       s.idx_tup_read AS entries_read,
       s.idx_tup_fetch AS rows_fetched,
       coalesce(pg_relation_size(s.indexrelid), 0) AS bytes
FROM pg_catalog.pg_stat_user_indexes AS s
ORDER BY scans DESC, schema, "table", index;
