"""Operations on rights and extensions where the examples of rules do not show all of what they do."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from pgproof.proof.fingerprint import read_fingerprint
from pgproof.remedy.extensions import CreateExtension, UpdateExtension
from pgproof.remedy.operation import Operation
from pgproof.remedy.security import ChangePolicy, RevokeSelect, SetFunctionSearchPath

ODD = """odd "name"'; %s"""


@pytest.fixture
def connection(database: str) -> Any:
    with psycopg.connect(database, autocommit=True) as opened:
        opened.execute(b'CREATE SCHEMA "odd ""name""\'; %s"')
        opened.execute(b'SET search_path = "odd ""name""\'; %s"')
        opened.execute(b'CREATE TABLE t (id int PRIMARY KEY, "a b" text, c text)')
        yield opened


def applied(connection: psycopg.Connection[Any], statements: tuple[str, ...]) -> None:
    for statement in statements:
        connection.execute(statement.encode())


def readable(connection: psycopg.Connection[Any]) -> list[str]:
    rows = connection.execute(
        "SELECT attname FROM pg_attribute, has_column_privilege('nobody', attrelid, attnum, 'SELECT') AS may"
        " WHERE attrelid = 't'::regclass AND attnum > 0 AND may ORDER BY attnum"
    )
    return [row[0] for row in rows]


@pytest.mark.parametrize(
    ("grant", "operation", "left"),
    [
        ("GRANT SELECT ON t TO PUBLIC", RevokeSelect(ODD, "t", True), []),
        (
            'GRANT SELECT ON t TO PUBLIC; GRANT SELECT ("a b") ON t TO PUBLIC',
            RevokeSelect(ODD, "t", True, ("a b",)),
            [],
        ),
        ('GRANT SELECT (id, "a b", c) ON t TO PUBLIC', RevokeSelect(ODD, "t", False, ("a b", "c")), ["id"]),
    ],
)
def test_rights_of_everybody_are_taken_back_and_given_again(
    connection: psycopg.Connection[Any], grant: str, operation: RevokeSelect, left: list[str]
) -> None:
    connection.execute("DO $$ BEGIN CREATE ROLE nobody; EXCEPTION WHEN duplicate_object THEN END $$")
    try:
        connection.execute(grant.encode())
        before, had = read_fingerprint(connection), readable(connection)

        applied(connection, operation.forward())
        assert readable(connection) == left

        applied(connection, operation.reverse())
        assert readable(connection) == had
        assert before.difference(read_fingerprint(connection)) == ()
    finally:
        connection.execute("DROP ROLE nobody")


@pytest.mark.parametrize("previous", [None, f'public, "{ODD.replace(chr(34), chr(34) * 2)}"'])
def test_a_search_path_is_set_and_put_back(connection: psycopg.Connection[Any], previous: str | None) -> None:
    own = f"SET search_path = {previous}" if previous else ""
    connection.execute(f"CREATE FUNCTION f(n int) RETURNS int LANGUAGE sql {own} AS 'SELECT 1'".encode())
    operation = SetFunctionSearchPath(ODD, "f", "n integer", (ODD, "pg_temp"), previous)
    _there_and_back(connection, operation, "SELECT proconfig::text FROM pg_proc WHERE proname = 'f'")


def test_a_policy_without_a_condition_for_reading_is_changed_and_put_back(connection: psycopg.Connection[Any]) -> None:
    connection.execute("CREATE POLICY p ON t FOR INSERT WITH CHECK (id > 0)")
    operation = ChangePolicy(ODD, "t", "p", None, "(id > 1)", None, "(id > 0)")
    _there_and_back(connection, operation, "SELECT pg_get_expr(polwithcheck, polrelid) FROM pg_policy")


def test_an_extension_is_created_updated_and_dropped(connection: psycopg.Connection[Any]) -> None:
    _there_and_back(
        connection, CreateExtension("pg_trgm"), "SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'"
    )
    connection.execute("CREATE EXTENSION pg_trgm VERSION '1.4'")
    applied(connection, UpdateExtension("pg_trgm", "1.5").forward())
    assert connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'pg_trgm'").fetchone() == ("1.5",)


def _there_and_back(connection: psycopg.Connection[Any], operation: Operation, shown: str) -> None:
    before, had = read_fingerprint(connection), connection.execute(shown.encode()).fetchall()
    applied(connection, operation.forward())
    assert connection.execute(shown.encode()).fetchall() != had
    applied(connection, operation.reverse())
    assert connection.execute(shown.encode()).fetchall() == had
    assert before.difference(read_fingerprint(connection)) == ()
