SELECT x.indexrelid::bigint AS oid, x.indrelid::bigint AS relation, c.relname AS name, am.amname AS method,
       x.indisunique AS unique, x.indisprimary AS primary, x.indisexclusion AS exclusion,
       x.indimmediate AS immediate, x.indnullsnotdistinct AS nulls_not_distinct,
       x.indisvalid AS valid, x.indisready AS ready, x.indislive AS live,
       x.indisclustered AS clustered, x.indisreplident AS replica_identity,
       x.indnkeyatts AS key_columns,
       x.indkey::int2[] AS attributes,
       x.indoption::int2[] AS options,
       (SELECT array_agg(CASE WHEN o.opcdefault THEN NULL ELSE o.opcname END ORDER BY k.position)
        FROM unnest(x.indclass::oid[]) WITH ORDINALITY k (oid, position)
        JOIN pg_opclass o ON o.oid = k.oid) AS operator_classes,
       (SELECT array_agg(l.collname ORDER BY k.position)
        FROM unnest(x.indcollation::oid[]) WITH ORDINALITY k (oid, position)
        LEFT JOIN pg_collation l ON l.oid = k.oid) AS collations,
       x.indpred IS NOT NULL AS partial,
       x.indexprs IS NOT NULL AS has_expressions,
       (SELECT k.oid::bigint FROM pg_constraint k
        WHERE k.conindid = x.indexrelid AND k.conrelid = x.indrelid AND k.contype IN ('p', 'u', 'x') LIMIT 1) AS constraint_oid,
       (SELECT i.inhparent::bigint FROM pg_inherits i WHERE i.inhrelid = x.indexrelid) AS parent,
       c.reloptions AS storage_options, c.relpages AS pages, c.reltuples::float8 AS reltuples
FROM pg_index x
JOIN pg_class c ON c.oid = x.indexrelid
JOIN pg_class t ON t.oid = x.indrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
JOIN pg_am am ON am.oid = c.relam
WHERE t.relkind IN ('r', 'p', 'm') AND t.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY x.indrelid, c.relname
