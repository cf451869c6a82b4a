-- How many connections an ordinary role may open, and what each limit is
-- (PostgreSQL documentation, section 20.3.1; reserved_connections exists from 16 on; a limit of -1 is none).
SELECT current_setting('max_connections')::int AS max_connections,
       current_setting('superuser_reserved_connections')::int AS superuser_reserved,
       coalesce(current_setting('reserved_connections', true), '0')::int AS reserved,
       nullif(d.datconnlimit, -1) AS database_limit,
       nullif(r.rolconnlimit, -1) AS role_limit
FROM pg_catalog.pg_database AS d, pg_catalog.pg_roles AS r
WHERE d.datname = current_database() AND r.rolname = session_user
