"""What `intowork check` says of the standbys; the rest of it is tested by the command."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from intowork.operations.check import Check, run_checks
from intowork.settings import Settings
from pgproof.server import Server, running_server, running_standby, wait_until_replayed


@pytest.fixture(scope="module")
def primary() -> Iterator[Server]:
    with running_server(settings={"autovacuum": "off", "wal_retrieve_retry_interval": "100ms"}) as server:
        server.create_database("app")
        server.create_database("other")
        yield server


@pytest.fixture(scope="module")
def standby(primary: Server) -> Iterator[Server]:
    with running_standby(primary) as server:
        yield server


def standbys(primary: Server, *urls: str, **values: Any) -> list[Check]:
    settings = Settings(database_url=primary.url("app"), replica_urls=",".join(urls), **values)
    return [check for check in run_checks(settings) if check.subject == "standby"]


def only(checks: list[Check]) -> Check:
    (check,) = checks
    assert "\n" not in check.finding
    return check


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def test_there_is_no_line_without_standbys_and_one_for_each(primary: Server, standby: Server) -> None:
    wait_until_replayed(primary, standby)
    assert standbys(primary) == []
    found = standbys(primary, standby.url("app"), standby.url("app"))
    assert [check.ok for check in found] == [True, True]
    assert found[0].finding.startswith('database "app" at socket ')
    assert found[0].finding.endswith(" replays what the primary writes, 0.0 s behind")


def test_a_server_that_takes_writes_is_wrong(primary: Server) -> None:
    found = only(standbys(primary, primary.url("app")))
    assert not found.ok
    assert "is not a standby, so reads there would show other data" in found.finding


def test_a_standby_of_another_server_or_another_database_is_wrong(primary: Server, standby: Server) -> None:
    wait_until_replayed(primary, standby)
    with running_server() as foreign:
        foreign.create_database("app")
        with running_standby(foreign) as other:
            # A standby on which nothing happens is as old as what its primary last committed.
            wait_until_replayed(foreign, other)
            found = only(standbys(primary, other.url("app")))
    assert not found.ok
    assert found.finding.endswith("is a standby, but not of this database: correct REPLICA_URLS")
    assert only(standbys(primary, standby.url("other"))).finding.endswith("not of this database: correct REPLICA_URLS")


def test_a_standby_that_is_behind_is_wrong_and_says_by_how_much(primary: Server, standby: Server) -> None:
    wait_until_replayed(primary, standby)
    execute(standby.url(), "SELECT pg_wal_replay_pause()")
    try:
        execute(primary.url("app"), "CREATE TABLE item (id int); SELECT pg_sleep(1.2)")
        execute(primary.url("app"), "DROP TABLE item")
        found = only(standbys(primary, standby.url("app"), replica_max_lag=1))
    finally:
        execute(standby.url(), "SELECT pg_wal_replay_resume()")
    assert not found.ok
    assert " s behind, and reads go to the primary beyond 1 s: " in found.finding


def test_a_standby_that_is_not_there_is_wrong_and_the_rest_is_told(primary: Server, standby: Server) -> None:
    standby.stop()
    try:
        settings = Settings(database_url=primary.url("app"), replica_urls=standby.url("app"))
        checks = run_checks(settings)
    finally:
        standby.start()
    assert [check.ok for check in checks if check.subject in ("server", "standby")] == [True, False]
    assert checks[-1].finding.endswith("no server listens there: start it, or correct the socket directory")


def test_the_pools_are_counted_against_the_limits_of_the_standby(primary: Server) -> None:
    with running_standby(primary, settings={"superuser_reserved_connections": "20"}) as narrow:
        wait_until_replayed(primary, narrow)
        fits = {"pool_size": 74, "max_overflow": 0}
        assert only(standbys(primary, narrow.url("app"), **fits)).ok
        found = only(standbys(primary, narrow.url("app"), pool_size=75, max_overflow=0))
    assert not found.ok
    assert found.finding.startswith("(75 + 0 + 1) connections x 1 processes are 76, and the server has 75 for them")
