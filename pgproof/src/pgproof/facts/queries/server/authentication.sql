SELECT line_number, type, database AS databases, user_name AS roles, address, auth_method AS method, error IS NOT NULL AS broken
FROM pg_hba_file_rules
ORDER BY line_number
