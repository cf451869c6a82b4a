-- Rights that differ from the ones PostgreSQL gives by default: a GRANT taken back leaves an explicit list of
-- the defaults behind, which means the same as no list.
WITH objects (classid, objid, objsubid, acl, default_acl) AS (
    SELECT tableoid, oid, 0, nspacl, acldefault('n', nspowner)
    FROM pg_namespace
    UNION ALL
    SELECT tableoid, oid, 0, relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)
    FROM pg_class
    UNION ALL
    SELECT 'pg_class'::regclass, attrelid, attnum, attacl, acldefault('c', 0::oid)
    FROM pg_attribute
    UNION ALL
    SELECT tableoid, oid, 0, proacl, acldefault('f', proowner)
    FROM pg_proc
    UNION ALL
    SELECT tableoid, oid, 0, typacl, acldefault('T', typowner)
    FROM pg_type
), listed AS (
    SELECT o.classid, o.objid, o.objsubid, l.is_default,
           coalesce(
               (SELECT jsonb_agg(right_text ORDER BY right_text)
                FROM aclexplode(l.acl) AS a
                CROSS JOIN LATERAL (
                    SELECT format('%%s: %%s%%s by %%I',
                                  CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
                                  a.privilege_type,
                                  CASE WHEN a.is_grantable THEN ' with grant option' ELSE '' END,
                                  pg_get_userbyid(a.grantor))) AS r (right_text)),
               '[]') AS rights
    FROM objects o
    CROSS JOIN LATERAL (VALUES (false, o.acl), (true, o.default_acl)) AS l (is_default, acl)
    WHERE o.acl IS NOT NULL
      -- Objects of PostgreSQL itself lie below the first normal object id (access/transam.h).
      AND (o.objid >= 16384 OR o.classid = 'pg_namespace'::regclass)
)
SELECT g.classid::bigint, g.objid::bigint, g.objsubid::int, jsonb_build_object('rights', g.rights)
FROM listed g
JOIN listed d USING (classid, objid, objsubid)
WHERE NOT g.is_default
  AND d.is_default
  AND g.rights <> d.rights
