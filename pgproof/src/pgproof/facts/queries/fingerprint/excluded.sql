-- Excluded tables and members of extensions, with every object that lives and dies with them
-- (pg_depend: auto, internal and partition dependencies).
WITH RECURSIVE excluded (classid, objid) AS (
    SELECT 'pg_class'::regclass::oid, c.oid
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname || '.' || c.relname = ANY (%(exclude)s)
    UNION
    SELECT d.classid, d.objid
    FROM pg_depend d
    WHERE d.deptype = 'e'
    UNION
    SELECT d.classid, d.objid
    FROM excluded e
    JOIN pg_depend d ON d.refclassid = e.classid AND d.refobjid = e.objid
    WHERE d.deptype IN ('a', 'i', 'P', 'S')
)
SELECT classid::bigint, objid::bigint
FROM excluded
