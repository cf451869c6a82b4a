-- What decides beside the checks of a table whether a row is accepted: the bounds of a partition, the checks of domains;
-- and what generated columns hold, which rules may be about.
SELECT /* pgproof */ 'partition' AS kind, n.nspname AS schema, c.relname AS name, pg_get_partition_constraintdef(c.oid) AS condition,
       NULL AS below_schema, NULL AS below
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relispartition AND c.relkind = 'r' AND pg_get_partition_constraintdef(c.oid) IS NOT NULL
UNION ALL
SELECT 'generated', n.nspname, c.relname, pg_get_expr(d.adbin, d.adrelid), NULL, a.attname
FROM pg_attribute a
JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE a.attgenerated <> '' AND c.relkind = 'r'
UNION ALL
SELECT 'domain', n.nspname, t.typname, pg_get_constraintdef(k.oid), bn.nspname, b.typname
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
JOIN pg_type b ON b.oid = t.typbasetype
JOIN pg_namespace bn ON bn.oid = b.typnamespace
LEFT JOIN pg_constraint k ON k.contypid = t.oid AND k.contype = 'c'
WHERE t.typtype = 'd' AND n.nspname <> 'information_schema'
