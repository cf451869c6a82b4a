-- A domain is followed down to the type below it, since a domain may lie on a domain. A NOT NULL that was not validated
-- (18) does not count: older rows may still be null. What compares without anybody else's code is a built-in type, or an
-- enum that has no casts or operator classes of its own.
WITH RECURSIVE below AS (
    SELECT t.oid AS domain, t.typbasetype AS type, t.typtypmod AS modifier, t.typnotnull AS not_null
    FROM pg_type t
    WHERE t.typtype = 'd'
    UNION ALL
    SELECT b.domain, t.typbasetype, CASE WHEN b.modifier = -1 THEN t.typtypmod ELSE b.modifier END, b.not_null OR t.typnotnull
    FROM below b
    JOIN pg_type t ON t.oid = b.type
    WHERE t.typtype = 'd'
), types AS MATERIALIZED (
    SELECT t.oid, n.nspname AS schema, t.typname AS name, t.typtype::text AS kind, t.typcategory::text AS category,
           t.typcollation AS collation, e.typname AS element, b.typname AS base,
           coalesce(d.not_null, false) AS not_null, coalesce(d.modifier, -1) AS modifier,
           CASE WHEN b.oid IN (1042, 1043) THEN b.oid END AS limited,
           CASE WHEN b.typtype = 'e'
                THEN NOT EXISTS (SELECT FROM pg_cast c WHERE b.oid IN (c.castsource, c.casttarget))
                     AND NOT EXISTS (SELECT FROM pg_opclass o WHERE o.opcintype = b.oid)
                ELSE b.oid < 16384 AND b.typtype IN ('b', 'r', 'm') END AS built_in_operators
    FROM pg_type t
    JOIN pg_namespace n ON n.oid = t.typnamespace
    LEFT JOIN below d ON d.domain = t.oid AND NOT EXISTS (SELECT FROM pg_type o WHERE o.oid = d.type AND o.typtype = 'd')
    JOIN pg_type b ON b.oid = coalesce(d.type, t.oid)
    LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
), unproven AS MATERIALIZED (
    SELECT k.conrelid AS relation, k.conkey[1] AS number
    FROM pg_constraint k
    WHERE k.contype = 'n' AND NOT k.convalidated
)
SELECT /* pgproof */ a.attrelid::bigint AS relation, a.attnum AS number, a.attname AS name,
       format_type(a.atttypid, a.atttypmod) AS type,
       t.schema AS type_schema, t.name AS type_name, t.kind AS type_kind, t.category AS type_category,
       t.element AS element_type,
       t.base AS base_type,
       CASE WHEN t.limited IS NOT NULL AND greatest(a.atttypmod, t.modifier) > 4
            THEN greatest(a.atttypmod, t.modifier) - 4 END AS length,
       a.attlen AS bytes, a.attalign::text AS alignment,
       (a.attnotnull AND u.relation IS NULL) OR t.not_null AS not_null,
       a.atthasdef AND a.attgenerated = '' AS has_default,
       CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END AS identity,
       CASE a.attgenerated WHEN 's' THEN 'stored' WHEN 'v' THEN 'virtual' END AS generated,
       CASE WHEN a.attcollation <> t.collation AND a.attcollation <> 0 THEN l.collname END AS collation,
       CASE WHEN a.attcollation <> 0 THEN coalesce(l.collisdeterministic, true) END AS deterministic,
       t.built_in_operators
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN types t ON t.oid = a.atttypid
LEFT JOIN unproven u ON u.relation = a.attrelid AND u.number = a.attnum
LEFT JOIN pg_collation l ON l.oid = a.attcollation
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY a.attrelid, a.attnum
