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
from pgproof.rules.finding import NotChecked
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
def at_work(connection: Connection, database: str, statement: str) -> Iterator[None]:
    """A concurrent build, rebuild or drop of an index of `t` that waits for a transaction which wrote the table."""
    failed: list[psycopg.Error] = []

    def work(worker: Connection) -> None:
        try:
            worker.execute(statement.encode())
        except psycopg.Error as error:
            failed.append(error)

    with psycopg.connect(database) as writer, psycopg.connect(database, autocommit=True) as worker:
        writer.execute("INSERT INTO t VALUES (1)")
        thread = threading.Thread(target=work, args=(worker,))
        thread.start()
        deadline = time.monotonic() + PATIENCE
        while not connection.execute("SELECT 1 FROM pg_index WHERE NOT indisvalid").fetchone():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        try:
            yield
        finally:
            worker.cancel()
            thread.join(PATIENCE)
            writer.rollback()
    assert [type(error) for error in failed] == [psycopg.errors.QueryCanceled]


def in_hand(connection: Connection) -> list[str]:
    return [index.name for table in facts_of(connection).catalog.tables for index in table.indexes if index.building]


def test_an_index_in_the_making_is_not_called_invalid_and_one_given_up_is_mended(
    connection: Connection, database: str
) -> None:
    connection.execute("CREATE TABLE t (a int); CREATE INDEX other ON t (a)")
    with at_work(connection, database, "CREATE INDEX CONCURRENTLY made ON t (a)"):
        said = checked(connection, "IDX06")
        assert unchecked(said) == [("made",)]
        assert "building" in said.not_checked[0].detail.needs
        assert in_hand(connection) == ["made"]
        connection.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'other'::regclass")
        (finding,) = checked(connection, "IDX06").findings
        assert finding.objects[0].name == "other", "what somebody builds hides no left-over of another"
        connection.execute("UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'other'::regclass")
    assert in_hand(connection) == []
    (finding,) = checked(connection, "IDX06").findings
    assert finding.objects[0].name == "made"
    assert finding.confidence == "catalog"
    assert finding.remedy is not None
    for operation in finding.remedy.operations:
        for statement in operation.forward():
            connection.execute(statement.encode())
    assert connection.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'made'::regclass").fetchone() == (
        True,
    )
    assert checked(connection, "IDX06").findings == ()


def test_an_index_that_is_rebuilt_or_dropped_right_now_is_not_called_invalid(
    connection: Connection, database: str
) -> None:
    connection.execute("CREATE TABLE t (a int, b int); CREATE INDEX one ON t (a); CREATE INDEX two ON t (b)")
    with at_work(connection, database, "REINDEX TABLE CONCURRENTLY t"):
        assert unchecked(checked(connection, "IDX06")) == [("one_ccnew",), ("two_ccnew",)]
        assert in_hand(connection) == ["one", "one_ccnew", "two", "two_ccnew"]
    left = checked(connection, "IDX06").findings
    assert [finding.objects[0].name for finding in left] == ["one_ccnew", "two_ccnew"]
    connection.execute("DROP INDEX one_ccnew; DROP INDEX two_ccnew")
    with at_work(connection, database, "DROP INDEX CONCURRENTLY one"):
        assert unchecked(checked(connection, "IDX06")) == [("one",)]
    assert [finding.objects[0].name for finding in checked(connection, "IDX06").findings] == ["one"]


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
    assert unchecked(checked(connection, "IDX11", given.workload())) == []
    with psycopg.connect(database) as locker:
        locker.execute("LOCK TABLE p, c")
        assert unchecked(checked(connection, "IDX01")) == [("c_p_id_fkey",)]
        assert unchecked(checked(connection, "IDX16")) == [("all_rows",), ("some_rows",)]
        assert unchecked(checked(connection, "IDX11", given.workload())) == [("c",)]
        (repeat,) = checked(connection, "IDX02").findings
        assert repeat.objects[0].name == "repeating"
        assert repeat.remedy is not None
        assert repeat.remedy.operations == ()


def test_what_nobody_analysed_or_counted_is_not_checked(connection: Connection) -> None:
    connection.execute("CREATE TABLE p (a int, b int, PRIMARY KEY (a, b))")
    connection.execute("CREATE TABLE c (a int, b int, CONSTRAINT c_p FOREIGN KEY (a, b) REFERENCES p)")
    connection.execute("CREATE INDEX i ON c (a)")
    assert unchecked(checked(connection, "IDX01")) == [("c_p",)]
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
    assert unchecked(checked(connection, "IDX07", given.index("j", pages=8192, reltuples=1_000))) == [("j",)]
    assert unchecked(checked(connection, "IDX07", given.index("j", pages=8191, reltuples=1_000))) == []
    connection.execute(
        "CREATE TABLE d (a int, b int, CONSTRAINT d_p FOREIGN KEY (a, b) REFERENCES p) PARTITION BY LIST (a);"
        "CREATE TABLE d_1 PARTITION OF d FOR VALUES IN (1); CREATE TABLE d_2 PARTITION OF d DEFAULT;"
        "CREATE INDEX ON d_1 (a); CREATE INDEX ON d_2 (a, b)"
    )
    assert ("d_p",) in unchecked(checked(connection, "IDX01"))
    connection.execute("DROP INDEX d_1_a_idx; CREATE INDEX ON d_1 (a, b)")
    assert ("d_p",) not in unchecked(checked(connection, "IDX01"))
    busy = given.table("w", updated=10_000, hot_updated=0)
    assert unchecked(checked(connection, "IDX19", busy, given.server(statements=None))) == [("w",)]


def test_statements_that_are_not_known_or_not_planned_are_not_checked(connection: Connection) -> None:
    connection.execute("CREATE TABLE t (a int, b int, c text); CREATE INDEX ON t (b) WHERE c = 'x'")
    connection.execute("INSERT INTO t SELECT n % 100, n % 100, n FROM generate_series(1, 5000) n; ANALYZE t")
    asked = given.workload(
        ("SELECT * FROM t WHERE a = $1 AND b = $2 AND c = $3", 1000, 5.0),
        ("SELECT * FROM t WHERE a = $1 AND b = $2", 1000, 5.0),
        ("SELECT * FROM t WHERE c LIKE $1", 1000, 5.0),
        rows=100_000,
    )
    for rule in (rule for rule in all_rules() if rule.code in ("IDX11", "IDX12", "IDX13", "IDX14")):
        facts = given.server(statements=None)(facts_of(connection))
        (result,) = rule.check(facts)
        assert isinstance(result, NotChecked)
        assert "pg_stat_statements" in result.needs
        facts = asked(facts_of(connection))
        (result,) = rule.check(facts)
        assert isinstance(result, NotChecked)
        assert (result.needs, [each.name for each in result.objects]) == (
            "the plan of a statement: plans were not asked for",
            ["t"],
        )


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
