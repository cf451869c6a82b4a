-- The text of a row tells null from '' and from 'NULL'; a sum does not depend on the order of the rows, and
-- PostgreSQL's sum of bigint is numeric, so nothing overflows.
SELECT count(*), coalesce(sum(hashtextextended(ROW({columns})::text COLLATE "C", 0)), 0)
FROM {table} AS t
