"""The role of `pgproof grants`: it reads all that an audit needs, and writes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg
import pytest

from pgproof.commands.grants import GRANTS
from pgproof.server import Server

from .conftest import BAD_SCHEMA, Run


@pytest.fixture
def granted(server: Server, database: str) -> Iterator[tuple[str, str]]:
    """The URLs of the superuser and of the role, on each server, in a database with something to find."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(BAD_SCHEMA.encode())
        connection.execute("CREATE EXTENSION pg_stat_statements")
        connection.execute(f"REVOKE ALL ON DATABASE {connection.info.dbname} FROM PUBLIC".encode())
        statements = GRANTS.replace("your_database", connection.info.dbname).replace("choose one", "chosen")
        connection.execute(statements.encode())
        try:
            yield database, database.replace("//postgres@", "//pgproof:chosen@")
        finally:
            connection.execute("DROP OWNED BY pgproof; DROP ROLE pgproof")


def test_grants_prints_it(run: Run) -> None:
    assert run("grants").out == GRANTS


def test_the_role_sees_what_a_superuser_sees(granted: tuple[str, str], run: Run) -> None:
    everything, allowed = (json.loads(run("audit", url, "--format", "json").out) for url in granted)
    assert allowed["inputs"]["rights"] == {
        **dict.fromkeys(everything["inputs"]["rights"], True),
        "role": "pgproof",
        "superuser": False,
    }
    for part in ("not_checked", "fixed"):
        assert allowed[part] == everything[part]
    # What is said of the timeouts names whose sessions they are; a fact about it is the same.
    assert [each["fingerprint"] for each in allowed["findings"]] == [
        each["fingerprint"] for each in everything["findings"]
    ]
    assert run("audit", granted[1], "--select", "INT22").err == ""


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO courses VALUES (99, 'x')",
        "UPDATE courses SET title = 'x'",
        "DELETE FROM enrolments",
        "TRUNCATE enrolments",
        "CREATE TABLE mine (a int)",
        "CREATE TEMP TABLE mine (a int)",
        "CREATE SCHEMA mine",
        "DROP TABLE courses",
        "ALTER SYSTEM SET fsync = on",
    ],
)
def test_the_role_writes_nothing_even_where_it_lifts_its_own_default(granted: tuple[str, str], statement: str) -> None:
    with psycopg.connect(granted[1], autocommit=True) as connection:
        assert connection.execute("SHOW default_transaction_read_only").fetchone() == ("on",)
        connection.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())


@pytest.mark.parametrize(
    ("line", "right"),
    [
        ("GRANT pg_monitor", "read_all_stats"),
        ("GRANT pg_read_all_data", "read_all_data"),
        ("GRANT EXECUTE", "read_authentication_rules"),
    ],
)
def test_what_each_line_adds_is_missing_without_it(granted: tuple[str, str], line: str, right: str, run: Run) -> None:
    grant = next(each for each in GRANTS.splitlines() if each.startswith(line))
    revoke = grant.replace("GRANT", "REVOKE", 1).replace(" TO ", " FROM ")
    complete = json.loads(run("audit", granted[1], "--format", "json").out)
    with psycopg.connect(granted[0], autocommit=True) as connection:
        connection.execute(revoke.encode())
    lesser = json.loads(run("audit", granted[1], "--format", "json").out)
    assert (complete["inputs"]["rights"][right], lesser["inputs"]["rights"][right]) == (True, False)
    assert len(lesser["not_checked"]) > len(complete["not_checked"])
    assert lesser["score"]["coverage"] < complete["score"]["coverage"]
