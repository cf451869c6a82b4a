-- The function rather than its view, which asks for a right of its own. Options, which may hold a password, stay there.
SELECT /* pgproof */ r.line_number, r.type, r.database AS databases, r.user_name AS roles, r.address,
       r.auth_method AS method, r.error IS NOT NULL AS broken
FROM pg_hba_file_rules() r
ORDER BY r.line_number
