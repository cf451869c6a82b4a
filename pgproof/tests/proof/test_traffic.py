"""The traffic driver: what it runs is really there, and nobody's wait or failure is lost."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from time import perf_counter

import psycopg
import pytest

from pgproof.errors import PgproofError
from pgproof.proof.traffic import IdleInTransaction, Traffic, TrafficStatement

Connection = psycopg.Connection[tuple[object, ...]]


def nothing(chance: random.Random) -> Mapping[str, object]:
    return {}


INSERT = TrafficStatement(
    "insert", "INSERT INTO t (n) VALUES (%(n)s)", lambda chance: {"n": chance.randint(1, 1_000_000)}, 1.0, True
)
COUNT = TrafficStatement("count", "SELECT count(*) FROM t WHERE n %% 2 = 0", nothing, 4.0, False)


@pytest.fixture
def connection(embedded_database: str) -> Iterator[Connection]:
    with psycopg.connect(embedded_database, autocommit=True) as opened:
        opened.execute("CREATE TABLE t (id serial PRIMARY KEY, n int)")
        yield opened


def number(connection: Connection, query: str) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    assert isinstance(row[0], int)
    return row[0]


def until(connection: Connection, condition: str) -> None:
    """Ask the server until a condition on it holds."""
    for _ in range(20_000):
        if number(connection, f"SELECT ({condition})::int"):
            return
    raise AssertionError(f"never came: {condition}")


def until_rows(connection: Connection, rows: int) -> None:
    until(connection, f"SELECT count(*) >= {rows} FROM t")


def test_every_counted_row_is_committed(embedded_database: str, connection: Connection) -> None:
    with Traffic(embedded_database, [INSERT, COUNT], connections=3, rate=400) as traffic:
        until_rows(connection, 20)
    report = traffic.report()

    insert, count = report.statements
    assert report.errors == ()
    assert report.rows_written == insert.rows_written == number(connection, "SELECT count(*) FROM t") >= 20
    assert count.rows_written == 0
    assert report.write_share == insert.calls / (insert.calls + count.calls)
    assert insert.calls < count.calls
    assert 0 < report.p50_ms <= report.p95_ms <= report.p999_ms <= report.max_ms
    assert report.max_ms == max(insert.max_ms, count.max_ms)


def test_a_statement_without_weight_is_not_called(embedded_database: str, connection: Connection) -> None:
    never = TrafficStatement("never", "SELECT 1 / 0", nothing, 0.0, False)
    with Traffic(embedded_database, [INSERT, never], connections=2, rate=400) as traffic:
        until_rows(connection, 5)

    (_, statement) = traffic.report().statements
    assert (statement.calls, statement.errors, statement.max_ms) == (0, 0, 0)


def test_the_same_seed_draws_the_same_parameters(embedded_database: str, connection: Connection) -> None:
    def drawn(seed: int) -> list[object]:
        connection.execute("TRUNCATE t")
        with Traffic(embedded_database, [INSERT], connections=1, rate=1000, seed=seed):
            until_rows(connection, 8)
        return [n for (n,) in connection.execute("SELECT n FROM t ORDER BY id LIMIT 8").fetchall()]

    assert drawn(7) == drawn(7) != drawn(8)


def test_requests_that_were_due_during_a_stall_are_as_late_as_they_were_due_early(
    embedded_database: str, connection: Connection
) -> None:
    with psycopg.connect(embedded_database) as migration:
        migration.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        with Traffic(embedded_database, [INSERT], connections=2, rate=100) as traffic:
            until(
                connection,
                "SELECT count(*) = 2 FROM pg_locks"
                " WHERE NOT granted AND clock_timestamp() - waitstart > interval '400 ms'",
            )
            migration.commit()
    report = traffic.report()

    # A closed loop would know of two late requests. Due every 10 ms for 400 ms, there are at least 40, and those of
    # the first 200 ms were late by more than the other 200 ms.
    assert report.requests >= 40
    assert report.max_ms >= 400
    assert report.p50_ms >= 100
    assert report.errors == ()


def test_requests_that_still_wait_at_the_end_are_counted_with_their_age(
    embedded_database: str, connection: Connection
) -> None:
    with psycopg.connect(embedded_database) as migration:
        migration.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        with Traffic(embedded_database, [INSERT], connections=2, rate=100) as traffic:
            until(
                connection,
                "SELECT count(*) = 2 FROM pg_locks"
                " WHERE NOT granted AND clock_timestamp() - waitstart > interval '200 ms'",
            )
    report = traffic.report()

    (insert,) = report.statements
    assert (insert.calls, insert.unfinished, insert.errors) == (2, 2, 0)
    assert report.unfinished == report.requests >= 20
    assert (report.rate, report.rows_written, report.errors) == (0, 0, ())
    assert report.max_ms == insert.max_ms >= 200
    assert number(connection, "SELECT count(*) FROM t") == 0


def test_no_session_of_the_traffic_outlives_it(embedded_database: str, connection: Connection) -> None:
    with psycopg.connect(embedded_database) as migration:
        migration.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        with Traffic(embedded_database, [INSERT], connections=2, idle=IdleInTransaction("SELECT 1", 60, 60)):
            until(
                connection,
                "SELECT count(*) = 3 FROM pg_stat_activity WHERE datname = current_database()"
                " AND application_name IN ('pgproof-traffic', 'pgproof-idle')"
                " AND (wait_event_type = 'Lock' OR state = 'idle in transaction')",
            )

        until(
            connection,
            "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name LIKE 'pgproof-%'",
        )


def test_a_failing_request_is_recorded_and_the_traffic_goes_on(embedded_database: str, connection: Connection) -> None:
    broken = TrafficStatement("broken", "SELECT 1 / 0", nothing, 1.0, False)
    with Traffic(embedded_database, [INSERT, broken], connections=1, rate=400) as traffic:
        until_rows(connection, 10)
    report = traffic.report()

    insert, failed = report.statements
    assert (insert.errors, failed.errors) == (0, failed.calls)
    assert failed.calls > 0
    assert report.errors == (f"broken: division by zero (x{failed.calls})",)
    assert insert.rows_written >= 10


def test_a_killed_session_is_an_error_and_is_opened_again(embedded_database: str, connection: Connection) -> None:
    with Traffic(embedded_database, [INSERT], connections=1, rate=200) as traffic:
        until_rows(connection, 3)
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'pgproof-traffic'"
        )
        until_rows(connection, number(connection, "SELECT count(*) FROM t") + 5)
    report = traffic.report()

    (insert,) = report.statements
    assert insert.errors == 1
    assert len(report.errors) == 1
    assert report.errors[0].startswith("insert: ")
    assert "\n" not in report.errors[0]


def test_the_idle_session_holds_its_transaction_open_and_repeats(
    embedded_database: str, connection: Connection
) -> None:
    idle = IdleInTransaction("SELECT count(*) FROM t", hold_seconds=0.05, pause_seconds=0.0)
    idling = (
        "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'pgproof-idle' AND state = 'idle in transaction'"
    )
    since = "SELECT xact_start FROM pg_stat_activity WHERE application_name = 'pgproof-idle'"
    with Traffic(embedded_database, [COUNT], connections=1, rate=50, idle=idle) as traffic:
        until(connection, idling)
        first = connection.execute(since).fetchone()
        assert first is not None
        until(connection, f"{idling} AND xact_start > '{first[0] or '-infinity'}'")
    report = traffic.report()

    assert report.idle_transactions >= 2
    assert report.errors == ()


def test_a_killed_idle_session_is_an_error_and_is_opened_again(embedded_database: str, connection: Connection) -> None:
    idle = IdleInTransaction("SELECT count(*) FROM t", hold_seconds=0.02, pause_seconds=0.0)
    kill = (
        "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'pgproof-idle' AND state = 'idle in transaction'"
    )
    with Traffic(embedded_database, [COUNT], connections=1, rate=50, idle=idle) as traffic:
        until(connection, kill)
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'pgproof-idle'"
        )
        until(connection, kill)

    (error,) = traffic.report().errors
    assert error.startswith("idle in transaction: ")


def test_a_fault_in_the_drawing_of_parameters_is_raised(embedded_database: str) -> None:
    asked = threading.Event()

    def faulty(chance: random.Random) -> Mapping[str, object]:
        asked.set()
        raise LookupError("no such city")

    statement = TrafficStatement("faulty", "SELECT 1", faulty, 1.0, False)
    with pytest.raises(LookupError, match="no such city"), Traffic(embedded_database, [statement], connections=1):
        asked.wait()


def test_a_fault_of_the_caller_stops_the_traffic_and_is_not_replaced(
    embedded_database: str, connection: Connection
) -> None:
    with pytest.raises(KeyboardInterrupt), Traffic(embedded_database, [INSERT], connections=2):
        raise KeyboardInterrupt

    rows = number(connection, "SELECT count(*) FROM t")
    connection.execute("SELECT pg_sleep(0.05)")
    assert number(connection, "SELECT count(*) FROM t") == rows


def test_a_server_that_refuses_is_an_error_before_any_request(embedded_database: str) -> None:
    with (
        pytest.raises(PgproofError, match="pgproof_nowhere") as error,
        Traffic(f"{embedded_database}&dbname=pgproof_nowhere", [COUNT]),
    ):
        raise AssertionError("it started")

    assert "\n" not in str(error.value)


def test_a_mix_of_nothing_is_refused(embedded_database: str) -> None:
    for statements, rate in (([], 10.0), ([COUNT], 0.0)):
        with pytest.raises(PgproofError, match="No traffic can run"):
            Traffic(embedded_database, statements, rate=rate)


def test_running_traffic_has_no_report(embedded_database: str, connection: Connection) -> None:
    with (
        Traffic(embedded_database, [COUNT], connections=1) as traffic,
        pytest.raises(PgproofError, match="leave its with block"),
    ):
        traffic.report()


def test_a_report_is_json(embedded_database: str, connection: Connection) -> None:
    started = perf_counter()
    with Traffic(embedded_database, [INSERT], connections=1, rate=400) as traffic:
        until_rows(connection, 3)
    elapsed = perf_counter() - started

    document = json.loads(json.dumps(asdict(traffic.report())))
    assert document["statements"][0]["name"] == "insert"
    assert 0 < document["seconds"] <= elapsed
    assert document["rate"] == pytest.approx(document["rows_written"] / document["seconds"])
