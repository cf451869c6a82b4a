-- boot_val and reset_val hold what the server would use outside this session; ours were set for this session alone.
-- Connection strings and commands may hold passwords: of those only whether they are set.
SELECT name,
       CASE WHEN name IN ('primary_conninfo', 'archive_command', 'restore_command', 'archive_cleanup_command',
                          'recovery_end_command', 'ssl_passphrase_command', 'promote_trigger_file')
            THEN CASE WHEN reset_val IN ('', '(disabled)') THEN '' ELSE '(set)' END
            ELSE reset_val END AS value,
       unit, source, context, boot_val AS default_value, pending_restart
FROM pg_settings
ORDER BY name
