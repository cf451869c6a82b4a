"""Situations of operations made true on a real server, and found from facts that were really read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from pgproof.examples import Placed, examined, facts_of
from pgproof.rules import given
from pgproof.rules.checking import Checked
from pgproof.rules.discovery import all_rules
from pgproof.rules.finding import Finding, NotChecked
from pgproof.rules.rule import Example
from pgproof.server import Server, ServerError, find_binaries, running_server, running_standby

Connection = psycopg.Connection[Any]
PATIENCE = 120


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with psycopg.connect(database, autocommit=True) as opened:
        yield opened


@pytest.fixture(scope="module", params=["embedded", "system"])
def cramped(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server with ten connections whose archiver fails."""
    try:
        find_binaries(request.param)
    except ServerError as error:
        pytest.skip(str(error))
    settings = {"max_connections": "10", "archive_mode": "on", "archive_command": "false", "fsync": "off"}
    with running_server(binaries=request.param, settings=settings) as server:
        yield server


def checked(connection: Connection, code: str, *stated: given.Given) -> Checked:
    """What a rule says of the whole database; the SQL of its evidence must run."""
    rules = tuple(rule for rule in all_rules() if rule.code == code)
    example = Placed(Example("real", given=stated), "public", {})
    said = examined(connection, example, rules, facts_of(connection))
    for finding in said.findings:
        for evidence in finding.evidence:
            connection.execute(evidence.statement.encode())
    return said


def findings(connection: Connection, code: str, *stated: given.Given) -> tuple[Finding, ...]:
    return checked(connection, code, *stated).findings


def flushed(connection: Connection, *statements: str) -> None:
    """Run statements, and have their counters shown to everybody."""
    for statement in (*statements, "SELECT pg_stat_force_next_flush()"):
        connection.execute(statement.encode())


def later(connection: Connection, **passed: float) -> given.Given:
    """The same facts, read some time after now."""
    return given.database(taken_at=facts_of(connection).database.taken_at + timedelta(**passed))


def awaited(look: Callable[[], tuple[Finding, ...]], number: int) -> tuple[Finding, ...]:
    """What is found once there are as many findings as expected."""
    end = time.monotonic() + PATIENCE
    while len(found := look()) < number:
        assert time.monotonic() < end, [finding.message for finding in found]
        time.sleep(0.2)
    return found


def mend(connection: Connection, found: tuple[Finding, ...]) -> None:
    for finding in found:
        assert finding.remedy is not None
        assert finding.remedy.operations
        for operation in finding.remedy.operations:
            flushed(connection, *operation.forward())


@contextmanager
def as_role(connection: Connection, role: str) -> Iterator[None]:
    connection.execute(f"SET ROLE {role}".encode())
    try:
        yield
    finally:
        connection.execute("RESET ROLE")


def test_sessions_that_are_left_open_and_those_that_wait_for_them(database: str, connection: Connection) -> None:
    connection.execute("CREATE TABLE stock (id int PRIMARY KEY, n int)")
    connection.execute("INSERT INTO stock VALUES (1, 1)")
    assert checked(connection, "OPS05") == Checked((), ())
    with (
        psycopg.connect(database, application_name="web") as holder,
        psycopg.connect(database, application_name="worker") as waiter,
    ):
        holder.execute("UPDATE stock SET n = 2")
        waiting = threading.Thread(target=waiter.execute, args=("UPDATE stock SET n = 3",))
        waiting.start()
        try:
            found = awaited(lambda: findings(connection, "OPS05"), 2)
        finally:
            holder.rollback()
            waiting.join()
    assert [finding.objects[0].kind for finding in found] == ["blocked session", "idle in transaction session"]
    assert [finding.objects[0].name for finding in found] == ["postgres (worker)", "postgres (web)"]
    assert found[1].severity == "high"
    assert "wait for its locks now: 1" in found[1].consequence
    assert checked(connection, "OPS05") == Checked((), ())


def test_dead_rows_that_autovacuum_leaves_until_a_vacuum(connection: Connection) -> None:
    flushed(
        connection,
        "CREATE TABLE visits (id int PRIMARY KEY, seen int) WITH (autovacuum_enabled = off)",
        "INSERT INTO visits SELECT n, 0 FROM generate_series(1, 20000) n",
    )
    assert findings(connection, "OPS02") == ()
    flushed(connection, "UPDATE visits SET seen = 1", "DELETE FROM visits WHERE id > 19000")
    (found,) = findings(connection, "OPS02")
    assert "21,000 dead rows beside 19,000 live ones" in found.message
    assert "no vacuum on record, with autovacuum_enabled=off" in found.consequence
    mend(connection, (found,))
    assert findings(connection, "OPS02") == ()


def test_expired_rows_are_counted_exactly_and_named_by_what_they_are(connection: Connection) -> None:
    for table in ("sessions", "offers"):
        flushed(
            connection,
            f"CREATE TABLE {table} (id int PRIMARY KEY, expires_at timestamptz NOT NULL)",
            f"INSERT INTO {table} SELECT n, now() - interval '31 days' FROM generate_series(1, 1500) n",
            f"INSERT INTO {table} SELECT n, now() + interval '1 day' FROM generate_series(1501, 2000) n",
        )
    found = {finding.objects[0].table: finding for finding in findings(connection, "OPS01")}
    rule = next(rule for rule in all_rules() if rule.code == "OPS01")
    unasked = [said.needs for said in rule.check(facts_of(connection)) if isinstance(said, NotChecked)]
    assert unasked == ["counts of the data, which were not asked for"] * 2
    assert {name: each.severity for name, each in found.items()} == {"sessions": "medium", "offers": "low"}
    for finding in found.values():
        counts = finding.evidence[0].counts
        assert counts is not None
        assert (counts.rows, counts.rows_examined, finding.confidence) == (1500, 2000, "exact")
    connection.execute("DELETE FROM sessions WHERE expires_at < now()")
    assert [finding.objects[0].table for finding in findings(connection, "OPS01")] == ["offers"]


def test_rows_that_were_never_analysed(connection: Connection) -> None:
    flushed(
        connection,
        "CREATE TABLE loaded (id int) WITH (autovacuum_enabled = off)",
        "INSERT INTO loaded SELECT n FROM generate_series(1, 5000) n",
        "CREATE TABLE parts (id int) PARTITION BY RANGE (id)",
        "CREATE TABLE parts_1 PARTITION OF parts DEFAULT WITH (autovacuum_enabled = off)",
        "INSERT INTO parts SELECT n FROM generate_series(1, 5000) n",
    )
    flushed(connection, "ANALYZE parts_1")
    found = findings(connection, "OPS03")
    assert [finding.objects[0].name for finding in found] == ["loaded", "parts"]
    guessed = "public.parts never analysed: plans over about 5,000 rows are chosen by guesses."
    assert found[1].consequence == guessed
    mend(connection, found)
    assert findings(connection, "OPS03") == ()


def test_statistics_that_a_role_may_not_see_are_not_called_missing(connection: Connection) -> None:
    flushed(
        connection,
        "CREATE TABLE analysed (id int) WITH (autovacuum_enabled = off)",
        "INSERT INTO analysed SELECT n FROM generate_series(1, 50000) n",
    )
    flushed(connection, "ANALYZE analysed")
    role = f"ops_{connection.info.backend_pid}"
    connection.execute(f"CREATE ROLE {role}".encode())
    with as_role(connection, role):
        assert checked(connection, "OPS03") == Checked((), ())
    flushed(connection, "SELECT pg_stat_reset()")
    assert findings(connection, "OPS03") == ()
    with as_role(connection, role):
        said = checked(connection, "OPS03")
    connection.execute(f"DROP ROLE {role}".encode())
    assert said.findings == ()
    assert [subject.name for each in said.not_checked for subject in each.detail.objects] == ["analysed"]


def test_a_role_without_rights_says_what_it_did_not_see(connection: Connection) -> None:
    flushed(connection, "CREATE TABLE sessions (id int PRIMARY KEY, expires_at timestamptz NOT NULL)")
    role = f"ops_{connection.info.backend_pid}"
    connection.execute(f"CREATE ROLE {role}".encode())
    try:
        with as_role(connection, role):
            said = {code: checked(connection, code) for code in ("OPS01", "OPS05", "OPS12")}
    finally:
        connection.execute(f"DROP ROLE {role}".encode())
    assert [each.findings for each in said.values()] == [(), (), ()]
    needs = {code: [one.detail.needs for one in each.not_checked] for code, each in said.items()}
    assert ["permission denied" in need for need in needs["OPS01"]] == [True]
    for code in ("OPS05", "OPS12"):
        assert ["pg_read_all_stats" in need for need in needs[code]] == [True]


def test_a_slot_that_nobody_reads_once_it_keeps_a_segment(connection: Connection) -> None:
    connection.execute("SELECT pg_create_physical_replication_slot('ops_unread', true)")
    try:
        assert findings(connection, "OPS06") == ()
        for _ in range(2):
            connection.execute("CREATE TABLE IF NOT EXISTS written (id int)")
            connection.execute("INSERT INTO written VALUES (1)")
            connection.execute("SELECT pg_switch_wal()")
        (found,) = findings(connection, "OPS06")
        assert found.objects[0].name == "ops_unread"
        assert "no consumer connected" in found.message
        assert "without limit" in found.consequence
    finally:
        connection.execute("SELECT pg_drop_replication_slot('ops_unread')")
    assert findings(connection, "OPS06") == ()


def test_a_large_table_that_is_scanned_a_thousand_times(connection: Connection) -> None:
    flushed(
        connection,
        "CREATE TABLE events (id int, kind int)",
        "INSERT INTO events SELECT n, n % 10 FROM generate_series(1, 100000) n",
    )
    flushed(
        connection,
        "ANALYZE events",
        "CREATE INDEX ON events (id)",
        "DO 'BEGIN FOR i IN 1..1000 LOOP PERFORM FROM events LIMIT 1; END LOOP; END'",
    )
    assert findings(connection, "OPS13") == ()
    flushed(connection, "DO 'BEGIN FOR i IN 1..1000 LOOP PERFORM count(*) FROM events; END LOOP; END'")
    (found,) = findings(connection, "OPS13")
    assert found.objects[0].name == "events"
    assert "about 100,000 rows" in found.message


def test_maintenance_of_a_table_is_no_use_of_it(connection: Connection) -> None:
    flushed(
        connection,
        "CREATE TABLE used (id int PRIMARY KEY)",
        "CREATE TABLE forgotten (id int PRIMARY KEY)",
        "CREATE TABLE never_filled (id int PRIMARY KEY)",
        "INSERT INTO used VALUES (1)",
        "INSERT INTO forgotten SELECT n FROM generate_series(1, 100) n",
    )
    flushed(
        connection,
        "SELECT pg_stat_reset()",
        "VACUUM (ANALYZE) forgotten",
    )
    month = later(connection, days=28)
    flushed(connection, "SELECT FROM used")
    said = checked(connection, "OPS08")
    assert said.findings == ()
    assert ["four weeks" in each.detail.needs for each in said.not_checked] == [True]
    found = findings(connection, "OPS08", month)
    assert [finding.objects[0].name for finding in found] == ["forgotten", "never_filled"]
    assert ["empty" in finding.message for finding in found] == [False, True]
    flushed(connection, "SELECT FROM forgotten")
    assert [finding.objects[0].name for finding in findings(connection, "OPS08", month)] == ["never_filled"]


def test_a_table_is_forgotten_four_weeks_after_its_last_use(connection: Connection) -> None:
    flushed(connection, "SELECT pg_stat_reset()", "CREATE TABLE used (id int)", "CREATE TABLE forgotten (id int)")
    flushed(connection, "INSERT INTO used VALUES (1)", "INSERT INTO forgotten VALUES (1)", "SELECT FROM forgotten")
    still_used = later(connection, days=28)
    flushed(connection, "ANALYZE forgotten")
    month = later(connection, days=28)
    flushed(connection, "INSERT INTO used VALUES (2)")
    # Only from PostgreSQL 16 on does a server say when it scanned a table.
    expected = ["forgotten"] if connection.info.server_version >= 160_000 else []
    assert findings(connection, "OPS08", still_used) == ()
    assert [finding.objects[0].name for finding in findings(connection, "OPS08", month)] == expected


def test_connections_that_are_nearly_used_up(cramped: Server) -> None:
    with psycopg.connect(cramped.url(), autocommit=True) as connection, ExitStack() as others:
        assert findings(connection, "OPS12") == ()
        for _ in range(5):
            others.enter_context(psycopg.connect(cramped.url()))
        (found,) = findings(connection, "OPS12")
        assert found.message == "6 of 7 connections are in use"
        assert found.severity == "medium"
        others.enter_context(psycopg.connect(cramped.url()))
        (found,) = findings(connection, "OPS12")
        assert found.severity == "high"


def test_an_archiver_that_fails(cramped: Server) -> None:
    with psycopg.connect(cramped.url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS archived AS SELECT 1 AS id")
        connection.execute("SELECT pg_switch_wal()")
        (found,) = awaited(lambda: findings(connection, "OPS09"), 1)
        assert found.objects[0].name == "archive_command"
        assert "never archived a file" in found.consequence


def test_a_server_without_archive_or_standby(connection: Connection) -> None:
    (found,) = findings(connection, "OPS09")
    assert found.objects[0].name == "archive_mode"


def test_checkpoints_that_somebody_keeps_asking_for(cramped: Server) -> None:
    with psycopg.connect(cramped.url(), autocommit=True) as connection:
        for _ in range(50):
            connection.execute("CHECKPOINT")
        assert findings(connection, "OPS10") == ()
        (found,) = findings(connection, "OPS10", later(connection, days=1, hours=1))
        assert found.objects[0].name == "max_wal_size"


def test_a_standby_does_not_speak_for_its_primary(cramped: Server) -> None:
    with psycopg.connect(cramped.url(), autocommit=True) as connection:
        flushed(
            connection,
            "CREATE TABLE loaded (id int) WITH (autovacuum_enabled = off)",
            "INSERT INTO loaded SELECT n FROM generate_series(1, 5000) n",
        )
        assert [finding.objects[0].name for finding in findings(connection, "OPS03")] == ["loaded"]
    with running_standby(cramped) as standby, psycopg.connect(standby.url(), autocommit=True) as connection:
        for code in ("OPS02", "OPS03", "OPS07", "OPS08", "OPS09", "OPS10", "OPS13"):
            said = checked(connection, code)
            assert said.findings == (), code
            assert len(said.not_checked) == 1, code
