-- The locale's column has another name in every other version; the version of the library is the machine's.
SELECT c.tableoid::bigint, c.oid::bigint, 0,
       jsonb_build_object('owner', pg_get_userbyid(c.collowner))
       || (to_jsonb(c) - '{oid,collname,collnamespace,collowner,collversion}'::text[])
FROM pg_collation c
JOIN pg_namespace n ON n.oid = c.collnamespace
WHERE n.nspname = ANY (%(schemas)s)
