SELECT n.tableoid::bigint, n.oid::bigint, 0,
       jsonb_build_object('owner', pg_get_userbyid(n.nspowner))
FROM pg_namespace n
WHERE n.nspname = ANY (%(schemas)s)
