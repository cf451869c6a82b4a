-- Tables, partitioned and foreign tables, views, materialized views; composite types as the types they are.
SELECT CASE c.relkind WHEN 'c' THEN 'pg_type'::regclass::bigint ELSE c.tableoid::bigint END,
       CASE c.relkind WHEN 'c' THEN c.reltype::bigint ELSE c.oid::bigint END,
       0,
       jsonb_build_object(
           'owner', pg_get_userbyid(c.relowner),
           'columns', (SELECT jsonb_agg(a.attname ORDER BY a.attnum)
                       FROM pg_attribute a
                       WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
           'persistence', CASE c.relpersistence WHEN 'u' THEN 'unlogged' END,
           'of type', CASE WHEN c.reloftype <> 0 THEN format_type(c.reloftype, NULL) END,
           'access method', am.amname,
           'tablespace', ts.spcname,
           'options', (SELECT jsonb_agg(o ORDER BY o) FROM unnest(c.reloptions) o),
           'toast options', (SELECT jsonb_agg(o ORDER BY o) FROM unnest(t.reloptions) o),
           'replica identity', CASE c.relreplident WHEN 'n' THEN 'nothing' WHEN 'f' THEN 'full' WHEN 'i' THEN 'index' END,
           'row security', CASE WHEN c.relforcerowsecurity THEN 'forced' WHEN c.relrowsecurity THEN 'enabled' END,
           'inherits', (SELECT jsonb_agg(
                                   format('%%I.%%I', pn.nspname, p.relname)
                                   || CASE WHEN i.inhdetachpending THEN ' (detach pending)' ELSE '' END
                                   ORDER BY i.inhseqno)
                        FROM pg_inherits i
                        JOIN pg_class p ON p.oid = i.inhparent
                        JOIN pg_namespace pn ON pn.oid = p.relnamespace
                        WHERE i.inhrelid = c.oid),
           'partition key', CASE c.relkind WHEN 'p' THEN pg_get_partkeydef(c.oid) END,
           'partition bound', pg_get_expr(c.relpartbound, c.oid),
           'query', CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
           'populated', CASE c.relkind WHEN 'm' THEN c.relispopulated END,
           'server', s.srvname,
           'foreign options', (SELECT jsonb_agg(o ORDER BY o) FROM unnest(f.ftoptions) o))
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_am am ON am.oid = c.relam
LEFT JOIN pg_tablespace ts ON ts.oid = c.reltablespace
LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
LEFT JOIN pg_foreign_table f ON f.ftrelid = c.oid
LEFT JOIN pg_foreign_server s ON s.oid = f.ftserver
WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'c')
  AND n.nspname = ANY (%(schemas)s)
