SELECT /* pgproof */ t.oid::bigint AS oid, t.tgrelid::bigint AS relation, t.tgname AS name, n.nspname AS function_schema, p.proname AS function_name,
       t.tgenabled::text AS enabled, (t.tgtype & 2) > 0 AS before, (t.tgtype & 1) > 0 AS for_each_row,
       array_remove(ARRAY[CASE WHEN (t.tgtype & 4) > 0 THEN 'INSERT' END, CASE WHEN (t.tgtype & 8) > 0 THEN 'DELETE' END,
                          CASE WHEN (t.tgtype & 16) > 0 THEN 'UPDATE' END, CASE WHEN (t.tgtype & 32) > 0 THEN 'TRUNCATE' END],
                    NULL) AS events
FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace cn ON cn.oid = c.relnamespace
JOIN pg_proc p ON p.oid = t.tgfoid
JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE NOT t.tgisinternal AND c.relpersistence <> 't'
  AND cn.nspname !~ '^pg_' AND cn.nspname <> 'information_schema'
ORDER BY t.tgrelid, t.tgname
