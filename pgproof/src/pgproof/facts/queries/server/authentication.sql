-- The function rather than its view, which asks for a right of its own. Of options only those whose values cannot be
-- a password are read; of others, such as ldapbindpasswd and radiussecrets, the names.
SELECT /* pgproof */ r.line_number, r.type, r.database AS databases, r.user_name AS roles, r.address,
       r.auth_method AS method, r.error IS NOT NULL AS broken, r.netmask,
       ARRAY(SELECT CASE WHEN split_part(o.option, '=', 1) IN ('clientcert', 'clientname', 'map')
                         THEN o.option ELSE split_part(o.option, '=', 1) END
             FROM unnest(r.options) WITH ORDINALITY o (option, position) ORDER BY o.position) AS options
FROM pg_hba_file_rules() r
ORDER BY r.line_number
