-- Size functions open each relation, so locked ones are left out.
SELECT /* pgproof */ c.oid::bigint AS oid, pg_relation_size(c.oid) AS heap_bytes,
       CASE WHEN c.relkind = 'i' THEN pg_relation_size(c.oid) ELSE pg_table_size(c.oid) END AS bytes
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_index x ON x.indexrelid = c.oid
WHERE c.relkind IN ('r', 'm', 'i') AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND coalesce(x.indrelid, c.oid) <> ALL (%(locked)s::oid[])
  AND c.oid <> ALL (%(locked)s::oid[])
