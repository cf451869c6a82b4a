-- Of tables and of domains. pg_get_constraintdef prints DEFERRABLE, NO INHERIT, NOT VALID and NOT ENFORCED.
SELECT k.tableoid::bigint, k.oid::bigint, 0,
       jsonb_build_object(
           'definition', pg_get_constraintdef(k.oid),
           'validated', k.convalidated,
           'inherited', CASE WHEN k.coninhcount > 0
                             THEN CASE WHEN k.conislocal THEN 'and local' ELSE 'only' END END,
           'index', CASE WHEN k.contype IN ('p', 'u', 'x')
                         THEN (SELECT i.relname FROM pg_class i WHERE i.oid = k.conindid) END,
           -- ALTER TABLE ... DISABLE TRIGGER ALL switches a foreign key off without touching pg_constraint.
           'triggers not firing', (SELECT jsonb_agg(DISTINCT tg.tgenabled)
                                   FROM pg_trigger tg
                                   WHERE tg.tgconstraint = k.oid AND tg.tgisinternal AND tg.tgenabled <> 'O'))
FROM pg_constraint k
JOIN pg_namespace n ON n.oid = k.connamespace
WHERE k.contype <> 't'
  AND n.nspname = ANY (%(schemas)s)
  -- A foreign key to a partitioned table has a shadow of itself for each partition, with a name that
  -- depends on the order in which the partitions were made.
  AND NOT EXISTS (SELECT FROM pg_constraint parent
                  WHERE parent.oid = k.conparentid AND parent.conrelid = k.conrelid)
