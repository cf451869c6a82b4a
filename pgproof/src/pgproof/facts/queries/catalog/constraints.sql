-- conenforced and conperiod exist from 18: a name that pg_constraint lacks is found in the row beside it. A foreign key to
-- a partitioned table has a copy for each partition referred to, on the same table; those are one key and left out.
SELECT /* pgproof */ k.oid::bigint AS oid, k.conrelid::bigint AS relation, k.conname AS name,
       CASE k.contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique' WHEN 'f' THEN 'foreign key'
                      WHEN 'c' THEN 'check' WHEN 'x' THEN 'exclusion' ELSE 'not null' END AS kind,
       k.conkey::int2[] AS columns,
       nullif(k.confrelid::bigint, 0) AS referenced,
       k.confkey::int2[] AS referenced_columns,
       CASE k.confupdtype WHEN 'a' THEN 'no action' WHEN 'r' THEN 'restrict' WHEN 'c' THEN 'cascade'
                          WHEN 'n' THEN 'set null' WHEN 'd' THEN 'set default' END AS on_update,
       CASE k.confdeltype WHEN 'a' THEN 'no action' WHEN 'r' THEN 'restrict' WHEN 'c' THEN 'cascade'
                          WHEN 'n' THEN 'set null' WHEN 'd' THEN 'set default' END AS on_delete,
       k.confdelsetcols::int2[] AS on_delete_columns,
       k.confmatchtype = 'f' AS match_full,
       k.condeferrable AS deferrable, k.condeferred AS deferred,
       k.convalidated AS validated,
       nullif(k.conindid::bigint, 0) AS index,
       k.conislocal AS local, k.conparentid <> 0 AS from_parent,
       k.is_enforced AND off.tgconstraint IS NULL AS enforced,
       k.is_period AS period,
       unstable.objid IS NOT NULL AS calls_unstable_user_function
FROM (SELECT true AS conenforced, false AS conperiod) AS before_18
CROSS JOIN LATERAL (SELECT o.*, conenforced AS is_enforced, conperiod AS is_period FROM pg_constraint o) AS k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_constraint above ON above.oid = k.conparentid AND above.conrelid = k.conrelid
-- ALTER TABLE ... DISABLE TRIGGER ALL switches a foreign key off without a trace in pg_constraint.
LEFT JOIN (SELECT DISTINCT t.tgconstraint FROM pg_trigger t WHERE t.tgisinternal AND t.tgenabled NOT IN ('O', 'A')) AS off
       ON off.tgconstraint = k.oid
LEFT JOIN (SELECT DISTINCT d.objid FROM pg_depend d JOIN pg_proc p ON p.oid = d.refobjid
           WHERE d.classid = 'pg_constraint'::regclass AND d.refclassid = 'pg_proc'::regclass AND p.provolatile <> 'i') AS unstable
       ON unstable.objid = k.oid AND k.contype = 'c'
WHERE k.contype IN ('p', 'u', 'f', 'c', 'x', 'n') AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND above.oid IS NULL
ORDER BY k.conrelid, k.conname, k.oid
