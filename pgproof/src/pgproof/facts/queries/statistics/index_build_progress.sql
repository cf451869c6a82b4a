-- Index builds under way in this database. The index has no name here until its creation is committed, which a
-- concurrent build does first and a plain one last.
SELECT p.pid,
       p.command,
       n.nspname AS schema,
       c.relname AS "table",
       i.relname AS index,
       p.phase,
       p.lockers_done,
       p.lockers_total,
       nullif(p.current_locker_pid, 0)::integer AS current_locker_pid,
       p.blocks_done,
       p.blocks_total,
       p.tuples_done,
       p.tuples_total,
       p.partitions_done,
       p.partitions_total
FROM pg_catalog.pg_stat_progress_create_index AS p
LEFT JOIN pg_catalog.pg_class AS c ON c.oid = p.relid
LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_class AS i ON i.oid = p.index_relid
WHERE p.datname = current_database()
ORDER BY p.pid;
