-- Reading a sequence opens it and needs a right to it, so both are asked first.
SELECT s.seqrelid::bigint AS oid, pg_sequence_last_value(s.seqrelid) AS last_value
FROM pg_sequence s
JOIN pg_class c ON c.oid = s.seqrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND has_sequence_privilege(s.seqrelid, 'SELECT,USAGE')
  AND s.seqrelid <> ALL (%(locked)s::oid[])
  AND (NOT pg_is_in_recovery() OR c.relpersistence = 'p')
