"""The lock sampler, beside sessions that wait for each other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict

import psycopg
import pytest

from pgproof.errors import PgproofError
from pgproof.facts.statistics import BlockingLock, blocking_locks
from pgproof.proof.locks import LockReport, LockSampler

Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with psycopg.connect(database, autocommit=True) as opened:
        opened.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
        opened.execute("INSERT INTO t VALUES (1, 0)")
        yield opened


def session(url: str, name: str, *, autocommit: bool = False) -> closing[Connection]:
    return closing(psycopg.connect(url, application_name=name, autocommit=autocommit))


def until_waiting(connection: Connection, holds: Callable[[BlockingLock], bool]) -> None:
    for _ in range(20_000):
        if any(holds(lock) for lock in blocking_locks(connection)):
            return
    raise AssertionError("nobody waited")


@contextmanager
def sampled(url: str, application_name: str | None = None) -> Iterator[list[LockReport]]:
    """Yield a list that holds the sampler's report after the block."""
    reports: list[LockReport] = []
    with LockSampler(url, application_name=application_name) as sampler:
        yield reports
    reports.append(sampler.report())


def answer(waiter: Connection) -> None:
    """Wait until the statement that was sent to the server has been answered."""
    while waiter.pgconn.get_result() is not None:
        pass


def test_a_wait_for_a_row_is_reported_with_its_table_and_its_blocker(database: str, connection: Connection) -> None:
    update = "UPDATE t SET n = 1 WHERE id = 1"
    with sampled(database) as reports, session(database, "holder") as holder:
        holder.execute("UPDATE t SET n = 2 WHERE id = 1")
        with session(database, "waiter", autocommit=True) as waiter:
            waiter.pgconn.send_query(update.encode())
            until_waiting(connection, lambda lock: lock.waited_ms >= 60)
            holder.commit()
            answer(waiter)

    (wait,) = reports[0].waits
    assert (wait.application_name, wait.query) == ("waiter", update)
    assert (wait.relation, wait.lock_type, wait.mode) == ("public.t", "transactionid", "ShareLock")
    assert wait.waited_ms >= 60
    assert wait.blocked_by_query == "UPDATE t SET n = 2 WHERE id = 1"
    assert wait.blocked_by_application_name == "holder"


def test_the_longest_wait_is_asked_by_application(database: str, connection: Connection) -> None:
    with (
        sampled(database) as reports,
        session(database, "migration") as migration,
        session(database, "short", autocommit=True) as short,
        session(database, "long", autocommit=True) as long,
    ):
        migration.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        long.pgconn.send_query(b"SELECT FROM t")
        until_waiting(connection, lambda lock: lock.waited_ms >= 60)
        short.pgconn.send_query(b"INSERT INTO t VALUES (2, 0)")
        until_waiting(connection, lambda lock: lock.blocked_application_name == "short" and lock.waited_ms >= 20)
        migration.commit()
        answer(long)
        answer(short)

    report = reports[0]
    assert [(wait.application_name, wait.relation, wait.mode) for wait in report.waits] == [
        ("long", "public.t", "AccessShareLock"),
        ("short", "public.t", "RowExclusiveLock"),
    ]
    assert report.longest_wait_ms("long") == report.waits[0].waited_ms >= 80
    assert 20 <= report.longest_wait_ms("short") < report.longest_wait_ms("long")
    assert report.longest_wait_ms("nobody") == 0


def test_waits_one_after_the_other_for_the_same_lock_are_counted_apart(database: str, connection: Connection) -> None:
    # One transaction of one session asks three times for one lock; only the start of the wait tells them apart.
    retry = """
        DO $$
        BEGIN
            SET LOCAL lock_timeout = '80ms';
            FOR attempt IN 1..3 LOOP
                BEGIN
                    LOCK TABLE t IN ACCESS EXCLUSIVE MODE;
                EXCEPTION WHEN lock_not_available THEN
                    NULL;
                END;
            END LOOP;
        END $$
    """
    with session(database, "reader") as reader, session(database, "retry", autocommit=True) as retrying:
        reader.execute("SELECT FROM t")
        with sampled(database) as reports:
            retrying.execute(retry)

    assert [wait.application_name for wait in reports[0].waits] == ["retry"] * 3
    assert reports[0].held == ()


def test_a_concurrent_build_that_waits_for_an_open_transaction_is_a_wait(database: str, connection: Connection) -> None:
    with sampled(database) as reports, session(database, "idle") as idle:
        idle.execute("INSERT INTO t VALUES (3, 0)")
        with session(database, "migration", autocommit=True) as migration:
            migration.pgconn.send_query(b"CREATE INDEX CONCURRENTLY t_n ON t (n)")
            until_waiting(connection, lambda lock: lock.lock_type == "virtualxid" and lock.waited_ms >= 30)
            idle.commit()
            answer(migration)

    waits = [wait for wait in reports[0].waits if wait.blocked_by_application_name == "idle"]
    assert waits[0].application_name == "migration"
    assert (waits[0].lock_type, waits[0].relation) == ("virtualxid", None)
    assert reports[0].longest_wait_ms("migration") >= 30


def test_strong_locks_of_the_watched_application_are_reported_as_held(database: str, connection: Connection) -> None:
    with (
        session(database, "migration") as migration,
        session(database, "other") as other,
        session(database, "waiter", autocommit=True) as waiter,
    ):
        connection.execute("CREATE TABLE u (id int)")
        with sampled(database, "migration") as reports:
            other.execute("LOCK TABLE u IN SHARE MODE")
            migration.execute("LOCK TABLE t IN SHARE ROW EXCLUSIVE MODE")
            migration.execute("CREATE TABLE unseen (id int)")
            waiter.pgconn.send_query(b"INSERT INTO t VALUES (4, 0)")
            until_waiting(connection, lambda lock: lock.waited_ms >= 60)
            migration.commit()
            answer(waiter)

    (held,) = reports[0].held
    assert (held.application_name, held.relation, held.mode) == (
        "migration",
        "public.t",
        "ShareRowExclusiveLock",
    )
    assert held.held_ms >= reports[0].longest_wait_ms("waiter") / 2


def test_the_sampler_says_how_far_apart_its_samples_were(database: str, connection: Connection) -> None:
    with sampled(database) as reports:
        connection.execute("SELECT pg_sleep(0.1)")

    report = reports[0]
    assert report.samples > 2
    assert 0 < report.median_gap_ms <= report.max_gap_ms < 5000
    assert report.max_gap_ms * (report.samples - 1) >= 100


def test_a_report_is_json(database: str, connection: Connection) -> None:
    with sampled(database) as reports, session(database, "holder") as holder:
        holder.execute("LOCK TABLE t IN SHARE MODE")
        with session(database, "waiter", autocommit=True) as waiter:
            waiter.pgconn.send_query(b"DELETE FROM t")
            until_waiting(connection, lambda lock: lock.waited_ms >= 40)

    document = json.loads(json.dumps(asdict(reports[0])))
    assert document["waits"][0]["query"] == "DELETE FROM t"
    assert document["held"][0]["mode"] == "ShareLock"


def test_a_sampler_that_lost_its_connection_is_an_error(database: str, connection: Connection) -> None:
    def lose() -> None:
        with LockSampler(database):
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE application_name = 'pgproof-sampler'"
            )

    with pytest.raises(PgproofError, match="measure again"):
        lose()


def test_a_running_sampler_has_no_report(database: str, connection: Connection) -> None:
    with LockSampler(database) as sampler, pytest.raises(PgproofError, match="leave its with block"):
        sampler.report()
