-- Without the rule every view has, which is its query.
SELECT r.tableoid::bigint, r.oid::bigint, 0,
       jsonb_build_object(
           'definition', pg_get_ruledef(r.oid),
           'fires', CASE r.ev_enabled WHEN 'O' THEN 'by default' WHEN 'D' THEN 'never'
                                      WHEN 'R' THEN 'on replicas' WHEN 'A' THEN 'always' END)
FROM pg_rewrite r
JOIN pg_class c ON c.oid = r.ev_class
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.rulename <> '_RETURN'
  AND n.nspname = ANY (%(schemas)s)
