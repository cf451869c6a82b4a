-- Indexes that were never scanned and enforce no rule, largest first.
-- Left out: unique and primary keys, exclusion constraints, the replica identity, and whatever a constraint owns.
-- An index supports a foreign key when its leading column is one of the key's columns and every row with a key is in
-- it: not partial, or partial on exactly "column IS NOT NULL", which the referential check's "column = $1" implies.
WITH supports AS (
    SELECT i.indexrelid, k.oid AS constraint_oid, k.conname
    FROM pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_constraint AS k
      ON k.conrelid = i.indrelid AND k.contype = 'f' AND i.indkey[0] = ANY (k.conkey)
    JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_am AS am ON am.oid = c.relam AND am.amname IN ('btree', 'hash')
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indisvalid
      AND (i.indpred IS NULL
           OR pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NOT NULL)', a.attname))
)
SELECT s.schemaname AS schema,
       s.relname AS "table",
       s.indexrelname AS index,
       i.indisvalid AS valid,
       coalesce(pg_relation_size(s.indexrelid), 0) AS bytes,
       ARRAY (
           SELECT own.conname::text
           FROM supports AS own
           WHERE own.indexrelid = i.indexrelid
             AND NOT EXISTS (
                 SELECT FROM supports AS other
                 WHERE other.constraint_oid = own.constraint_oid AND other.indexrelid <> own.indexrelid
             )
           ORDER BY own.conname
       ) AS only_support_of,
       d.stats_reset AS counted_since
FROM pg_catalog.pg_stat_user_indexes AS s
JOIN pg_catalog.pg_index AS i ON i.indexrelid = s.indexrelid
JOIN pg_catalog.pg_stat_database AS d ON d.datname = current_database()
WHERE s.idx_scan = 0
  AND NOT i.indisunique
  AND NOT i.indisprimary
  AND NOT i.indisexclusion
  AND NOT i.indisreplident
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.conindid = i.indexrelid)
ORDER BY bytes DESC, schema, "table", index;
