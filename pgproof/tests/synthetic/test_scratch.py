"""A copy with the source's own rows, and what either copy refuses."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pgproof.errors import PgproofError
from pgproof.proof.rows import hash_rows
from pgproof.proof.scratch import Mode, ScratchCopy, scratch_copy
from pgproof.server import Server

from .conftest import Source


@pytest.fixture
def limited(database: str) -> Iterator[str]:
    """The URL of a database for a role that may connect and read nothing."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE secrets (id int PRIMARY KEY, name text)")
        connection.execute("INSERT INTO secrets SELECT n, 'n' || n FROM generate_series(1, 200) n")
        connection.execute("VACUUM ANALYZE")
        connection.execute("CREATE ROLE pgproof_test_limited LOGIN")
        try:
            yield make_conninfo(database, user="pgproof_test_limited")
        finally:
            connection.execute("DROP OWNED BY pgproof_test_limited; DROP ROLE pgproof_test_limited")


def test_every_row_is_copied_as_it_is(traps: Source, scratch: Server) -> None:
    with (
        scratch_copy(traps.url, scratch, "copy") as made,
        psycopg.connect(traps.url) as source,
        psycopg.connect(made.admin_url) as copy,
    ):
        assert hash_rows(copy) == hash_rows(source)
        assert made.left_out == ()
        assert made.holds == "every row of the source as it is, with all that it says about people"
        views = "SELECT count(*) FROM moods"
        assert copy.execute(views).fetchone() == source.execute(views).fetchone()
        assert made.rows > 4_000
        assert made.server_version == scratch.version


def test_the_role_of_a_copy_owns_everything_and_may_nothing_else(traps: Source, scratch: Server) -> None:
    with scratch_copy(traps.url, scratch, "synthetic", 0.1) as made, psycopg.connect(made.url) as copy:
        row = copy.execute(
            "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls FROM pg_roles"
            " WHERE rolname = current_user"
        ).fetchone()
        assert row == (False,)
        owners = copy.execute(
            "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class c WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p')"
            " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"
        ).fetchall()
        assert owners == [copy.execute("SELECT current_user").fetchone()]


def test_it_plans_with_the_sources_settings(database: str, scratch: Server) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET random_page_cost = 1.25".encode())
        connection.execute(f"ALTER DATABASE {name} SET search_path = app, public".encode())
        connection.execute("CREATE SCHEMA app; CREATE TABLE app.t (id int)")
    with scratch_copy(database, scratch, "synthetic") as made, psycopg.connect(made.url) as copy:
        assert copy.execute("SHOW random_page_cost").fetchone() == ("1.25",)
        assert copy.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_a_role_that_may_read_nothing_is_told_what_a_copy_needs(limited: str, scratch: Server) -> None:
    with (
        pytest.raises(PgproofError, match=r"permission denied.*GRANT pg_read_all_data"),
        copied(limited, scratch, "copy"),
    ):
        pass


def test_rows_are_made_without_statistics_and_it_is_said(limited: str, database: str, scratch: Server) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("GRANT SELECT ON secrets TO pgproof_test_limited")
        connection.execute("ALTER TABLE secrets ENABLE ROW LEVEL SECURITY")
        with copied(limited, scratch, "synthetic") as made, psycopg.connect(made.admin_url) as copy:
            assert copy.execute("SELECT count(*) FROM secrets").fetchone() == (200,)
            (line,) = made.left_out
            assert line.startswith("public.secrets: values spread evenly, since the role cannot read its statistics")


def test_not_even_a_schema_is_read_without_rights(limited: str, scratch: Server) -> None:
    with (
        pytest.raises(PgproofError, match=r"schema could not be dumped.*pg_read_all_data"),
        copied(limited, scratch, "synthetic"),
    ):
        pass


def test_row_security_would_hide_rows_from_a_copy(limited: str, database: str, scratch: Server) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("GRANT SELECT ON secrets TO pgproof_test_limited")
        connection.execute("ALTER TABLE secrets ENABLE ROW LEVEL SECURITY")
    with pytest.raises(PgproofError, match=r"row-level security.*BYPASSRLS"), copied(limited, scratch, "copy"):
        pass


def test_what_reaches_outside_is_named(database: str, scratch: Server) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            b"""CREATE EXTENSION postgres_fdw; CREATE EXTENSION citext;
            CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'other.example.org');
            CREATE FOREIGN TABLE far (id int) SERVER elsewhere;
            CREATE TABLE near (id int PRIMARY KEY, name citext);
            CREATE VIEW both_of_them AS SELECT id FROM far UNION ALL SELECT id FROM near;
            CREATE PUBLICATION everything FOR ALL TABLES"""
        )
    with copied(database, scratch, "copy") as made:
        assert any(line.startswith("extension postgres_fdw: not known to stay") for line in made.left_out)
        assert "server elsewhere: it could reach outside of the scratch server" in made.left_out
        assert "foreign table public far: it could reach outside of the scratch server" in made.left_out
        assert any("VIEW public.both_of_them" in line and "does not exist" in line for line in made.left_out)


def test_the_server_that_is_examined_is_no_scratch_server(database: str, server: Server) -> None:
    with pytest.raises(PgproofError, match="scratch server is the one"), copied(database, server, "synthetic"):
        pass


def test_a_copy_cannot_be_scaled(database: str, scratch: Server) -> None:
    with pytest.raises(PgproofError, match="as many rows as its source"), scratch_copy(database, scratch, "copy", 2):
        pass


def test_too_little_disk_is_seen_before_anything_is_written(database: str, scratch: Server) -> None:
    times = shutil.disk_usage(scratch.data_directory).total / 5_000_000
    with (
        pytest.raises(PgproofError, match=r"needs about .* GB .* smaller --scale"),
        copied(database, scratch, "synthetic", times),
    ):
        pass


def test_a_source_that_is_locked_is_not_waited_for(database: str, scratch: Server) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE held (id int)")
        with connection.transaction():
            connection.execute("LOCK TABLE held IN ACCESS EXCLUSIVE MODE")
            with (
                pytest.raises(PgproofError, match="keeps a table locked; try again"),
                copied(database, scratch, "copy"),
            ):
                pass


FULL = """
    CREATE FUNCTION fits() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN
        IF current_user = 'pgproof_replay' THEN
            RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
        END IF;
        RETURN true;
    END $$;
    CREATE TABLE t (id int CHECK (public.fits()));
    INSERT INTO t SELECT generate_series(1, 1000);
    ANALYZE t
"""


@pytest.mark.parametrize("mode", ["copy", "synthetic"])
def test_a_disk_that_fills_up_is_one_line(database: str, scratch: Server, mode: Mode) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(FULL)
    with (
        pytest.raises(PgproofError, match=r"the disk of the scratch server is full: free some space"),
        copied(database, scratch, mode),
    ):
        pass


def test_a_source_that_is_gone_leaves_nothing_behind(scratch: Server, tmp_path: Path) -> None:
    counting = "SELECT count(*) FROM pg_database"
    with psycopg.connect(scratch.url(), autocommit=True) as connection:
        before = connection.execute(counting).fetchone()
        with pytest.raises(PgproofError) as told, copied(f"host={tmp_path} dbname=x", scratch, "copy"):
            pass
        assert "\n" not in str(told.value)
        assert connection.execute(counting).fetchone() == before


def copied(source: str, server: Server, mode: Mode, scale: float = 1.0) -> AbstractContextManager[ScratchCopy]:
    return scratch_copy(source, server, mode, scale)
