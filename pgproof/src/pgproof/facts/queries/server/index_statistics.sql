SELECT s.indexrelid::bigint AS index, s.idx_scan AS scans, s.idx_tup_read AS entries_read, s.idx_tup_fetch AS rows_fetched
FROM pg_stat_user_indexes s
