-- What lives in no schema: read only with the whole database.
SELECT e.tableoid::bigint, e.oid::bigint, 0,
       jsonb_build_object(
           'owner', pg_get_userbyid(e.evtowner),
           'event', e.evtevent,
           'tags', (SELECT jsonb_agg(t ORDER BY t) FROM unnest(e.evttags) t),
           'function', e.evtfoid::regprocedure,
           'fires', e.evtenabled)
FROM pg_event_trigger e
WHERE %(whole_database)s
UNION ALL
SELECT p.tableoid::bigint, p.oid::bigint, 0,
       (to_jsonb(p) - '{oid,pubname,pubowner}'::text[])
       || jsonb_build_object(
           'owner', pg_get_userbyid(p.pubowner),
           'schemas', (SELECT jsonb_agg(n.nspname ORDER BY n.nspname)
                       FROM pg_publication_namespace pn
                       JOIN pg_namespace n ON n.oid = pn.pnnspid
                       WHERE pn.pnpubid = p.oid),
           'tables', (SELECT jsonb_agg(
                                 jsonb_build_array(
                                     format('%%I.%%I', n.nspname, c.relname),
                                     pg_get_expr(pr.prqual, pr.prrelid),
                                     (SELECT jsonb_agg(a.attname ORDER BY a.attname)
                                      FROM pg_attribute a
                                      WHERE a.attrelid = pr.prrelid AND a.attnum = ANY (pr.prattrs)))
                                 ORDER BY n.nspname, c.relname)
                      FROM pg_publication_rel pr
                      JOIN pg_class c ON c.oid = pr.prrelid
                      JOIN pg_namespace n ON n.oid = c.relnamespace
                      WHERE pr.prpubid = p.oid))
FROM pg_publication p
WHERE %(whole_database)s
UNION ALL
SELECT c.tableoid::bigint, c.oid::bigint, 0,
       jsonb_build_object(
           'function', nullif(c.castfunc, 0)::regprocedure,
           'context', c.castcontext,
           'method', c.castmethod)
FROM pg_cast c
-- Casts below the first normal object id (access/transam.h) come with PostgreSQL.
WHERE %(whole_database)s AND c.oid >= 16384
