-- Tables, partitions, views, materialized and foreign tables of all schemas but PostgreSQL's own and temporary ones.
SELECT c.oid::bigint AS oid, n.nspname AS schema, c.relname AS name,
       CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
                      WHEN 'm' THEN 'materialized view' ELSE 'foreign table' END AS kind,
       r.rolname AS owner,
       c.relpersistence = 'u' AS unlogged,
       c.relispartition AS is_partition,
       (SELECT array_agg(i.inhparent::bigint ORDER BY i.inhseqno) FROM pg_inherits i WHERE i.inhrelid = c.oid) AS parents,
       (SELECT p.partattrs::int2[] FROM pg_partitioned_table p WHERE p.partrelid = c.oid) AS partition_key,
       (SELECT CASE p.partstrat WHEN 'h' THEN 'hash' WHEN 'l' THEN 'list' ELSE 'range' END
        FROM pg_partitioned_table p WHERE p.partrelid = c.oid) AS partition_strategy,
       c.reloptions AS options,
       c.relrowsecurity AS row_security,
       c.relforcerowsecurity AS force_row_security,
       x.extname AS extension,
       c.reltuples::float8 AS reltuples,
       c.relpages AS pages,
       CASE WHEN c.relfrozenxid = '0' THEN 0 ELSE age(c.relfrozenxid) END::int8 AS frozen_xid_age
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_roles r ON r.oid = c.relowner
LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0 AND d.deptype = 'e'
LEFT JOIN pg_extension x ON x.oid = d.refobjid
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY n.nspname, c.relname
