"""The least rights that reading needs, as SQL to run once."""

from __future__ import annotations

GRANTS = """\
-- A role for pgproof: it can read, and can write nothing. Each line says what is not checked without it.
CREATE ROLE pgproof LOGIN PASSWORD 'choose one';
ALTER ROLE pgproof SET default_transaction_read_only = on;
-- The catalog: any role sees it. This right alone finds what the schema itself shows.
GRANT CONNECT ON DATABASE your_database TO pgproof;
-- The server's counters, statements and settings: unused indexes, slow statements, sessions, replication.
GRANT pg_monitor TO pgproof;
-- Column statistics, plans, sequences and counts over rows: duplicates, orphans, contradictions, expired rows.
-- Row security still hides rows from it, so tables that have any are listed as not checked.
GRANT pg_read_all_data TO pgproof;
-- pg_hba.conf, for the rules about authentication; in the database that is examined.
GRANT EXECUTE ON FUNCTION pg_catalog.pg_hba_file_rules() TO pgproof;
"""
