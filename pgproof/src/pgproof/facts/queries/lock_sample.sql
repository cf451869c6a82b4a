-- One sample of the locks of this database: every wait, and the strong relation locks that sessions hold.
-- It reads functions rather than pg_stat_activity, which would join catalogs at every sample, and opens no user
-- relation: names come from pg_class, and a relation that nobody else can see yet has none and disturbs nobody.
-- A row lock shows as a wait for a transaction; the waiter then holds the tuple's lock, which names the table.
WITH locks AS MATERIALIZED (
    SELECT * FROM pg_lock_status()
), sessions AS MATERIALIZED (
    SELECT pid, application_name, query, xact_start
    FROM pg_stat_get_activity(NULL)
    WHERE datid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
), wanted AS (
    SELECT l.pid,
           l.locktype,
           l.mode,
           l.granted,
           coalesce(l.relation, (
               SELECT t.relation FROM locks AS t
               WHERE t.pid = l.pid AND t.locktype = 'tuple' AND t.granted AND NOT l.granted
               LIMIT 1
           )) AS relation,
           concat_ws(',', l.relation, l.page, l.tuple, l.virtualxid, l.transactionid, l.classid, l.objid) AS target,
           l.waitstart
    FROM locks AS l
    WHERE NOT l.granted
       OR (l.locktype = 'relation'
           AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'))
)
SELECT w.granted,
       w.pid,
       s.application_name,
       s.query,
       n.nspname || '.' || c.relname AS relation,
       w.locktype,
       w.mode,
       w.target,
       s.xact_start,
       extract(epoch FROM clock_timestamp() - w.waitstart)::double precision * 1000 AS waited_ms,
       w.waitstart,
       blockers.application_names,
       blockers.queries
FROM wanted AS w
JOIN sessions AS s ON s.pid = w.pid
LEFT JOIN pg_catalog.pg_class AS c ON c.oid = w.relation
LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
    SELECT string_agg(DISTINCT b.application_name, ', ') AS application_names,
           string_agg(DISTINCT b.query, ' | ') AS queries
    FROM sessions AS b
    WHERE NOT w.granted AND b.pid = ANY (pg_blocking_pids(w.pid))
) AS blockers ON NOT w.granted
WHERE w.pid <> pg_backend_pid()
  AND (NOT w.granted
       OR (c.oid IS NOT NULL
           AND (%(application_name)s::text IS NULL OR s.application_name = %(application_name)s::text)));
