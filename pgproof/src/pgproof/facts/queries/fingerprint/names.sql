-- Kind and qualified name of each object read, in the order asked for.
SELECT i.type, i.identity
FROM unnest(%(classids)s::bigint[], %(objids)s::bigint[], %(objsubids)s::int[])
         WITH ORDINALITY AS o (classid, objid, objsubid, position)
CROSS JOIN LATERAL pg_identify_object(o.classid::oid, o.objid::oid, o.objsubid) AS i
ORDER BY o.position
