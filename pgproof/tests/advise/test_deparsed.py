"""What is read from the server's own deparsed texts, on every version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from pgproof.advise.deparsed import columns_in, filter_columns, fixed_values, folded_column, sort_columns
from pgproof.facts.catalog import QualifiedName, Table
from pgproof.facts.read import read_facts
from pgproof.server import Server

SCHEMA = """
    CREATE TYPE mood AS ENUM ('glad', 'sad');
    CREATE TABLE jobs (id int, company_id int, title text, code varchar(9), letter char(3), state text, mood mood,
                       open boolean, created_at timestamptz, "Odd ""Name" text);
"""


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[psycopg.Connection[Any]]:
    with server.scratch_database() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SCHEMA)
        yield connection


def jobs(connection: psycopg.Connection[Any]) -> Table:
    table = read_facts(connection).catalog.named(QualifiedName("public", "jobs"))
    assert table is not None
    return table


def test_a_plan_s_filter_names_what_an_index_could_answer(connection: psycopg.Connection[Any]) -> None:
    scan = _sort(
        connection,
        "SELECT 1 FROM jobs j WHERE company_id = 1 AND code = 'x' AND created_at > now() AND id::numeric = 1"
        " AND letter = 'x'::text AND state IN ('a', 'b') AND (title = 'x' OR id = 2) AND mood <> 'sad' ORDER BY id",
    )["Plans"][0]
    assert filter_columns(scan["Filter"], jobs(connection)) == {"company_id", "code", "created_at", "state"}
    assert filter_columns("not a ( condition", jobs(connection)) == frozenset()


def test_all_columns_of_a_condition_are_found() -> None:
    assert columns_in('((lower((j.title)::text) ~~ $1) OR (NOT "Open"))') == {"title", "Open"}
    assert columns_in("not a ( condition") == frozenset()


def test_a_plan_s_sort_key_is_columns_or_nothing(connection: psycopg.Connection[Any]) -> None:
    plan = _sort(connection, 'SELECT 1 FROM jobs j ORDER BY company_id DESC, "Odd ""Name" NULLS FIRST')
    assert sort_columns(plan["Sort Key"]) == ("company_id", 'Odd "Name')
    assert sort_columns(_sort(connection, "SELECT 1 FROM jobs ORDER BY id, lower(title)")["Sort Key"]) is None
    assert sort_columns(()) is None


@pytest.mark.parametrize(
    ("predicate", "values"),
    [
        ("state = 'open'", {"state": "'open'"}),
        ("code = 'it''s'", {"code": "'it''s'"}),
        ("company_id = 7", {"company_id": "7"}),
        ("mood = 'glad'", {"mood": "'glad'"}),
        ("open", {"open": "true"}),
        ("NOT open", {"open": "false"}),
        ("state = 'open' AND (NOT open) AND company_id > 3", {"state": "'open'", "open": "false"}),
        ("state IN ('open', 'shut')", {}),
        ("state = 'open' OR company_id = 7", {}),
        ("state <> 'open'", {}),
        ("state IS NULL", {}),
        ("state = title", {}),
        ("lower(state) = 'open'", {}),
    ],
)
def test_a_predicate_fixes_values(connection: psycopg.Connection[Any], predicate: str, values: dict[str, str]) -> None:
    connection.execute(f"CREATE INDEX fixed ON jobs (id) WHERE {predicate}".encode())
    try:
        (index,) = jobs(connection).indexes
        assert index.predicate is not None
        assert fixed_values(index.predicate, jobs(connection)) == values
    finally:
        connection.execute("DROP INDEX fixed")


@pytest.mark.parametrize(
    ("key", "folded"),
    [
        ("lower(title)", ("lower", "title")),
        ("lower(code)", ("lower", "code")),
        ('upper("Odd ""Name")', ("upper", 'Odd "Name')),
        ("lower(title || code)", None),
        ("(company_id + 1)", None),
        ("length(title)", None),
    ],
)
def test_an_index_key_folds_a_column(
    connection: psycopg.Connection[Any], key: str, folded: tuple[str, str] | None
) -> None:
    connection.execute(f"CREATE INDEX folded ON jobs ({key})".encode())
    try:
        (index,) = jobs(connection).indexes
        assert index.keys[0].expression is not None
        assert folded_column(index.keys[0].expression) == folded
    finally:
        connection.execute("DROP INDEX folded")


def _sort(connection: psycopg.Connection[Any], statement: str) -> Any:
    row = connection.execute(f"EXPLAIN (FORMAT JSON, VERBOSE) {statement}".encode()).fetchone()
    assert row is not None
    plan = row[0][0]["Plan"]
    while plan["Node Type"] != "Sort":
        plan = plan["Plans"][0]
    return plan
