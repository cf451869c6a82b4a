"""Through the real PgBouncer in transaction mode: the same facts, the same bounds, and nothing left behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from pgproof.facts.collect import CollectOptions, collect_answers
from pgproof.facts.model import Facts
from pgproof.facts.questions import Matches, PlanOf, RowsWhere
from pgproof.facts.read import ReadOptions, read_facts
from pgproof.facts.source import ServerSource, connect, parse_source
from pgproof.server import Server, running_standby, wait_until_replayed
from pgproof.testing import PgBouncer, running_pgbouncer

from .auditing import QUESTIONS, T, audit, bounds_watched, make, shown
from .conftest import Connection

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def bouncer(server: Server) -> Iterator[PgBouncer]:
    """A PgBouncer with one connection to each database of the server, which all its clients share."""
    with running_pgbouncer(server, connections=1) as running:
        yield running


@pytest.fixture
def url(bouncer: PgBouncer, connection: Connection) -> str:
    """A database with something of each kind, through PgBouncer."""
    connection.execute("CREATE EXTENSION pg_stat_statements")
    make(connection)
    connection.execute("SELECT count(*) FROM t WHERE id = 17")
    return bouncer.url(connection.info.dbname)


@contextmanager
def opened(url: str) -> Iterator[Connection]:
    source = parse_source(url)
    assert isinstance(source, ServerSource)
    with connect(source) as connection:
        yield connection


def without_times(facts: Facts) -> Facts:
    """The facts without what two readings never have in common: times, counters, and the client's own settings."""
    own = ("application_name", "client_encoding")
    settings = tuple(setting for setting in facts.server.settings if setting.name not in own)
    return replace(
        facts,
        database=replace(facts.database, taken_at=facts.database.started_at),
        server=replace(facts.server, settings=settings, activity=None),
    )


@contextmanager
def left_as_it_was(url: str) -> Iterator[None]:
    """Compare the server connection of PgBouncer, as another client finds it, before and after; it is never reset."""

    def state() -> list[object]:
        # Tagged, so that they are no more part of the workload than the audit's own.
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as other:
            return [
                other.execute(f"SELECT /* pgproof */ {what}".encode()).fetchall()
                for what in (
                    "pg_backend_pid()",
                    "name, setting FROM pg_settings ORDER BY name",
                    "name FROM pg_prepared_statements",
                    "relname FROM pg_class WHERE relpersistence = 't'",
                    "name FROM pg_cursors",
                )
            ]

    before = state()
    yield
    after = state()
    assert after == before
    assert after[2:] == [[], [], []]


def test_the_facts_are_those_of_a_direct_connection(url: str, database: str) -> None:
    with opened(database) as direct:
        expected = read_facts(direct)
    with left_as_it_was(url), opened(url) as pooled:
        found = audit(pooled)
    assert expected.server.statements
    assert without_times(found) == without_times(expected)


def test_the_bounds_hold_in_every_transaction_and_are_gone_after_it(url: str) -> None:
    with left_as_it_was(url), opened(url) as pooled:
        before = shown(pooled)
        with bounds_watched(pooled, timeouts={"12s", "7s"}):
            facts = read_facts(pooled, ReadOptions(statement_timeout=12_000))
            collect_answers(pooled, facts, QUESTIONS[:5], CollectOptions(timeout=7_000))
        assert shown(pooled) == before


def test_what_fails_leaves_nothing_behind_either(url: str, connection: Connection) -> None:
    connection.execute("INSERT INTO p (name) SELECT 'n' FROM generate_series(1, 200000)")
    failing = (RowsWhere(T, Matches("tags", "(")), PlanOf("SELECT 1 / 0"), PlanOf("SELECT * FROM gone"))
    with left_as_it_was(url), opened(url) as pooled:
        facts = read_facts(pooled)
        (slow,) = collect_answers(pooled, facts, QUESTIONS[2:3], CollectOptions(timeout=1))
        refused = [answer.refused or "" for answer in collect_answers(pooled, facts, failing)]
    assert "statement timeout" in (slow.refused or "")
    assert refused == [
        "public.t.tags is of type text[], not a text",
        "division by zero (SQLSTATE 22012)",
        'relation "gone" does not exist (SQLSTATE 42P01)',
    ]


def test_a_hot_standby_behind_it_is_a_source_like_any_other(url: str, server: Server, connection: Connection) -> None:
    with running_standby(server) as standby, running_pgbouncer(standby, connections=1) as before_standby:
        wait_until_replayed(server, standby)
        name = str(conninfo_to_dict(url)["dbname"])
        pooled = before_standby.url(name)
        with opened(standby.url(name)) as direct:
            expected = read_facts(direct)
        with left_as_it_was(pooled), opened(pooled) as reader:
            found = audit(reader)
    assert found.database.in_recovery
    assert without_times(found) == without_times(expected)
