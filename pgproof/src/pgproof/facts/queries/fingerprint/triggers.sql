SELECT t.tableoid::bigint, t.oid::bigint, 0,
       jsonb_build_object(
           'definition', pg_get_triggerdef(t.oid),
           'fires', CASE t.tgenabled WHEN 'O' THEN 'by default' WHEN 'D' THEN 'never'
                                     WHEN 'R' THEN 'on replicas' WHEN 'A' THEN 'always' END)
FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal
  AND n.nspname = ANY (%(schemas)s)
