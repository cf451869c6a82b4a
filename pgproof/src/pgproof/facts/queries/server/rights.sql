SELECT current_user AS role, r.rolsuper AS superuser,
       pg_has_role(current_user, 'pg_monitor', 'USAGE') AS monitor,
       pg_has_role(current_user, 'pg_read_all_settings', 'USAGE') AS read_all_settings,
       pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS read_all_stats,
       pg_has_role(current_user, 'pg_read_all_data', 'USAGE') AS read_all_data,
       has_function_privilege('pg_hba_file_rules()', 'EXECUTE') AS read_authentication_rules
FROM pg_roles r
WHERE r.rolname = current_user
