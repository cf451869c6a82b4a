-- Names and properties; never bodies. A parameter of an application's own (SET app.key = ...) may hold a secret.
SELECT /* pgproof */ p.oid::bigint AS oid, n.nspname AS schema, p.proname AS name,
       pg_get_function_identity_arguments(p.oid) AS arguments,
       l.lanname AS language, r.rolname AS owner, p.prosecdef AS security_definer,
       (SELECT array_agg(CASE WHEN split_part(s.setting, '=', 1) LIKE '%%.%%'
                              THEN split_part(s.setting, '=', 1) || '=(set)' ELSE s.setting END ORDER BY s.position)
        FROM unnest(p.proconfig) WITH ORDINALITY s (setting, position)) AS configuration,
       CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END AS volatility,
       t.typname = 'trigger' AS is_trigger,
       EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
               WHERE a.grantee = 0 AND a.privilege_type = 'EXECUTE') AS public_execute,
       x.extname AS extension, p.prosqlbody IS NOT NULL AS sql_body
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_language l ON l.oid = p.prolang
JOIN pg_roles r ON r.oid = p.proowner
JOIN pg_type t ON t.oid = p.prorettype
LEFT JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                     AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
LEFT JOIN pg_extension x ON x.oid = d.refobjid
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY n.nspname, p.proname, p.oid
