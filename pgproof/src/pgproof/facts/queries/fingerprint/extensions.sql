SELECT e.tableoid::bigint, e.oid::bigint, 0,
       jsonb_build_object(
           'owner', pg_get_userbyid(e.extowner),
           'version', e.extversion,
           'schema', n.nspname)
FROM pg_extension e
JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE %(whole_database)s OR n.nspname = ANY (%(schemas)s)
