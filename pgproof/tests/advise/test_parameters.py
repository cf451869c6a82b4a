"""Where values for a statement's parameters come from, and that nothing is guessed."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from pgproof.advise.parameters import ColumnValue, ParameterSource, parameter_sources
from pgproof.facts.catalog import Catalog, QualifiedName
from pgproof.facts.read import read_facts
from pgproof.server import Server

SCHEMA = """
    CREATE TABLE jobs (id int PRIMARY KEY, company_id int, state text, title text);
    CREATE TABLE companies (id int PRIMARY KEY, name text);
    CREATE SCHEMA other;
    CREATE TABLE other.jobs (id int PRIMARY KEY, place text);
"""
STATE = ColumnValue(QualifiedName("public", "jobs"), "state")
COMPANY = ColumnValue(QualifiedName("public", "jobs"), "company_id")


@pytest.fixture(scope="module")
def catalog(embedded_server: Server) -> Iterator[Catalog]:
    with embedded_server.scratch_database() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SCHEMA)
        yield read_facts(connection).catalog


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        ("SELECT * FROM jobs", {}),
        ("SELECT * FROM jobs WHERE state = $1", {1: STATE}),
        ("SELECT * FROM jobs j WHERE $2 = j.state AND company_id = $1", {1: COMPANY, 2: STATE}),
        ("SELECT * FROM jobs WHERE state = $1 ORDER BY id LIMIT $2 OFFSET $3", {1: STATE, 2: "limit", 3: "offset"}),
        ("SELECT * FROM jobs WHERE state = $1 OFFSET $3 LIMIT $2", {1: STATE, 2: "limit", 3: "offset"}),
        (
            "SELECT c.name FROM jobs j JOIN companies c ON c.id = j.company_id WHERE c.name = $1",
            {1: ColumnValue(QualifiedName("public", "companies"), "name")},
        ),
        ("SELECT * FROM other.jobs WHERE place = $1", {1: ColumnValue(QualifiedName("other", "jobs"), "place")}),
    ],
)
def test_a_value_comes_from_the_column_it_must_equal(
    text: str, sources: dict[int, ParameterSource], catalog: Catalog
) -> None:
    assert parameter_sources(text, catalog, ("public",)) == sources


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM jobs WHERE id > $1",
        "SELECT * FROM jobs WHERE state = $1 AND title LIKE $2",
        "SELECT * FROM jobs WHERE state = ANY($1)",
        "SELECT * FROM jobs WHERE state IN ($1, $2)",
        "SELECT $1 FROM jobs",
        "SELECT * FROM jobs WHERE state = $2",
        "SELECT * FROM jobs WHERE lower(state) = $1",
    ],
)
def test_a_parameter_of_any_other_use_has_no_value(text: str, catalog: Catalog) -> None:
    assert parameter_sources(text, catalog, ("public",)) is None


@pytest.mark.parametrize(
    "text",
    [
        "UPDATE jobs SET title = title WHERE state = $1",
        "DELETE FROM jobs WHERE state = $1",
        "INSERT INTO jobs SELECT * FROM jobs WHERE state = $1",
        "WITH gone AS (DELETE FROM jobs WHERE state = $1 RETURNING *) SELECT * FROM gone",
        "SELECT * FROM jobs WHERE state = $1 FOR UPDATE",
        "SELECT * INTO copy FROM jobs WHERE state = $1",
        "SELECT nextval('s') FROM jobs",
    ],
)
def test_a_statement_that_does_more_than_read_is_never_run(text: str, catalog: Catalog) -> None:
    assert parameter_sources(text, catalog, ("public",)) is None


@pytest.mark.parametrize(
    "text", ["SELECT 1", "SELECT * FROM nowhere WHERE a = $1", "SELECT * FROM pg_class WHERE relname = $1", "not SQL ("]
)
def test_a_statement_of_no_known_table_is_none_to_time(text: str, catalog: Catalog) -> None:
    assert parameter_sources(text, catalog, ("public",)) is None
