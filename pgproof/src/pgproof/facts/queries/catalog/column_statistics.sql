-- Shapes alone: of the most common values their frequencies, never the values. pg_stats shows a role what it may read.
SELECT /* pgproof */ c.oid::bigint AS relation, s.attname AS column, s.inherited,
       s.null_frac::float8 AS null_fraction, s.avg_width AS average_bytes, s.n_distinct::float8 AS n_distinct,
       s.most_common_freqs::float8[] AS common_frequencies, s.correlation::float8 AS correlation
FROM pg_stats s
JOIN pg_namespace n ON n.nspname = s.schemaname
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = s.tablename
WHERE s.schemaname !~ '^pg_' AND s.schemaname <> 'information_schema'
  AND s.inherited = (c.relkind = 'p')
  AND c.relkind IN ('r', 'p', 'm', 'f')
ORDER BY c.oid, s.attname
