-- Scratch databases that we may drop and whose lock nobody holds, whatever database its holder is connected to.
-- pg_advisory_lock(bigint) shows in pg_locks as classid (high half), objid (low half) and objsubid 1.
SELECT d.datname
FROM pg_catalog.pg_database AS d
WHERE d.datname ~ '^pgproof_scratch_[0-9a-f]{16}$'
  AND pg_catalog.pg_has_role(d.datdba, 'USAGE')
  AND NOT EXISTS (
    SELECT
    FROM pg_catalog.pg_locks AS l
    WHERE l.locktype = 'advisory'
      AND l.objsubid = 1
      AND lpad(to_hex(l.classid::bigint), 8, '0') || lpad(to_hex(l.objid::bigint), 8, '0')
          = substr(d.datname, length('pgproof_scratch_') + 1)
  )
ORDER BY d.datname
