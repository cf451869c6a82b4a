SELECT /* pgproof */ s.oid::bigint AS oid, s.stxrelid::bigint AS relation, n.nspname AS schema, s.stxname AS name,
       s.stxkeys::int2[] AS columns, s.stxkind::text[] AS kinds, s.stxexprs IS NOT NULL AS has_expressions
FROM pg_statistic_ext s
JOIN pg_namespace n ON n.oid = s.stxnamespace
ORDER BY s.stxrelid, s.stxname
