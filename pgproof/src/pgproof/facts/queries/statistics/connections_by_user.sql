-- Client connections to the whole server by role, database and state: max_connections is the server's, too.
SELECT usename AS "user", datname AS database, state, count(*) AS connections
FROM pg_catalog.pg_stat_activity
WHERE backend_type = 'client backend'
GROUP BY usename, datname, state
ORDER BY connections DESC, "user", database, state;
