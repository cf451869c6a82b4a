WITH keys AS MATERIALIZED (
    SELECT x.indexrelid AS index,
           array_agg(CASE WHEN NOT o.opcdefault THEN o.opcname::text END ORDER BY k.position) AS operator_classes,
           array_agg(l.collname::text ORDER BY k.position) AS collations
    FROM pg_index x
    CROSS JOIN LATERAL unnest(x.indclass::oid[], x.indcollation::oid[]) WITH ORDINALITY k (class, sorting, position)
    JOIN pg_opclass o ON o.oid = k.class
    LEFT JOIN pg_collation l ON l.oid = k.sorting
    GROUP BY x.indexrelid
), carried AS MATERIALIZED (
    SELECT k.conindid AS index, k.conrelid AS relation, min(k.oid::bigint) AS oid
    FROM pg_constraint k
    WHERE k.contype IN ('p', 'u', 'x')
    GROUP BY k.conindid, k.conrelid
), in_hand AS MATERIALIZED (
    -- CREATE INDEX CONCURRENTLY names its index; REINDEX names one of several, and DROP INDEX none, but both lock theirs.
    SELECT p.index_relid AS index
    FROM pg_stat_progress_create_index p
    WHERE p.datname = current_database()
    UNION
    SELECT l.relation
    FROM pg_locks l
    WHERE l.locktype = 'relation' AND l.mode = 'ShareUpdateExclusiveLock' AND l.granted
      AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
)
SELECT /* pgproof */ x.indexrelid::bigint AS oid, x.indrelid::bigint AS relation, c.relname AS name, am.amname AS method,
       x.indisunique AS unique, x.indisprimary AS primary, x.indisexclusion AS exclusion,
       x.indimmediate AS immediate, x.indnullsnotdistinct AS nulls_not_distinct,
       x.indisvalid AS valid, x.indisready AS ready, x.indislive AS live,
       x.indisclustered AS clustered, x.indisreplident AS replica_identity,
       x.indnkeyatts AS key_columns,
       x.indkey::int2[] AS attributes,
       x.indoption::int2[] AS options,
       keys.operator_classes, keys.collations,
       x.indpred IS NOT NULL AS partial,
       k.oid AS constraint,
       i.inhparent::bigint AS parent,
       c.reloptions AS storage_options, c.relpages AS pages, c.reltuples::float8 AS reltuples,
       CASE WHEN c.relkind = 'i' THEN pg_stat_get_numscans(x.indexrelid) END AS scans,
       EXISTS (SELECT FROM in_hand WHERE in_hand.index = x.indexrelid) AS building
FROM pg_index x
JOIN pg_class c ON c.oid = x.indexrelid
JOIN pg_class t ON t.oid = x.indrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
JOIN pg_am am ON am.oid = c.relam
JOIN keys ON keys.index = x.indexrelid
LEFT JOIN carried k ON k.index = x.indexrelid AND k.relation = x.indrelid
LEFT JOIN pg_inherits i ON i.inhrelid = x.indexrelid
WHERE t.relkind IN ('r', 'p', 'm') AND t.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY x.indrelid, c.relname
