SELECT p.oid::bigint AS oid, p.polrelid::bigint AS relation, p.polname AS name,
       CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE'
                     ELSE 'ALL' END AS command,
       p.polpermissive AS permissive,
       (SELECT array_agg(coalesce(r.rolname::text, 'public') ORDER BY r.rolname)
        FROM unnest(p.polroles) o LEFT JOIN pg_roles r ON r.oid = o) AS roles
FROM pg_policy p
ORDER BY p.polrelid, p.polname
