"""Rules of indexes against real situations: builds in progress, locked tables, and indexes drawn at random."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from pgproof.examples import Placed, examined, facts_of
from pgproof.rules import given
from pgproof.rules.checking import Checked
from pgproof.rules.discovery import all_rules
from pgproof.rules.indexes._covering import redundancies
from pgproof.rules.rule import Example

Connection = psycopg.Connection[Any]
PATIENCE = 120


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with psycopg.connect(database, autocommit=True) as opened:
        yield opened


def checked(connection: Connection, code: str, *stated: given.Given) -> Checked:
    rules = tuple(rule for rule in all_rules() if rule.code == code)
    return examined(connection, Placed(Example("real", given=stated), "public", {}), rules, facts_of(connection))


def unchecked(said: Checked) -> list[tuple[str, ...]]:
    assert said.findings == ()
    return [tuple(each.name for each in one.detail.objects) for one in said.not_checked]


@contextmanager
def building(connection: Connection, database: str, table: str, index: str) -> Iterator[psycopg.Connection[Any]]:
    """A concurrent build that waits for a transaction which has written the table."""
    failed: list[psycopg.Error] = []

    def build(builder: Connection) -> None:
        try:
            builder.execute(f"CREATE INDEX CONCURRENTLY {index} ON {table} (a)".encode())
        except psycopg.Error as error:
            failed.append(error)

    with psycopg.connect(database) as writer, psycopg.connect(database, autocommit=True) as builder:
        writer.execute(f"INSERT INTO {table} VALUES (1)".encode())
        thread = threading.Thread(target=build, args=(builder,))
        thread.start()
        deadline = time.monotonic() + PATIENCE
        while not connection.execute("SELECT 1 FROM pg_class WHERE relname = %s", (index,)).fetchone():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        try:
            yield builder
        finally:
            builder.cancel()
            thread.join(PATIENCE)
            writer.rollback()
    assert [type(error) for error in failed] == [psycopg.errors.QueryCanceled]


def test_an_index_in_the_making_is_not_called_invalid_and_one_given_up_is_mended(
    connection: Connection, database: str
) -> None:
    connection.execute("CREATE TABLE t (a int)")
    with building(connection, database, "t", "made") as builder:
        time.sleep(1.1)  # what runs for less is taken for a statement that began after the index
        said = checked(connection, "IDX06")
        assert unchecked(said) == [("made",)]
        assert str(builder.info.backend_pid) in said.not_checked[0].detail.needs
    (finding,) = checked(connection, "IDX06").findings
    assert finding.objects[0].name == "made"
    assert finding.remedy is not None
    for operation in finding.remedy.operations:
        for statement in operation.forward():
            connection.execute(statement.encode())
    assert connection.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'made'::regclass").fetchone() == (
        True,
    )
    assert checked(connection, "IDX06").findings == ()


def test_duplicates_are_counted_before_a_unique_index_is_built_again(connection: Connection) -> None:
    connection.execute("CREATE TABLE t (a int)")
    connection.execute("INSERT INTO t VALUES (1), (1), (1), (2)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute("CREATE UNIQUE INDEX CONCURRENTLY once ON t (a)")
    (finding,) = checked(connection, "IDX06").findings
    assert finding.confidence == "exact"
    assert finding.severity == "high"
    assert finding.remedy is not None
    assert finding.remedy.operations == ()
    assert "2 surplus rows" in finding.remedy.summary
    connection.execute("DELETE FROM t WHERE ctid IN (SELECT ctid FROM t WHERE a = 1 LIMIT 2)")
    (finding,) = checked(connection, "IDX06").findings
    assert finding.remedy is not None
    assert [operation.kind for operation in finding.remedy.operations] == ["rebuild invalid index"]


def test_what_a_lock_hides_is_not_checked(connection: Connection, database: str) -> None:
    connection.execute("CREATE TABLE p (id int PRIMARY KEY)")
    connection.execute("CREATE TABLE c (a int NOT NULL, p_id int REFERENCES p, n int)")
    connection.execute("CREATE INDEX some_rows ON c (p_id) WHERE a > 0")
    connection.execute("CREATE INDEX all_rows ON c (a) WHERE a IS NOT NULL")
    connection.execute("CREATE INDEX repeated ON c (n)")
    connection.execute("CREATE INDEX repeating ON c (n)")
    assert len(checked(connection, "IDX01").findings) == 1
    assert len(checked(connection, "IDX16").findings) == 1
    with psycopg.connect(database) as locker:
        locker.execute("LOCK TABLE c")
        assert unchecked(checked(connection, "IDX01")) == [("c_p_id_fkey",)]
        assert unchecked(checked(connection, "IDX16")) == [("all_rows",), ("some_rows",)]
        (repeat,) = checked(connection, "IDX02").findings
        assert repeat.objects[0].name == "repeating"
        assert repeat.remedy is not None
        assert repeat.remedy.operations == ()


def test_what_nobody_analysed_or_counted_is_not_checked(connection: Connection) -> None:
    connection.execute("CREATE TABLE p (a int, b int, PRIMARY KEY (a, b))")
    connection.execute("CREATE TABLE c (a int, b int, CONSTRAINT c_p FOREIGN KEY (a, b) REFERENCES p)")
    connection.execute("CREATE INDEX i ON c (a)")
    assert unchecked(checked(connection, "IDX01")) == [("c_p",)]
    assert unchecked(checked(connection, "IDX05", given.index("i", scans=None))) == [("i",)]
    assert unchecked(checked(connection, "IDX05")) == []
    large = (
        given.table("c", reltuples=20_000, heap_bytes=8192, inserted=1),
        given.index("i", bytes=2_000_000, scans=0),
    )
    assert unchecked(checked(connection, "IDX05", *large)) == []  # the foreign key needs it
    connection.execute("ALTER TABLE c DROP CONSTRAINT c_p")
    assert unchecked(checked(connection, "IDX05", *large)) == [("i",)]  # the counters are young
    assert unchecked(checked(connection, "IDX05", *large, given.database(in_recovery=True))) == [("i",)]
    assert unchecked(checked(connection, "IDX08", *large)) == [("i",)]
    assert unchecked(checked(connection, "IDX09", *large)) == [("i",)]
    connection.execute("CREATE TABLE w (a text); CREATE INDEX j ON w (a)")
    assert unchecked(checked(connection, "IDX07", given.index("j", pages=100_000, reltuples=1_000))) == [("j",)]
    busy = given.table("w", updated=10_000, hot_updated=0)
    assert unchecked(checked(connection, "IDX19", busy, given.server(statements=None))) == [("w",)]


def test_of_indexes_drawn_at_random_enough_are_kept_to_do_the_work_of_those_told_of(connection: Connection) -> None:
    draw = random.Random(20)
    keys = ("a", "b", "a, b", "b, a", "a, b, c", "a DESC", "lower(d), a", "lower(d)", "d text_pattern_ops", "d")
    for number in range(60):
        connection.execute(f"CREATE TABLE t{number} (a int NOT NULL, b int, c int, d text)".encode())
        for _ in range(7):
            unique = draw.choice(("", "", "UNIQUE"))
            where = draw.choice(("", "", "WHERE b > 0"))
            include = draw.choice(("", "", "INCLUDE (c)"))
            nulls = draw.choice(("", "NULLS NOT DISTINCT")) if unique else ""
            chosen = draw.choice(keys)
            carried = "" if "c" in chosen else include
            connection.execute(f"CREATE {unique} INDEX ON t{number} ({chosen}) {carried} {nulls} {where}".encode())
        if draw.random() < 0.5:
            connection.execute(f"ALTER TABLE t{number} ADD PRIMARY KEY (a)".encode())
    facts = facts_of(connection)
    told = list(redundancies(facts.catalog))
    gone = {each.index.oid for each in told}
    assert {each.kind for each in told} == {"duplicate", "prefix", "implied"}
    assert len(gone) == len(told), "an index is told of once"
    assert not gone & {each.by.oid for each in told}, "what does the work of another is kept"
    for each in told:
        kept = [index for index in each.table.indexes if index.oid not in gone]
        rules = [set(index.keys) for index in kept if index.unique and index.predicate in (None, each.index.predicate)]
        if each.index.unique:
            compared = {(key.column, key.expression, key.operator_class) for key in each.index.keys}
            assert any(
                {(key.column, key.expression, key.operator_class) for key in rule} <= compared for rule in rules
            ), each.index.definition
        if each.kind != "implied":
            assert any(
                index.keys[: len(each.index.keys)] == each.index.keys
                and index.predicate == each.index.predicate
                and set(each.index.include) <= {*index.columns, *index.include}
                for index in kept
            ), each.index.definition
    for each in told:
        connection.execute(f'DROP INDEX "{each.index.name}"'.encode())
    assert list(redundancies(facts_of(connection).catalog)) == []
