-- Without the current value, which is data and moves with every row.
SELECT c.tableoid::bigint, c.oid::bigint, 0,
       jsonb_build_object(
           'owner', pg_get_userbyid(c.relowner),
           'persistence', CASE c.relpersistence WHEN 'u' THEN 'unlogged' END,
           'type', format_type(s.seqtypid, NULL),
           'start', s.seqstart,
           'increment', s.seqincrement,
           'minimum', s.seqmin,
           'maximum', s.seqmax,
           'cache', s.seqcache,
           'cycle', s.seqcycle,
           'owned by', (SELECT i.identity
                        FROM pg_depend d
                        CROSS JOIN LATERAL pg_identify_object(d.refclassid, d.refobjid, d.refobjsubid) AS i
                        WHERE d.classid = c.tableoid AND d.objid = c.oid
                          AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0))
FROM pg_sequence s
JOIN pg_class c ON c.oid = s.seqrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY (%(schemas)s)
