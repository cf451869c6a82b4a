"""What the page on managed servers says about who may grant what, tried with such a role on each server."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from pgproof.server import Server

from .written import DOCS


@pytest.fixture
def administrator(server: Server, database: str) -> Iterator[str]:
    """The URL of a role that may make roles and is no superuser; it owns nothing."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE ROLE administrator LOGIN CREATEROLE")
        connection.execute("CREATE ROLE reads LOGIN")
        try:
            yield database.replace("//postgres@", "//administrator@")
        finally:
            connection.execute("DROP OWNED BY administrator, reads; DROP ROLE IF EXISTS reads, administrator")


def test_the_page_says_it() -> None:
    text = " ".join((DOCS / "managed-servers.md").read_text(encoding="utf-8").split())
    assert "From PostgreSQL 16 on, granting them takes ADMIN OPTION on them; on 15, CREATEROLE is enough." in text
    assert "`pg_hba_file_rules()` can be granted by superusers alone" in text


@pytest.mark.parametrize("right", ["pg_monitor", "pg_read_all_data"])
def test_createrole_alone_grants_them_on_15(server: Server, administrator: str, right: str) -> None:
    with psycopg.connect(administrator, autocommit=True) as connection:
        if server.major < 16:
            connection.execute(f"GRANT {right} TO reads".encode())
        else:
            with pytest.raises(InsufficientPrivilege):
                connection.execute(f"GRANT {right} TO reads".encode())


@pytest.mark.parametrize("right", ["pg_monitor", "pg_read_all_data"])
def test_admin_option_is_enough_on_each(server: Server, database: str, administrator: str, right: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"GRANT {right} TO administrator WITH ADMIN OPTION".encode())
        with psycopg.connect(administrator, autocommit=True) as granting:
            granting.execute(f"GRANT {right} TO reads".encode())
        assert connection.execute("SELECT pg_has_role('reads', %s, 'MEMBER')", [right]).fetchone() == (True,)


def test_the_rules_of_authentication_stay_with_superusers(database: str, administrator: str) -> None:
    with psycopg.connect(administrator, autocommit=True) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute("GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO reads")
    with psycopg.connect(database, autocommit=True) as connection:
        allowed = connection.execute("SELECT has_function_privilege('reads', 'pg_hba_file_rules()', 'EXECUTE')")
        assert allowed.fetchone() == (False,)
