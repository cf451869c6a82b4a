-- The order of the columns belongs to the relation, so that one dropped column is one difference.
SELECT c.tableoid::bigint, c.oid::bigint, a.attnum::int,
       jsonb_build_object(
           'type', format_type(a.atttypid, a.atttypmod),
           'collation', CASE WHEN a.attcollation <> t.typcollation
                             THEN format('%%I.%%I', cn.nspname, co.collname) END,
           'not null', a.attnotnull,
           CASE a.attgenerated WHEN 's' THEN 'generated stored' WHEN 'v' THEN 'generated virtual' ELSE 'default' END,
           pg_get_expr(d.adbin, d.adrelid),
           'identity', CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END,
           -- PostgreSQL 17 turned -1, "the default", into null.
           'statistics', nullif(a.attstattarget, -1),
           'storage', CASE WHEN a.attstorage <> t.typstorage
                           THEN CASE a.attstorage WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external'
                                                  WHEN 'm' THEN 'main' ELSE 'extended' END END,
           'compression', CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END,
           'inherited', CASE WHEN a.attinhcount > 0
                             THEN CASE WHEN a.attislocal THEN 'and local' ELSE 'only' END END,
           'options', (SELECT jsonb_agg(o ORDER BY o) FROM unnest(a.attoptions) o),
           'foreign options', (SELECT jsonb_agg(o ORDER BY o) FROM unnest(a.attfdwoptions) o))
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_collation co ON co.oid = a.attcollation
LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace
WHERE a.attnum > 0
  AND NOT a.attisdropped
  AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'c')
  AND n.nspname = ANY (%(schemas)s)
