-- Indexes of the given tables that no constraint owns.
SELECT i.indexrelid::regclass::text AS name,
       pg_get_indexdef(i.indexrelid) AS definition,
       i.indisvalid AS is_valid,
       obj_description(i.indexrelid, 'pg_class') AS comment
  FROM pg_index AS i
 WHERE i.indrelid = ANY (%(tables)s::regclass[])
   AND NOT EXISTS (SELECT FROM pg_constraint AS con
                    WHERE con.conindid = i.indexrelid AND con.contype IN ('p', 'u', 'x'))
 ORDER BY i.indrelid::regclass::text, i.indexrelid::regclass::text
