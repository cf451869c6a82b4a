WITH feeds AS MATERIALIZED (
    SELECT u.refobjid AS sequence, array_agg(f.adrelid::bigint * 65536 + f.adnum ORDER BY f.adrelid, f.adnum) AS columns
    FROM pg_depend u
    JOIN pg_attrdef f ON f.oid = u.objid
    WHERE u.classid = 'pg_attrdef'::regclass AND u.refclassid = 'pg_class'::regclass AND u.refobjsubid = 0
    GROUP BY u.refobjid
)
SELECT /* pgproof */ s.seqrelid::bigint AS oid, n.nspname AS schema, c.relname AS name, format_type(s.seqtypid, NULL) AS type,
       s.seqstart AS start, s.seqincrement AS increment, s.seqmin AS minimum, s.seqmax AS maximum, s.seqcycle AS cycle,
       d.refobjid::bigint AS owner_table, d.refobjsubid AS owner_column,
       f.columns AS feeds,
       x.extname AS extension,
       -- A standby cannot read an unlogged one.
       has_schema_privilege(n.oid, 'USAGE') AND has_sequence_privilege(s.seqrelid, 'SELECT')
       AND (c.relpersistence = 'p' OR NOT pg_is_in_recovery()) AS readable
FROM pg_sequence s
JOIN pg_class c ON c.oid = s.seqrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN feeds f ON f.sequence = s.seqrelid
LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid
                     AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
LEFT JOIN pg_depend e ON e.classid = 'pg_class'::regclass AND e.objid = s.seqrelid
                     AND e.refclassid = 'pg_extension'::regclass AND e.deptype = 'e'
LEFT JOIN pg_extension x ON x.oid = e.refobjid
WHERE c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY n.nspname, c.relname
