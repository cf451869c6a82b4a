SELECT d.classoid::bigint, d.objoid::bigint, d.objsubid,
       jsonb_build_object('comment', d.description)
FROM pg_description d
-- Thousands of comments come with PostgreSQL; what initdb made lies below the first normal object id
-- (access/transam.h).
WHERE d.objoid >= 16384
   OR d.classoid IN ('pg_namespace'::regclass, 'pg_extension'::regclass)
