-- What must be deparsed, apart from the raw catalog: deparsing may lock the relation, so locked ones are left out.
SELECT /* pgproof */ 'default' AS kind, d.adrelid::bigint AS oid, d.adnum::int AS part, pg_get_expr(d.adbin, d.adrelid) AS definition
FROM pg_attrdef d
JOIN pg_class c ON c.oid = d.adrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND d.adrelid <> ALL (%(locked)s::oid[])
UNION ALL
SELECT 'check', k.oid::bigint, 0, pg_get_expr(k.conbin, k.conrelid)
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'c' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND k.conrelid <> ALL (%(locked)s::oid[])
UNION ALL
SELECT 'predicate', x.indexrelid::bigint, 0, pg_get_expr(x.indpred, x.indrelid)
FROM pg_index x
JOIN pg_class c ON c.oid = x.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE x.indpred IS NOT NULL AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND x.indrelid <> ALL (%(locked)s::oid[])
UNION ALL
SELECT 'expression', x.indexrelid::bigint, k.position::int, pg_get_indexdef(x.indexrelid, k.position::int, true)
FROM pg_index x
JOIN pg_class c ON c.oid = x.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL unnest(x.indkey::int2[]) WITH ORDINALITY k (attribute, position)
WHERE x.indexprs IS NOT NULL AND k.attribute = 0 AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND x.indrelid <> ALL (%(locked)s::oid[])
UNION ALL
SELECT 'index', x.indexrelid::bigint, 0, pg_get_indexdef(x.indexrelid)
FROM pg_index x
JOIN pg_class c ON c.oid = x.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'p', 'm')
  AND x.indrelid <> ALL (%(locked)s::oid[])
UNION ALL
SELECT 'exclusion', k.oid::bigint, 0, pg_get_constraintdef(k.oid)
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'x' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND k.conrelid <> ALL (%(locked)s::oid[])
UNION ALL
SELECT 'policy using', p.oid::bigint, 0, pg_get_expr(p.polqual, p.polrelid)
FROM pg_policy p
JOIN pg_class c ON c.oid = p.polrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE p.polqual IS NOT NULL AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND p.polrelid <> ALL (%(locked)s::oid[])
UNION ALL
SELECT 'policy check', p.oid::bigint, 0, pg_get_expr(p.polwithcheck, p.polrelid)
FROM pg_policy p
JOIN pg_class c ON c.oid = p.polrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE p.polwithcheck IS NOT NULL AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND p.polrelid <> ALL (%(locked)s::oid[])
