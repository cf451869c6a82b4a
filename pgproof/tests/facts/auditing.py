"""A database with something of each kind to read, all that an audit does to it, and what goes over the connection."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from pgproof.facts.catalog import QualifiedName
from pgproof.facts.collect import CollectOptions, collect_answers
from pgproof.facts.model import Facts
from pgproof.facts.questions import Compare, Duplicates, HighestValue, IsNull, Orphans, PlanOf, Question, RowsWhere
from pgproof.facts.read import read_facts

from .conftest import Connection

SCHEMA = """
CREATE TABLE p (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text DEFAULT 'x' CHECK (name <> ''));
CREATE TABLE t (id serial PRIMARY KEY, p int REFERENCES p, tags text[]);
CREATE INDEX t_half ON t (p, lower(tags[1])) WHERE id > 3;
CREATE MATERIALIZED VIEW m AS SELECT id FROM p;
CREATE SEQUENCE lonely;
INSERT INTO p (name) SELECT 'n' || n FROM generate_series(1, 300) n;
INSERT INTO t (p) SELECT n FROM generate_series(1, 300) n;
ANALYZE p; ANALYZE t
"""
P, T = QualifiedName("public", "p"), QualifiedName("public", "t")
QUESTIONS: tuple[Question, ...] = (
    RowsWhere(T, IsNull("p")),
    RowsWhere(T, Compare("id", ">", "p")),
    Duplicates(P, ("name",), lower=("name",)),
    Orphans(T, ("p",), P, ("id",)),
    HighestValue(T, "id"),
    PlanOf("SELECT * FROM t WHERE p = $1"),
)


def make(connection: Connection, schema: str = SCHEMA) -> None:
    for statement in schema.split(";"):
        connection.execute(statement.encode())


def audit(connection: Connection) -> Facts:
    """Everything an audit does: the reading, questions counted, sampled and by ranges, and a plan."""
    facts = read_facts(connection)
    for options in (CollectOptions(), CollectOptions(largest_bytes=0), CollectOptions(data="exact")):
        answers = collect_answers(connection, facts, QUESTIONS, options)
        assert [answer.refused for answer in answers] == [None] * len(QUESTIONS)
    return facts


class Counted(psycopg.Cursor[Any]):
    """A cursor that tells what goes through it."""

    seen: list[str] = []  # noqa: RUF012
    after: Callable[[], None] = staticmethod(lambda: None)

    def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        answer = super().execute(query, *args, **kwargs)
        Counted.seen.append(str(query))
        Counted.after()
        return answer


@contextmanager
def counting(connection: Connection, after: Callable[[], None] = lambda: None) -> Iterator[list[str]]:
    """Collect what a connection executes, and call `after` behind each statement."""
    usual = connection.cursor_factory
    Counted.seen, Counted.after = [], staticmethod(after)
    connection.cursor_factory = Counted
    yield Counted.seen
    connection.cursor_factory = usual


BOUNDS = (
    *("search_path", "row_security", "jit", "max_parallel_workers_per_gather", "work_mem", "statement_timeout"),
    *("lock_timeout", "idle_in_transaction_session_timeout", "application_name", "TimeZone"),
    "transaction_read_only",
)


def shown(connection: Connection) -> list[str]:
    """The values that the bounds of safe reading have now."""
    with psycopg.Cursor(connection) as cursor:
        return [cursor.execute(f"SHOW {name}".encode()).fetchone()[0] for name in BOUNDS]  # type: ignore[index]


@contextmanager
def bounds_watched(connection: Connection, *, timeouts: set[str]) -> Iterator[None]:
    """Look at the bounds behind every statement of a transaction, and at the end whether they held in each."""
    inside: list[tuple[str, list[str]]] = []

    def sample() -> None:
        if connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS:
            inside.append((Counted.seen[-1], shown(connection)))

    with counting(connection, sample):
        yield
    # What comes before the bounds are set: the kind of transaction, and the settings as they are without ours.
    bounded = [values for statement, values in inside if not re.search("^SET TRANSACTION|pg_settings", statement)]
    assert {values[5] for values in bounded} == timeouts
    safe = ["pg_catalog", "off", "off", "0", "16MB", "100ms", "1min", "pgproof", "UTC", "on"]
    assert all(values[:5] + values[6:] == safe for values in bounded)
