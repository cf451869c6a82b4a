SELECT a.attrelid::bigint AS relation, a.attnum AS number, a.attname AS name,
       format_type(a.atttypid, a.atttypmod) AS type,
       tn.nspname AS type_schema, t.typname AS type_name, t.typtype::text AS type_kind, t.typcategory::text AS type_category,
       e.typname AS element_type,
       coalesce(b.typname, t.typname) AS base_type,
       CASE WHEN coalesce(b.oid, t.oid) IN (1042, 1043) AND greatest(a.atttypmod, t.typtypmod) > 4
            THEN greatest(a.atttypmod, t.typtypmod) - 4 END AS length,
       a.attlen AS bytes, a.attalign::text AS alignment,
       a.attnotnull OR t.typnotnull AS not_null,
       a.atthasdef AND a.attgenerated = '' AS has_default,
       CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END AS identity,
       CASE a.attgenerated WHEN 's' THEN 'stored' WHEN 'v' THEN 'virtual' END AS generated,
       CASE WHEN a.attcollation <> t.typcollation AND a.attcollation <> 0 THEN l.collname END AS collation,
       CASE WHEN a.attcollation <> 0 THEN coalesce(l.collisdeterministic, true) END AS deterministic
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid
JOIN pg_namespace tn ON tn.oid = t.typnamespace
LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
LEFT JOIN pg_type b ON b.oid = t.typbasetype AND t.typtype = 'd'
LEFT JOIN pg_collation l ON l.oid = a.attcollation
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY a.attrelid, a.attnum
