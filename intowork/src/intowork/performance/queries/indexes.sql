-- Every index of the platform's tables, one row for each of its key columns in their order.
SELECT t.relname AS table_name,
       i.relname AS index_name,
       x.indisunique AS is_unique,
       x.indisvalid AND x.indisready AND x.indislive AS is_valid,
       pg_get_expr(x.indpred, x.indrelid, true) AS predicate,
       pg_get_indexdef(x.indexrelid, k.position, true)
           || CASE WHEN (x.indoption[k.position - 1]::integer & 1) = 1 THEN ' DESC' ELSE '' END AS key
FROM pg_index x
     JOIN pg_class i ON i.oid = x.indexrelid
     JOIN pg_class t ON t.oid = x.indrelid
     JOIN pg_namespace n ON n.oid = t.relnamespace
     CROSS JOIN LATERAL generate_series(1, x.indnkeyatts::integer) AS k (position)
WHERE n.nspname = 'public'
ORDER BY t.relname, i.relname, k.position
