-- pg_get_functiondef refuses aggregates; theirs is put together from pg_aggregate.
SELECT p.tableoid::bigint, p.oid::bigint, 0,
       jsonb_build_object(
           'owner', pg_get_userbyid(p.proowner),
           'definition', CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END,
           'aggregate', CASE WHEN p.prokind = 'a' THEN
               (SELECT jsonb_strip_nulls(jsonb_build_object(
                           'arguments', pg_get_function_arguments(p.oid),
                           'result', pg_get_function_result(p.oid),
                           'parallel', p.proparallel,
                           'kind', a.aggkind,
                           'direct arguments', a.aggnumdirectargs,
                           'transition', a.aggtransfn::regprocedure,
                           'final', nullif(a.aggfinalfn, 0)::regprocedure,
                           'combine', nullif(a.aggcombinefn, 0)::regprocedure,
                           'serial', nullif(a.aggserialfn, 0)::regprocedure,
                           'deserial', nullif(a.aggdeserialfn, 0)::regprocedure,
                           'moving transition', nullif(a.aggmtransfn, 0)::regprocedure,
                           'moving inverse', nullif(a.aggminvtransfn, 0)::regprocedure,
                           'moving final', nullif(a.aggmfinalfn, 0)::regprocedure,
                           'final modify', a.aggfinalmodify,
                           'moving final modify', a.aggmfinalmodify,
                           'sort operator', nullif(a.aggsortop, 0)::regoperator,
                           'state', format_type(a.aggtranstype, NULL),
                           'state space', a.aggtransspace,
                           'initial', a.agginitval,
                           'moving initial', a.aggminitval))
                FROM pg_aggregate a
                WHERE a.aggfnoid = p.oid) END)
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = ANY (%(schemas)s)
