-- Keys of the given tables, and foreign keys of other tables that point at them.
SELECT con.contype = 'f' AS is_foreign_key,
       con.conrelid::regclass::text AS table_name,
       quote_ident(con.conname) AS name,
       pg_get_constraintdef(con.oid) AS definition,
       obj_description(con.oid, 'pg_constraint') AS comment,
       CASE WHEN con.contype <> 'f' THEN con.conindid::regclass::text END AS index_name,
       CASE WHEN con.contype <> 'f' THEN obj_description(con.conindid, 'pg_class') END AS index_comment
  FROM pg_constraint AS con
 WHERE con.contype IN ('p', 'u', 'x', 'f')
   AND (con.conrelid = ANY (%(tables)s::regclass[])
        OR (con.contype = 'f' AND con.confrelid = ANY (%(tables)s::regclass[])))
 ORDER BY con.conrelid::regclass::text, con.conname
