SELECT s.tableoid::bigint, s.oid::bigint, 0,
       jsonb_build_object(
           'owner', pg_get_userbyid(s.stxowner),
           'definition', pg_get_statisticsobjdef(s.oid),
           'statistics', nullif(s.stxstattarget, -1))
FROM pg_statistic_ext s
JOIN pg_namespace n ON n.oid = s.stxnamespace
WHERE n.nspname = ANY (%(schemas)s)
