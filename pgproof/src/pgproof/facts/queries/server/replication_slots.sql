SELECT /* pgproof */ slot_name AS name, slot_type AS type, active, wal_status,
       CASE WHEN pg_is_in_recovery() THEN NULL
            ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) END::int8 AS retained_bytes
FROM pg_replication_slots
ORDER BY slot_name
