-- What ANALYZE found, with values of numbers, times, truth values, enums and texts: they are coarsened or dropped by the
-- process that asks, and never written down. Texts are asked for to see which of them the schema names itself.
SELECT /* pgproof */ c.oid::bigint AS relation, s.attname AS column, s.null_frac::float8 AS null_fraction,
       s.avg_width AS average_bytes, s.n_distinct::float8 AS n_distinct, s.correlation::float8 AS correlation,
       s.most_common_freqs::float8[] AS frequencies,
       CASE WHEN t.typcategory IN ('N', 'B', 'E', 'S') THEN s.most_common_vals::text::text[] END AS common_words,
       seconds.common AS common_seconds,
       CASE WHEN t.typcategory = 'N' THEN s.histogram_bounds::text::text[] END AS bound_words,
       seconds.bounds AS bound_seconds,
       extract(epoch FROM now())::float8 AS now, t.typname IN ('date', 'timestamp', 'timestamptz') AS from_now,
       s.most_common_elem_freqs::float8[] AS element_frequencies,
       s.elem_count_histogram::float8[] AS element_counts
FROM pg_stats s
JOIN pg_namespace n ON n.nspname = s.schemaname
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = s.tablename
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = s.attname
-- Of a domain the type below it: its values print in the same way.
JOIN LATERAL (
    WITH RECURSIVE below AS (
        SELECT d.oid, d.typname, d.typcategory, d.typbasetype FROM pg_type d WHERE d.oid = a.atttypid
        UNION ALL
        SELECT d.oid, d.typname, d.typcategory, d.typbasetype FROM pg_type d JOIN below b ON d.oid = b.typbasetype
    )
    SELECT typname, typcategory FROM below WHERE typbasetype = 0
) t ON true
CROSS JOIN LATERAL (
    SELECT array_agg(v.seconds ORDER BY u.i) FILTER (WHERE w.common) AS common,
           array_agg(v.seconds ORDER BY u.i) FILTER (WHERE NOT w.common) AS bounds
    FROM (VALUES (true, s.most_common_vals::text::text[]), (false, s.histogram_bounds::text::text[])) w (common, words)
    CROSS JOIN unnest(w.words) WITH ORDINALITY AS u (word, i)
    CROSS JOIN LATERAL (SELECT CASE t.typname
        WHEN 'date' THEN extract(epoch FROM u.word::date)
        WHEN 'timestamp' THEN extract(epoch FROM u.word::timestamp)
        WHEN 'timestamptz' THEN extract(epoch FROM u.word::timestamptz)
        WHEN 'time' THEN extract(epoch FROM u.word::time)
        WHEN 'interval' THEN extract(epoch FROM u.word::interval)
    END::float8) v (seconds)
    WHERE t.typname IN ('date', 'timestamp', 'timestamptz', 'time', 'interval')
) seconds
WHERE s.schemaname !~ '^pg_' AND s.schemaname <> 'information_schema' AND NOT s.inherited AND c.relkind = 'r'
ORDER BY c.oid, s.attname
