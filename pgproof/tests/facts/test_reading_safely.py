"""What reading production promises: few statements, weak locks, nothing written, nothing left behind."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from pgproof.audit import gather
from pgproof.facts.collect import CollectOptions, collect_answers
from pgproof.facts.questions import Duplicates, RowsWhere
from pgproof.facts.read import ReadOptions, read_facts
from pgproof.rules.discovery import all_rules
from pgproof.server import Server, ServerError, find_binaries, running_server, running_standby, wait_until_replayed

from .auditing import QUESTIONS, Counted, P, T, audit, bounds_watched, counting, make, shown
from .conftest import Connection


def test_at_most_thirty_statements_whatever_the_number_of_tables(connection: Connection) -> None:
    connection.execute("CREATE EXTENSION pg_stat_statements")
    make(connection)
    with counting(connection) as few:
        read_facts(connection)
    for number in range(120):
        connection.execute(
            f"CREATE TABLE many_{number} (id serial PRIMARY KEY, p int REFERENCES p UNIQUE CHECK (p > 0))".encode()
        )
    with counting(connection) as many:
        facts = read_facts(connection)
    assert len(facts.catalog.tables) > 120
    assert len(facts.catalog.sequences) > 120
    assert len(many) == len(few) <= 30


def test_every_statement_is_tagged_and_left_out_of_the_workload(connection: Connection) -> None:
    connection.execute("CREATE EXTENSION pg_stat_statements")
    make(connection)
    connection.execute("SELECT count(*) FROM t WHERE id = 17")
    audit(connection)
    facts = read_facts(connection)
    assert facts.server.statements is not None
    queries = [statement.query for statement in facts.server.statements]
    assert [query for query in queries if "generate_series" not in query] == ["SELECT count(*) FROM t WHERE id = $1"]


def test_the_bounds_hold_in_every_transaction_and_are_gone_after_it(connection: Connection) -> None:
    make(connection)
    before = shown(connection)
    with bounds_watched(connection, timeouts={"12s", "7s"}):
        facts = read_facts(connection, ReadOptions(statement_timeout=12_000))
        collect_answers(connection, facts, QUESTIONS[:3], CollectOptions(timeout=7_000))
    assert shown(connection) == before


def test_only_access_share_locks_are_taken(connection: Connection, held: Callable[[str], Any], database: str) -> None:
    make(connection)
    modes: set[str] = set()
    with psycopg.connect(database, autocommit=True) as other:

        def sample() -> None:
            modes.update(
                mode
                for (mode,) in other.execute(
                    "SELECT mode FROM pg_locks WHERE pid = %s AND locktype <> 'virtualxid'",
                    [connection.info.backend_pid],
                )
            )

        with counting(connection, sample):
            audit(connection)
    assert modes == {"AccessShareLock"}


def test_reading_waits_for_no_lock_but_access_exclusive(connection: Connection, held: Callable[[str], Any]) -> None:
    make(connection)
    with (
        held("LOCK TABLE p, t IN EXCLUSIVE MODE"),
        held("ALTER SEQUENCE lonely CACHE 5"),
    ):
        facts = audit(connection)
    assert [table.locked for table in facts.catalog.tables] == [False, False, False]
    assert {sequence.name: sequence.readable for sequence in facts.catalog.sequences} == {
        "lonely": True,
        "p_id_seq": True,
        "t_id_seq": True,
    }


@pytest.fixture(scope="module", params=["embedded", "system"])
def quiet_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server on which nothing writes but the test."""
    try:
        find_binaries(request.param)
    except ServerError as error:
        pytest.skip(str(error))
    with running_server(binaries=request.param, settings={"autovacuum": "off", "fsync": "off"}) as server:
        yield server


def wal_records(server: Server, start: str, end: str) -> list[str]:
    """The transaction and the kind of each record between two places, as pg_waldump tells them."""
    program = server.binaries.directory / "pg_waldump"
    if not program.exists():
        pytest.skip(f"there is no {program}")
    answer = server.account.run([program, "--path", server.data_directory / "pg_wal", "--start", start, "--end", end])
    assert answer.returncode == 0, answer.stderr
    return [" ".join(found) for found in re.findall(r" tx: +(\d+), .* desc: (\w+)", answer.stdout)]


BACKGROUND = {"0 RUNNING_XACTS", "0 CHECKPOINT_REDO", "0 CHECKPOINT_ONLINE"}


def test_nothing_is_written_and_no_transaction_id_is_taken(quiet_server: Server) -> None:
    with (
        quiet_server.scratch_database() as url,
        psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection,
        psycopg.connect(url, autocommit=True) as other,
    ):
        connection.execute("CREATE EXTENSION pg_stat_statements")
        make(connection)
        connection.execute(
            "CREATE TABLE pairs (id int PRIMARY KEY, p int NOT NULL REFERENCES p, t int NOT NULL REFERENCES t)"
        )

        def everything() -> None:
            audit(connection)
            facts = gather(connection, all_rules())
            assert {type(answer.question) for answer in facts.answers if answer.counts} >= {RowsWhere, Duplicates}

        everything()
        # What ANALYZE writes would be marked as committed by whoever reads it first, so it comes before VACUUM.
        connection.execute("ANALYZE")
        connection.execute("VACUUM (FREEZE)")
        connection.execute("CHECKPOINT")

        def state() -> tuple[Any, ...]:
            row = other.execute(
                "SELECT pg_current_wal_insert_lsn()::text, pg_snapshot_xmax(pg_current_snapshot())::text,"
                " (SELECT temp_files FROM pg_stat_database WHERE datname = current_database()),"
                " (SELECT count(*) FROM pg_class WHERE relpersistence = 't')"
            ).fetchone()
            assert row is not None
            return row

        state()
        start, *before = state()
        everything()
        _, *after = state()
        assert after == before
        (end,) = other.execute("SELECT pg_switch_wal()::text").fetchone() or ("",)
        records = wal_records(quiet_server, start, end)
        assert records.pop() == "0 SWITCH"
        assert set(records) <= BACKGROUND


def test_a_hot_standby_is_read_like_its_primary(quiet_server: Server) -> None:
    with quiet_server.scratch_database() as url, psycopg.connect(url, autocommit=True) as connection:
        make(connection)
        connection.execute("CREATE UNLOGGED TABLE u (id serial)")
        primary = read_facts(connection)
        with running_standby(quiet_server) as standby:
            wait_until_replayed(quiet_server, standby)
            copy = standby.url(connection.info.dbname)
            with psycopg.connect(copy, autocommit=True, prepare_threshold=None) as reader:
                facts = audit(reader)
                refused = [answer.refused for answer in gather(reader, all_rules()).answers if answer.refused]
    assert facts.database.in_recovery
    assert refused == ["cannot access temporary or unlogged relations during recovery (SQLSTATE 0A000)"]
    assert [(table.qualified_name, table.columns, table.constraints) for table in facts.catalog.tables] == [
        (table.qualified_name, table.columns, table.constraints) for table in primary.catalog.tables
    ]
    assert {sequence.name: sequence.readable for sequence in facts.catalog.sequences} == {
        "lonely": True,
        "p_id_seq": True,
        "t_id_seq": True,
        "u_id_seq": False,
    }


def test_a_locked_table_is_left_out_and_told(connection: Connection, held: Callable[[str], Any]) -> None:
    make(connection)
    with held("LOCK TABLE p IN ACCESS EXCLUSIVE MODE"):
        facts = read_facts(connection)
        answers = collect_answers(connection, facts, QUESTIONS)
    locked, free = facts.catalog.named(P), facts.catalog.named(T)
    assert locked is not None
    assert free is not None
    assert (locked.locked, locked.heap_bytes, locked.bytes, locked.column("name").default) == (True, None, None, None)
    assert locked.column("name").has_default
    assert [index.definition for index in locked.indexes] == [None]
    assert (free.locked, free.heap_bytes) == (False, 16384)
    assert [answer.refused for answer in answers[:5]] == [
        None,
        None,
        "public.p is locked by another session",
        "public.p is locked by another session",
        None,
    ]


def test_a_lock_that_somebody_waits_for_is_not_queued_behind(
    connection: Connection, held: Callable[[str], Any], database: str
) -> None:
    make(connection)
    with (
        psycopg.connect(database, autocommit=True) as migration,
        ThreadPoolExecutor() as pool,
        held("LOCK TABLE p IN ACCESS SHARE MODE"),
    ):
        waiting = pool.submit(migration.execute, "ALTER TABLE p ADD COLUMN more int")
        while not _waits(connection):
            assert not waiting.done()
            time.sleep(0.01)
        facts = read_facts(connection)
    table = facts.catalog.named(P)
    assert table is not None
    assert table.locked
    assert [line for line in facts.missing if "definitions" in line] == []


def _waits(connection: Connection) -> bool:
    return connection.execute("SELECT FROM pg_locks WHERE NOT granted").fetchone() is not None


def test_a_prepared_transaction_locks_as_well() -> None:
    with (
        running_server(settings={"max_prepared_transactions": "2"}) as server,
        psycopg.connect(server.url(), autocommit=True) as connection,
    ):
        make(connection)
        connection.execute("BEGIN")
        connection.execute("LOCK TABLE p IN ACCESS EXCLUSIVE MODE")
        connection.execute("PREPARE TRANSACTION 'left'")
        table = read_facts(connection).catalog.named(P)
        connection.execute("ROLLBACK PREPARED 'left'")
    assert table is not None
    assert table.locked


def test_a_lock_taken_between_the_look_and_the_reading_is_tried_again_without_it(
    connection: Connection, database: str
) -> None:
    make(connection)
    with psycopg.connect(database) as other:

        def lock() -> None:
            if "AccessExclusiveLock" in Counted.seen[-1]:
                other.execute("LOCK TABLE p IN ACCESS EXCLUSIVE MODE")

        with counting(connection, lock):
            facts = read_facts(connection)
        other.rollback()
    assert {table.name: table.locked for table in facts.catalog.tables} == {"m": False, "p": True, "t": False}
    assert not [line for line in facts.missing if "definitions" in line]


def test_a_table_dropped_while_it_is_read_fails_nothing(connection: Connection, database: str) -> None:
    make(connection)
    with psycopg.connect(database, autocommit=True) as other:

        def drop() -> None:
            if "AccessExclusiveLock" in Counted.seen[-1]:
                other.execute("DROP TABLE IF EXISTS t; DROP SEQUENCE IF EXISTS lonely")

        with counting(connection, drop):
            facts = read_facts(connection)
    assert {table.name for table in facts.catalog.tables} == {"m", "p", "t"}
