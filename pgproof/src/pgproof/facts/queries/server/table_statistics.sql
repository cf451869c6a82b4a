-- Before PostgreSQL 16 the view lacks last_seq_scan and last_idx_scan: the names then mean those of "absent".
SELECT /* pgproof */ s.relid::bigint AS relation, s.seq_scan AS sequential_scans, s.seq_tup_read AS sequential_rows_read,
       coalesce(s.idx_scan, 0) AS index_scans, coalesce(s.idx_tup_fetch, 0) AS index_rows_fetched,
       s.n_tup_ins AS inserted, s.n_tup_upd AS updated, s.n_tup_hot_upd AS hot_updated, s.n_tup_del AS deleted,
       s.n_live_tup AS live_rows, s.n_dead_tup AS dead_rows,
       s.n_mod_since_analyze AS changed_since_analyze, s.n_ins_since_vacuum AS inserted_since_vacuum,
       greatest(s.last_vacuum, s.last_autovacuum) AS vacuumed_at, greatest(s.last_analyze, s.last_autoanalyze) AS analyzed_at,
       pg_stat_get_blocks_fetched(s.relid) - pg_stat_get_blocks_hit(s.relid) AS heap_reads,
       pg_stat_get_blocks_hit(s.relid) AS heap_hits,
       s.scanned_at AS last_sequential_scan, s.index_scanned_at AS last_index_scan
FROM (SELECT NULL::timestamptz AS last_seq_scan, NULL::timestamptz AS last_idx_scan) AS absent
CROSS JOIN LATERAL (SELECT u.*, last_seq_scan AS scanned_at, last_idx_scan AS index_scanned_at
                    FROM pg_stat_user_tables u) AS s
