-- The schemas to read: those asked for, or all that belong to users.
SELECT nspname
FROM pg_namespace
WHERE nspname !~ '^pg_'
  AND nspname <> 'information_schema'
  AND (%(schemas)s::text[] IS NULL OR nspname = ANY (%(schemas)s))
