-- Enums, domains and ranges; composite types are among the relations.
SELECT t.tableoid::bigint, t.oid::bigint, 0,
       jsonb_build_object(
           'owner', pg_get_userbyid(t.typowner),
           'kind', CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' ELSE 'range' END,
           'labels', (SELECT jsonb_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
           'base type', CASE t.typtype WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
           'not null', CASE t.typtype WHEN 'd' THEN t.typnotnull END,
           'default', pg_get_expr(t.typdefaultbin, 0),
           'collation', CASE WHEN t.typtype = 'd' AND t.typcollation <> b.typcollation
                             THEN t.typcollation::regcollation END,
           'subtype', CASE t.typtype WHEN 'r' THEN format_type(r.rngsubtype, NULL) END,
           'subtype collation', nullif(r.rngcollation, 0)::regcollation,
           'subtype operator class', o.opcname,
           'multirange', CASE t.typtype WHEN 'r' THEN format_type(r.rngmultitypid, NULL) END,
           'canonical', nullif(r.rngcanonical, 0)::regprocedure,
           'subtype difference', nullif(r.rngsubdiff, 0)::regprocedure)
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_type b ON b.oid = t.typbasetype
LEFT JOIN pg_range r ON r.rngtypid = t.oid
LEFT JOIN pg_opclass o ON o.oid = r.rngsubopc
WHERE t.typtype IN ('e', 'd', 'r')
  AND n.nspname = ANY (%(schemas)s)
