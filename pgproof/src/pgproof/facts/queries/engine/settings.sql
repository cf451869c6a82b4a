SELECT /* pgproof */ n.name, current_setting(n.name, true) AS value
FROM unnest(ARRAY['application_name', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'lock_timeout',
                  'search_path', 'statement_timeout', 'transaction_isolation', 'transaction_timeout']) AS n (name)
WHERE current_setting(n.name, true) IS NOT NULL
