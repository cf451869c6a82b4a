-- What a server says of itself as a standby. Every role sees that there is a WAL receiver, and only some its status.
-- Without one, or while something received is not replayed yet, a standby is as old as the last commit it replayed.
SELECT pg_is_in_recovery() AS in_recovery,
       system_identifier::text AS cluster,
       current_database() AS database,
       CASE
           WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()
            AND EXISTS (SELECT FROM pg_stat_wal_receiver WHERE coalesce(status, 'streaming') = 'streaming')
           THEN 0
           WHEN pg_last_xact_replay_timestamp() IS NOT NULL
           THEN greatest(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 0)
       END::float8 AS lag
FROM pg_control_system()
