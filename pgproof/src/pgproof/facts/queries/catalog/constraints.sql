SELECT k.oid::bigint AS oid, k.conrelid::bigint AS relation, k.conname AS name,
       CASE k.contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique' WHEN 'f' THEN 'foreign key'
                      WHEN 'c' THEN 'check' WHEN 'x' THEN 'exclusion' ELSE 'not null' END AS kind,
       k.conkey::int2[] AS columns,
       nullif(k.confrelid::bigint, 0) AS referenced,
       k.confkey::int2[] AS referenced_columns,
       CASE k.confupdtype WHEN 'a' THEN 'no action' WHEN 'r' THEN 'restrict' WHEN 'c' THEN 'cascade'
                          WHEN 'n' THEN 'set null' WHEN 'd' THEN 'set default' END AS on_update,
       CASE k.confdeltype WHEN 'a' THEN 'no action' WHEN 'r' THEN 'restrict' WHEN 'c' THEN 'cascade'
                          WHEN 'n' THEN 'set null' WHEN 'd' THEN 'set default' END AS on_delete,
       k.confmatchtype = 'f' AS match_full,
       k.condeferrable AS deferrable, k.condeferred AS deferred,
       k.convalidated AS validated,
       nullif(k.conindid::bigint, 0) AS index,
       k.conislocal AS local, k.conparentid <> 0 AS from_parent,
       -- ALTER TABLE ... DISABLE TRIGGER ALL switches a foreign key off without a trace in pg_constraint.
       NOT EXISTS (SELECT FROM pg_trigger tg
                   WHERE tg.tgconstraint = k.oid AND tg.tgisinternal AND tg.tgenabled NOT IN ('O', 'A')) AS enforced,
       EXISTS (SELECT FROM pg_depend d JOIN pg_proc p ON p.oid = d.refobjid
               WHERE d.classid = 'pg_constraint'::regclass AND d.objid = k.oid AND k.contype = 'c'
                 AND d.refclassid = 'pg_proc'::regclass AND p.provolatile <> 'i') AS calls_unstable_user_function
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype IN ('p', 'u', 'f', 'c', 'x', 'n') AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY k.conrelid, k.conname, k.oid
