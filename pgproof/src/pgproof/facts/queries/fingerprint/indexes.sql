SELECT c.tableoid::bigint, c.oid::bigint, 0,
       jsonb_build_object(
           'definition', pg_get_indexdef(x.indexrelid),
           'primary', x.indisprimary,
           'unique', x.indisunique,
           'immediate', x.indimmediate,
           'valid', x.indisvalid,
           'ready', x.indisready,
           'clustered', x.indisclustered,
           'replica identity', x.indisreplident,
           'tablespace', ts.spcname,
           'statistics', (SELECT jsonb_object_agg(a.attnum, a.attstattarget)
                          FROM pg_attribute a
                          WHERE a.attrelid = c.oid AND a.attstattarget >= 0),
           'partition of', (SELECT format('%%I.%%I', pn.nspname, p.relname)
                            FROM pg_inherits i
                            JOIN pg_class p ON p.oid = i.inhparent
                            JOIN pg_namespace pn ON pn.oid = p.relnamespace
                            WHERE i.inhrelid = c.oid))
FROM pg_index x
JOIN pg_class c ON c.oid = x.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_tablespace ts ON ts.oid = c.reltablespace
WHERE n.nspname = ANY (%(schemas)s)
