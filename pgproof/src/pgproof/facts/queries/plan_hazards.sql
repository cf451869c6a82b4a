-- What planning a statement could run or read beyond tables: the planner calls immutable functions with constant arguments,
-- inlines those in SQL, and looks into views. Names are compared without their schemas and arguments, so that what is
-- found is too much rather than too little; what an extension brings is the administrator's.
WITH ours AS MATERIALIZED (
    SELECT e.classid, e.objid FROM pg_depend e WHERE e.refclassid = 'pg_extension'::regclass AND e.deptype = 'e'
)
SELECT /* pgproof */ 'calls ' || p.proname || '(), a function of a user' AS hazard
FROM pg_proc p
WHERE p.oid >= 16384 AND p.proname = ANY (%(words)s::name[])
  AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
  AND NOT EXISTS (SELECT FROM ours WHERE ours.classid = 'pg_proc'::regclass AND ours.objid = p.oid)
UNION ALL
SELECT 'may use ' || o.oprname || ', an operator of a user'
FROM pg_operator o
WHERE o.oid >= 16384 AND strpos(%(text)s, o.oprname) > 0
  AND NOT EXISTS (SELECT FROM ours WHERE ours.classid = 'pg_operator'::regclass AND ours.objid = o.oid)
UNION ALL
SELECT 'may use a cast of a user from ' || format_type(c.castsource, NULL) || ' to ' || format_type(c.casttarget, NULL)
FROM pg_cast c
WHERE c.oid >= 16384 AND c.castfunc >= 16384
  AND NOT EXISTS (SELECT FROM ours WHERE ours.classid = 'pg_cast'::regclass AND ours.objid = c.oid)
UNION ALL
SELECT 'names ' || c.relname || ', which is a ' || CASE WHEN c.relkind = 'f' THEN 'foreign table' ELSE 'view' END
FROM pg_class c
WHERE c.oid >= 16384 AND c.relkind IN ('v', 'f') AND c.relname = ANY (%(words)s::name[])
LIMIT 1
