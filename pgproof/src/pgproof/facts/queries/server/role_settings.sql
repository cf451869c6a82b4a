-- ALTER DATABASE and ALTER ROLE ... SET; NULL stands for every database, or every role. Values of ours alone: those that
-- are numbers or known words; a custom parameter may hold a secret.
SELECT /* pgproof */ d.datname AS database, r.rolname AS role, split_part(s.setting, '=', 1) AS name,
       CASE WHEN split_part(s.setting, '=', 1) LIKE '%%.%%' THEN '(set)'
            ELSE substr(s.setting, strpos(s.setting, '=') + 1) END AS value
FROM pg_db_role_setting x
CROSS JOIN LATERAL unnest(x.setconfig) AS s (setting)
LEFT JOIN pg_database d ON d.oid = x.setdatabase
LEFT JOIN pg_roles r ON r.oid = x.setrole
WHERE x.setdatabase = 0 OR d.datname = current_database()
ORDER BY 1, 2, 3
