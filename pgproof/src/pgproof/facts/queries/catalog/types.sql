-- Enums with their labels, and domains.
SELECT t.oid::bigint AS oid, n.nspname AS schema, t.typname AS name,
       CASE t.typtype WHEN 'e' THEN 'enum' ELSE 'domain' END AS kind,
       (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid) AS labels,
       CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END AS base_type,
       t.typnotnull AS not_null,
       EXISTS (SELECT FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c') AS has_check
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype IN ('e', 'd') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY n.nspname, t.typname
