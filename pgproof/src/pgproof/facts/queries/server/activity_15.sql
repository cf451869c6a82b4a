-- What the server as a whole has counted, and is doing now; checkpoints have a view of their own from 17.
SELECT /* pgproof */ b.checkpoints_timed, b.checkpoints_req AS checkpoints_requested, b.stats_reset AS checkpoints_since,
       a.archived_count AS archived, a.failed_count AS archive_failures,
       a.last_archived_time AS archived_at, a.last_failed_time AS archive_failed_at,
       d.blks_read AS blocks_read, d.blks_hit AS blocks_hit, d.temp_files, d.temp_bytes, d.deadlocks,
       d.xact_commit AS commits, d.xact_rollback AS rollbacks, d.conflicts,
       d.sessions_abandoned, d.sessions_killed, d.sessions, d.checksum_failures,
       (SELECT count(*) FROM pg_stat_activity s WHERE s.backend_type = 'client backend') AS connections,
       (SELECT count(*) FROM pg_stat_replication) AS standbys,
       (SELECT max(extract(epoch FROM r.replay_lag))::float8 FROM pg_stat_replication r) AS worst_replay_lag_seconds
FROM pg_stat_database d, pg_stat_bgwriter b, pg_stat_archiver a
WHERE d.datname = current_database()
