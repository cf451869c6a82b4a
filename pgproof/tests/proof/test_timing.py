"""Paired timing: what is counted, what is interleaved, what is refused. How long anything takes is not tested."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict

import psycopg
import pytest

from pgproof.errors import PgproofError
from pgproof.proof.measuring import nearest_rank
from pgproof.proof.timing import (
    TimedStatement,
    Variant,
    noise_band,
    time_pairs,
    time_statement,
    time_variants,
)

Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with psycopg.connect(database, autocommit=True, prepare_threshold=None) as opened:
        yield opened


@pytest.fixture
def pages(connection: Connection) -> int:
    """A table `t` of 10 000 rows without an index, and the pages that reading it takes."""
    connection.execute("CREATE TABLE t AS SELECT n AS id, n % 100 AS code FROM generate_series(1, 10000) AS n")
    connection.execute("VACUUM (FREEZE, ANALYZE) t")
    row = connection.execute("SELECT relpages FROM pg_class WHERE relname = 't'").fetchone()
    assert row is not None
    pages = row[0]
    assert isinstance(pages, int)
    assert pages > 10
    return pages


def test_an_iteration_is_one_call_with_each_parameter_set(database: str, pages: int) -> None:
    statement = TimedStatement("count", "SELECT count(*) FROM t WHERE code = %(code)s", [{"code": 1}, {"code": 2}])

    (timing,) = time_pairs(database, database, [(statement, statement)], iterations=3)

    assert timing.calls == 6
    assert timing.speedup == timing.before.median_ms / timing.after.median_ms
    assert timing.before.median_ms <= timing.before.p95_ms


def test_buffers_are_the_blocks_of_one_call(connection: Connection, pages: int) -> None:
    once = time_statement(connection, TimedStatement("scan", "SELECT count(*) FROM t"), iterations=1)
    twice = time_statement(
        connection, TimedStatement("scans", ("SELECT count(*) FROM t", "SELECT sum(id) FROM t")), iterations=1
    )

    assert once.buffers == pages
    assert twice.buffers == 2 * pages


def test_buffers_are_averaged_over_the_parameter_sets(connection: Connection, pages: int) -> None:
    scan_or_not = TimedStatement(
        "scan or not",
        "SELECT (SELECT count(*) FROM t WHERE %(scan)s)",
        [{"scan": True}, {"scan": False}, {"scan": False}, {"scan": False}],
    )

    assert time_statement(connection, scan_or_not, iterations=1).buffers == pages / 4


def test_an_index_shows_in_the_buffers_of_the_after_side(database: str, connection: Connection, pages: int) -> None:
    connection.execute("CREATE TABLE indexed AS SELECT * FROM t")
    connection.execute("CREATE INDEX indexed_id ON indexed (id)")
    connection.execute("VACUUM (FREEZE, ANALYZE) indexed")
    before = TimedStatement("by id", "SELECT code FROM t WHERE id = %(id)s", [{"id": 17}])
    after = TimedStatement("by id", "SELECT code FROM indexed WHERE id = %(id)s", [{"id": 17}])

    (timing,) = time_pairs(database, database, [(before, after)], iterations=2)

    assert timing.before.buffers == pages
    assert timing.after.buffers < 5


def test_a_statement_that_changes_rows_is_timed_and_leaves_none(connection: Connection, pages: int) -> None:
    insert = TimedStatement("insert", "INSERT INTO t VALUES (%(id)s, 0) RETURNING id", [{"id": -1}])

    sample = time_statement(connection, insert, iterations=2)

    assert sample.buffers > 0
    assert connection.execute("SELECT count(*) FROM t WHERE id = -1").fetchone() == (0,)


def test_either_variant_comes_first_now_and_then(database: str, connection: Connection) -> None:
    # A sequence keeps its value when a call is rolled back: one counts the calls of a side, the other those
    # that were ahead of the opposite side. Sides that ran one after the other, or always in the same order,
    # would leave one side never ahead.
    for sequence in ("a", "b", "a_ahead", "b_ahead"):
        connection.execute(f"CREATE SEQUENCE {sequence} MINVALUE 0")
        connection.execute(f"SELECT nextval('{sequence}')")

    def side(own: str, other: str) -> TimedStatement:
        ahead = f"nextval('{own}') > (SELECT last_value FROM {other})"
        return TimedStatement("calls", f"SELECT CASE WHEN {ahead} THEN nextval('{own}_ahead') END")

    first, second = time_variants(
        [Variant("a", database, side("a", "b")), Variant("b", database, side("b", "a"))], iterations=30, warmup=2
    )

    ahead = connection.execute("SELECT a_ahead.last_value, b_ahead.last_value FROM a_ahead, b_ahead").fetchone()
    assert len(first.calls_ms) == len(second.calls_ms) == 30
    assert ahead is not None
    assert all(isinstance(side, int) and side > 5 for side in ahead)


def test_variants_may_live_in_different_databases(database: str, connection: Connection) -> None:
    current = TimedStatement("where", "SELECT 1 / (current_database() = %(name)s)::int", [{"name": "postgres"}])
    here = TimedStatement("where", current.sql, [{"name": connection.info.dbname}])
    elsewhere = database.replace(connection.info.dbname, "postgres", 1)

    timings = time_variants([Variant("here", database, here), Variant("there", elsewhere, current)], iterations=1)

    assert [timing.label for timing in timings] == ["here", "there"]


def test_a_statement_over_the_timeout_is_named(connection: Connection) -> None:
    connection.execute("SET statement_timeout = '20ms'")

    with pytest.raises(PgproofError, match=r"^runaway cannot be timed on .*statement timeout; raise the timeout"):
        time_statement(connection, TimedStatement("runaway", "SELECT pg_sleep(10)"), iterations=1)


def test_a_statement_that_fails_is_named_in_one_line(connection: Connection) -> None:
    with pytest.raises(PgproofError, match=r'^lost cannot be timed on .*relation "nowhere" does not exist') as error:
        time_statement(connection, TimedStatement("lost", "SELECT * FROM nowhere"), iterations=1)

    assert "\n" not in str(error.value)


def test_a_server_that_refuses_is_an_error_of_one_line(database: str) -> None:
    nowhere = Variant("x", f"{database}&dbname=pgproof_nowhere", TimedStatement("one", "SELECT 1"))
    with pytest.raises(PgproofError, match="pgproof_nowhere") as error:
        time_variants([nowhere], iterations=1)

    assert "\n" not in str(error.value)


def test_sides_with_different_numbers_of_parameter_sets_are_not_compared(database: str) -> None:
    one = TimedStatement("x", "SELECT 1", [{}])
    two = TimedStatement("x", "SELECT 1", [{}, {}])

    with pytest.raises(PgproofError, match="same number of parameter sets"):
        time_pairs(database, database, [(one, two)], iterations=1)


def test_progress_ends_at_all_passes_of_each_statement(database: str) -> None:
    told: list[tuple[str, int, int]] = []
    statements = [TimedStatement(name, "SELECT 1") for name in ("first", "second")]

    time_pairs(
        database,
        database,
        [(statement, statement) for statement in statements],
        iterations=2,
        warmup=1,
        progress=lambda name, done, total: told.append((name, done, total)),
    )

    assert told == [(name, done, 3) for name in ("first", "second") for done in (1, 2, 3)]


def test_a_timing_is_json(database: str) -> None:
    statement = TimedStatement("percent", "SELECT '100 %%' WHERE 'abc' LIKE 'a%%'")

    (timing,) = time_pairs(database, database, [(statement, statement)], iterations=1)

    assert json.loads(json.dumps(asdict(timing))) == asdict(timing)


def test_two_equal_measurements_have_no_noise() -> None:
    assert noise_band([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]) == 0


def test_the_noise_is_at_least_the_difference_of_the_medians() -> None:
    assert noise_band([10.0] * 30, [15.0] * 30) >= 0.5


def test_the_noise_does_not_depend_on_which_measurement_came_first() -> None:
    first, again = [10.0, 12.0, 11.0], [12.0, 14.0, 11.5]

    assert noise_band(first, again) == noise_band(again, first)


def test_equal_medians_of_scattered_calls_still_have_noise() -> None:
    scattered, opposite = [1.0, 5.0, 9.0], [9.0, 5.0, 1.0]

    # Exchanging the first pair alone gives medians of 9 and 1.
    assert noise_band(scattered, opposite) == pytest.approx(8.0)


@pytest.mark.parametrize(("fraction", "expected"), [(0.05, 15), (0.3, 20), (0.4, 20), (0.5, 35), (0.95, 50), (1.0, 50)])
def test_a_percentile_is_the_value_at_the_nearest_rank(fraction: float, expected: int) -> None:
    assert nearest_rank([15, 20, 35, 40, 50], fraction) == expected


def test_the_95th_percentile_of_twenty_is_the_nineteenth() -> None:
    values = list(range(1, 21))

    assert nearest_rank(values, 0.95) == 19
    assert math.isclose(nearest_rank(values, 0.999), 20)
