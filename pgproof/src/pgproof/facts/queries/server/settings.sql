-- Read before this session sets anything: source would say so afterwards. No operator or function is called, since the
-- search path is not ours yet.
SELECT /* pgproof */ s.name, s.reset_val AS value, s.unit, s.source, s.context, s.boot_val AS default_value, s.pending_restart,
       s.vartype AS type
FROM pg_catalog.pg_settings s
ORDER BY s.name
