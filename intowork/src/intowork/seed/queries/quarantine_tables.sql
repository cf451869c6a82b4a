-- Tables that hold what a migration moved aside, which belongs to the rows that are replaced.
SELECT c.oid::regclass::text
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = 'quarantine' AND c.relkind IN ('r', 'p')
 ORDER BY 1
