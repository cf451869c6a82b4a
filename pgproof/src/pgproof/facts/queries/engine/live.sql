-- In a transaction of the project's engine; run as it stands by any driver, so no per cent sign or colon but casts'.
SELECT /* pgproof */ d.datname AS database, d.oid::bigint AS database_oid, pg_postmaster_start_time() AS started_at,
       session_user::text AS role, current_user::text AS "current_role",
       coalesce((SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = session_user), false) AS superuser,
       (SELECT s.ssl FROM pg_stat_ssl s WHERE s.pid = pg_backend_pid()) AS tls,
       pg_backend_pid() AS backend_pid,
       has_function_privilege('pg_control_system()', 'EXECUTE') AS may_identify
FROM pg_database d
WHERE d.datname = current_database()
