-- Tables, partitions, views, materialized and foreign tables of all schemas but PostgreSQL's own and temporary ones.
-- calls_user_code: the planner folds and inlines functions in the indexes, checks, statistics and partition keys of any
-- table it reads, so a table whose own call a user's function, operator or operator class is told apart. What an extension
-- brings is the administrator's.
WITH user_code AS MATERIALIZED (
    SELECT d.classid, d.objid
    FROM pg_depend d
    WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_opclass'::regclass) AND d.refobjid >= 16384
      AND d.classid IN ('pg_class'::regclass, 'pg_constraint'::regclass, 'pg_statistic_ext'::regclass)
      AND NOT EXISTS (SELECT FROM pg_depend e
                      WHERE e.classid = d.refclassid AND e.objid = d.refobjid AND e.deptype = 'e')
), callers AS MATERIALIZED (
    SELECT u.objid AS relation FROM user_code u WHERE u.classid = 'pg_class'::regclass
    UNION
    SELECT x.indrelid FROM user_code u JOIN pg_index x ON x.indexrelid = u.objid WHERE u.classid = 'pg_class'::regclass
    UNION
    SELECT k.conrelid FROM user_code u JOIN pg_constraint k ON k.oid = u.objid
    WHERE u.classid = 'pg_constraint'::regclass AND k.contype = 'c'
    UNION
    SELECT s.stxrelid FROM user_code u JOIN pg_statistic_ext s ON s.oid = u.objid
    WHERE u.classid = 'pg_statistic_ext'::regclass
), parents AS MATERIALIZED (
    SELECT i.inhrelid AS relation, array_agg(i.inhparent::bigint ORDER BY i.inhseqno) AS oids
    FROM pg_inherits i
    GROUP BY i.inhrelid
)
SELECT /* pgproof */ c.oid::bigint AS oid, n.nspname AS schema, c.relname AS name,
       CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
                      WHEN 'm' THEN 'materialized view' ELSE 'foreign table' END AS kind,
       r.rolname AS owner,
       c.relpersistence = 'u' AS unlogged,
       c.relispartition AS is_partition,
       i.oids AS parents,
       p.partattrs::int2[] AS partition_key,
       CASE p.partstrat WHEN 'h' THEN 'hash' WHEN 'l' THEN 'list' WHEN 'r' THEN 'range' END AS partition_strategy,
       c.reloptions AS options,
       c.relrowsecurity AS row_security,
       c.relforcerowsecurity AS force_row_security,
       x.extname AS extension,
       c.reltuples::float8 AS reltuples,
       c.relpages AS pages,
       CASE WHEN c.relfrozenxid = '0' THEN 0 ELSE age(c.relfrozenxid) END::int8 AS frozen_xid_age,
       u.relation IS NOT NULL AS calls_user_code
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_roles r ON r.oid = c.relowner
LEFT JOIN parents i ON i.relation = c.oid
LEFT JOIN pg_partitioned_table p ON p.partrelid = c.oid
LEFT JOIN callers u ON u.relation = c.oid
LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0
                     AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
LEFT JOIN pg_extension x ON x.oid = d.refobjid
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY n.nspname, c.relname
