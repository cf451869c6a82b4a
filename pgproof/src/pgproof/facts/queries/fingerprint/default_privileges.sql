SELECT d.tableoid::bigint, d.oid::bigint, 0,
       jsonb_build_object(
           'rights', (SELECT jsonb_agg(right_text ORDER BY right_text)
                      FROM aclexplode(d.defaclacl) AS a
                      CROSS JOIN LATERAL (
                          SELECT format('%%s: %%s%%s by %%I',
                                        CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
                                        a.privilege_type,
                                        CASE WHEN a.is_grantable THEN ' with grant option' ELSE '' END,
                                        pg_get_userbyid(a.grantor))) AS r (right_text)))
FROM pg_default_acl d
LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
WHERE n.nspname = ANY (%(schemas)s) OR (%(whole_database)s AND d.defaclnamespace = 0)
