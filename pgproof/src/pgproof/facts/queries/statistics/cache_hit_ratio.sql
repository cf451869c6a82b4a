-- Blocks of user tables and of their indexes found in shared buffers, and the ratio, null while nothing was read.
-- The numbers are sums over the tables of this database since its statistics were reset.
SELECT kind,
       hits,
       reads,
       (hits::double precision / nullif(hits + reads, 0)) AS ratio
FROM (
    SELECT coalesce(sum(coalesce(heap_blks_hit, 0) + coalesce(toast_blks_hit, 0)), 0)::bigint AS table_hits,
           coalesce(sum(coalesce(heap_blks_read, 0) + coalesce(toast_blks_read, 0)), 0)::bigint AS table_reads,
           coalesce(sum(coalesce(idx_blks_hit, 0) + coalesce(tidx_blks_hit, 0)), 0)::bigint AS index_hits,
           coalesce(sum(coalesce(idx_blks_read, 0) + coalesce(tidx_blks_read, 0)), 0)::bigint AS index_reads
    FROM pg_catalog.pg_statio_user_tables
) AS blocks
CROSS JOIN LATERAL (
    VALUES ('tables', table_hits, table_reads), ('indexes', index_hits, index_reads)
) AS kinds (kind, hits, reads);
