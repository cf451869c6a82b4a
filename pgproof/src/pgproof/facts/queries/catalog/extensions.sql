SELECT /* pgproof */ x.extname AS name, n.nspname AS schema, x.extversion AS version, a.default_version
FROM pg_extension x
JOIN pg_namespace n ON n.oid = x.extnamespace
LEFT JOIN pg_available_extensions a ON a.name = x.extname
ORDER BY x.extname
