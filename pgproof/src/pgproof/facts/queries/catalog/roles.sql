SELECT /* pgproof */ r.oid::bigint AS oid, r.rolname AS name, r.rolsuper AS superuser, r.rolcanlogin AS login,
       r.rolbypassrls AS bypass_row_security, r.rolcreaterole AS create_role, r.rolcreatedb AS create_database,
       r.rolreplication AS replication, r.rolconnlimit AS connection_limit,
       (SELECT array_agg(g.rolname::text ORDER BY g.rolname) FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
        WHERE m.member = r.oid) AS member_of,
       r.rolname LIKE 'pg\_%%' AS predefined
FROM pg_roles r
ORDER BY r.rolname
