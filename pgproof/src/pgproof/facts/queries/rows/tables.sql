-- Tables whose rows are hashed, with their columns in the order of their names. A partition's rows are those of
-- its partitioned table; an inheriting table has rows and columns of its own.
SELECT n.nspname,
       c.relname,
       c.relkind = 'p',
       coalesce((SELECT array_agg(a.attname ORDER BY a.attname COLLATE "C")
                 FROM pg_attribute a
                 WHERE a.attrelid = c.oid
                   AND a.attnum > 0
                   AND NOT a.attisdropped
                   AND n.nspname || '.' || c.relname || '.' || a.attname <> ALL (%(exclude_columns)s)),
                '{}')
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p')
  AND NOT c.relispartition
  AND n.nspname = ANY (%(schemas)s)
  AND n.nspname || '.' || c.relname <> ALL (%(exclude)s)
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = c.tableoid AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
