-- Bytes on disk and estimated rows of every table and materialized view, largest first.
-- heap + toast + index = total: pg_table_size counts the toast table too, so it is taken off again.
-- A table dropped while the statement runs has sizes of null and is left out.
SELECT schema, "table", heap_bytes, toast_bytes, index_bytes, total_bytes, live_rows, dead_rows
FROM (
    SELECT n.nspname AS schema,
           c.relname AS "table",
           pg_table_size(c.oid) - toast.bytes AS heap_bytes,
           toast.bytes AS toast_bytes,
           pg_indexes_size(c.oid) AS index_bytes,
           pg_total_relation_size(c.oid) AS total_bytes,
           pg_stat_get_live_tuples(c.oid) AS live_rows,
           pg_stat_get_dead_tuples(c.oid) AS dead_rows
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (
        SELECT CASE WHEN c.reltoastrelid = 0 THEN 0 ELSE pg_total_relation_size(c.reltoastrelid) END AS bytes
    ) AS toast
    WHERE c.relkind IN ('r', 'm')
      AND c.relpersistence <> 't'
      AND n.nspname NOT IN ('pg_catalog', 'information_schema')
) AS sizes
WHERE total_bytes IS NOT NULL AND toast_bytes IS NOT NULL
ORDER BY total_bytes DESC, schema, "table";
