-- Dictionaries, and configurations with the dictionaries of each kind of token.
SELECT d.tableoid::bigint, d.oid::bigint, 0,
       jsonb_build_object(
           'owner', pg_get_userbyid(d.dictowner),
           'template', (SELECT t.tmplname FROM pg_ts_template t WHERE t.oid = d.dicttemplate),
           'options', d.dictinitoption)
FROM pg_ts_dict d
JOIN pg_namespace n ON n.oid = d.dictnamespace
WHERE n.nspname = ANY (%(schemas)s)
UNION ALL
SELECT c.tableoid::bigint, c.oid::bigint, 0,
       jsonb_build_object(
           'owner', pg_get_userbyid(c.cfgowner),
           'parser', (SELECT p.prsname FROM pg_ts_parser p WHERE p.oid = c.cfgparser),
           'mapping', (SELECT jsonb_agg(jsonb_build_array(m.maptokentype, m.mapdict::regdictionary)
                                        ORDER BY m.maptokentype, m.mapseqno)
                       FROM pg_ts_config_map m
                       WHERE m.mapcfg = c.oid))
FROM pg_ts_config c
JOIN pg_namespace n ON n.oid = c.cfgnamespace
WHERE n.nspname = ANY (%(schemas)s)
