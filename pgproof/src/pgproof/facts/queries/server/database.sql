-- A database whose collation version was never recorded (a dump of an older server, the C locale) has none to differ from.
SELECT /* pgproof */ d.datname AS name, d.oid::bigint AS oid, d.datconnlimit AS connection_limit, current_setting('server_version') AS server_version,
       current_setting('server_version_num')::int AS server_version_num,
       CASE WHEN has_database_privilege(d.oid, 'CONNECT') THEN pg_database_size(d.oid) END AS size_bytes,
       pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collation,
       d.datlocprovider::text AS locale_provider,
       coalesce(d.datcollversion <> pg_database_collation_actual_version(d.oid), false) AS collation_version_changed,
       r.rolname AS owner,
       pg_is_in_recovery() AS in_recovery,
       age(d.datfrozenxid)::int8 AS frozen_xid_age,
       mxid_age(d.datminmxid)::int8 AS minimum_multixact_age,
       pg_postmaster_start_time() AS started_at,
       (SELECT s.stats_reset FROM pg_stat_database s WHERE s.datid = d.oid) AS statistics_since,
       now() AS taken_at,
       (SELECT count(*) FROM pg_database o WHERE NOT o.datistemplate AND o.datallowconn) AS databases,
       has_function_privilege('pg_control_system()', 'EXECUTE') AS may_identify,
       (SELECT to_json(own)
        FROM (SELECT current_user AS role, a.rolsuper AS superuser,
                     pg_has_role(current_user, 'pg_monitor', 'USAGE') AS monitor,
                     pg_has_role(current_user, 'pg_read_all_settings', 'USAGE') AS read_all_settings,
                     pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS read_all_stats,
                     pg_has_role(current_user, 'pg_read_all_data', 'USAGE') AS read_all_data,
                     has_function_privilege('pg_hba_file_rules()', 'EXECUTE') AS read_authentication_rules
              FROM pg_roles a
              WHERE a.rolname = current_user) AS own) AS rights
FROM pg_database d
JOIN pg_roles r ON r.oid = d.datdba
WHERE d.datname = current_database()
