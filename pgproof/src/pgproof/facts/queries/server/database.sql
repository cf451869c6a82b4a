SELECT d.datname AS name, current_setting('server_version') AS server_version,
       current_setting('server_version_num')::int AS server_version_num,
       CASE WHEN has_database_privilege(d.oid, 'CONNECT') THEN pg_database_size(d.oid) END AS size_bytes,
       pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collation,
       d.datlocprovider::text AS locale_provider,
       d.datcollversion IS DISTINCT FROM
           CASE WHEN d.datlocprovider = 'c' THEN pg_database_collation_actual_version(d.oid) ELSE d.datcollversion END
           AS collation_version_changed,
       r.rolname AS owner,
       pg_is_in_recovery() AS in_recovery,
       age(d.datfrozenxid)::int8 AS frozen_xid_age,
       mxid_age(d.datminmxid)::int8 AS minimum_multixact_age,
       pg_postmaster_start_time() AS started_at,
       (SELECT s.stats_reset FROM pg_stat_database s WHERE s.datid = d.oid) AS statistics_since,
       now() AS taken_at,
       (SELECT count(*) FROM pg_database o WHERE NOT o.datistemplate AND o.datallowconn) AS databases
FROM pg_database d
JOIN pg_roles r ON r.oid = d.datdba
WHERE d.datname = current_database()
