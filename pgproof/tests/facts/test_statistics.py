"""The monitoring statements, each run where it has something definite to answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TypeVar

import psycopg
import pytest

from pgproof.errors import PgproofError
from pgproof.facts import statistics
from pgproof.server import Server, running_server

Connection = psycopg.Connection[tuple[object, ...]]
Answer = TypeVar("Answer")


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with psycopg.connect(database, autocommit=True) as opened:
        yield opened


def flush_statistics(connection: Connection) -> None:
    connection.execute("SELECT pg_stat_force_next_flush()")


def until(ask: Callable[[], tuple[Answer, ...]], holds: Callable[[Answer], bool]) -> Answer:
    """Ask until a row is there: another session needs a moment to reach its lock or phase."""
    for _ in range(20_000):
        for row in ask():
            if holds(row):
                return row
    raise AssertionError("the awaited row never came")


def test_an_idle_database_has_no_cache_hit_ratio(connection: Connection) -> None:
    assert statistics.cache_hit_ratio(connection) == (
        statistics.CacheHitRatio("tables", 0, 0, None),
        statistics.CacheHitRatio("indexes", 0, 0, None),
    )


def test_the_cache_hit_ratio_is_hits_of_all_blocks_asked_for(connection: Connection) -> None:
    connection.execute("CREATE TABLE t (id int PRIMARY KEY)")
    connection.execute("INSERT INTO t SELECT generate_series(1, 1000)")
    connection.execute("SELECT count(*) FROM t")
    flush_statistics(connection)

    tables, indexes = statistics.cache_hit_ratio(connection)

    for answer in (tables, indexes):
        assert answer.hits > 0
        assert answer.ratio == answer.hits / (answer.hits + answer.reads)


def test_heap_toast_and_indexes_of_a_table_sum_up_to_its_total(connection: Connection) -> None:
    connection.execute('CREATE SCHEMA "Odd ""name"')
    connection.execute('CREATE TABLE "Odd ""name"."T" (id int PRIMARY KEY, body text)')
    connection.execute('ALTER TABLE "Odd ""name"."T" ALTER body SET STORAGE EXTERNAL')
    connection.execute('INSERT INTO "Odd ""name"."T" SELECT n, repeat(\'x\', 5000) FROM generate_series(1, 40) AS n')
    connection.execute('DELETE FROM "Odd ""name"."T" WHERE id <= 10')
    flush_statistics(connection)

    (size,) = statistics.table_sizes(connection)

    oid = '\'"Odd ""name"."T"\'::regclass'
    expected = connection.execute(f"SELECT pg_indexes_size({oid}), pg_total_relation_size({oid})").fetchone()
    assert (size.schema, size.table) == ('Odd "name', "T")
    assert (size.index_bytes, size.total_bytes) == expected
    assert size.toast_bytes >= 40 * 5000
    assert 0 < size.heap_bytes < size.toast_bytes
    assert size.heap_bytes + size.toast_bytes + size.index_bytes == size.total_bytes
    assert (size.live_rows, size.dead_rows) == (30, 10)


def test_a_materialized_view_has_a_size_and_a_temporary_table_has_none(connection: Connection) -> None:
    connection.execute("CREATE MATERIALIZED VIEW summary AS SELECT 1 AS one")
    connection.execute("CREATE TEMPORARY TABLE scratch (id int)")

    assert [size.table for size in statistics.table_sizes(connection)] == ["summary"]


def test_index_usage_counts_the_scans_of_each_index(connection: Connection) -> None:
    connection.execute("CREATE TABLE t (id int PRIMARY KEY, code int)")
    connection.execute("CREATE INDEX t_code ON t (code)")
    connection.execute("INSERT INTO t SELECT n, n % 10 FROM generate_series(1, 100) AS n")
    connection.execute("SET enable_seqscan = off")
    connection.execute("SET enable_bitmapscan = off")
    for _ in range(3):
        connection.execute("SELECT id FROM t WHERE code = 7")
    flush_statistics(connection)

    used, key = statistics.index_usage(connection)

    assert (used.schema, used.table, used.index) == ("public", "t", "t_code")
    assert (used.scans, used.entries_read, used.rows_fetched) == (3, 30, 30)
    assert used.bytes > 0
    assert (key.index, key.scans) == ("t_pkey", 0)


def test_an_index_that_enforces_a_rule_is_never_called_unused(connection: Connection) -> None:
    connection.execute(
        """
        CREATE TABLE t (
            id int PRIMARY KEY,
            code int UNIQUE,
            period int4range,
            label text NOT NULL,
            EXCLUDE USING gist (period WITH &&)
        )
        """
    )
    connection.execute("CREATE UNIQUE INDEX t_label_lower ON t (lower(label))")
    connection.execute("CREATE INDEX t_idle ON t (label)")

    assert [index.index for index in statistics.unused_indexes(connection)] == ["t_idle"]


def test_an_index_that_was_scanned_is_not_unused(connection: Connection) -> None:
    connection.execute("CREATE TABLE t (code int)")
    connection.execute("CREATE INDEX t_code ON t (code)")
    connection.execute("SET enable_seqscan = off")
    connection.execute("SELECT FROM t WHERE code = 1")
    flush_statistics(connection)

    assert statistics.unused_indexes(connection) == ()


@pytest.mark.parametrize(
    ("index", "only_support_of"),
    [
        ("child (parent_id)", ("child_parent",)),
        ("child (parent_id, note)", ("child_parent",)),
        ("child USING hash (parent_id)", ("child_parent",)),
        ("child (parent_id) WHERE parent_id IS NOT NULL", ("child_parent",)),
        ("child (parent_id) WHERE note = 'x'", ()),
        ("child (note, parent_id)", ()),
        ("child USING brin (parent_id)", ()),
    ],
)
def test_the_only_support_of_a_foreign_key_is_told(
    connection: Connection, index: str, only_support_of: tuple[str, ...]
) -> None:
    connection.execute("CREATE TABLE parent (id int PRIMARY KEY)")
    connection.execute("CREATE TABLE child (parent_id int CONSTRAINT child_parent REFERENCES parent, note text)")
    connection.execute(f"CREATE INDEX child_index ON {index}")

    (unused,) = statistics.unused_indexes(connection)

    assert (unused.index, unused.valid, unused.only_support_of) == ("child_index", True, only_support_of)


def test_neither_of_two_supports_of_a_foreign_key_is_the_only_one(connection: Connection) -> None:
    connection.execute("CREATE TABLE parent (id int PRIMARY KEY)")
    connection.execute("CREATE TABLE child (parent_id int REFERENCES parent, note text)")
    connection.execute("CREATE INDEX child_parent ON child (parent_id)")
    connection.execute("CREATE INDEX child_parent_note ON child (parent_id, note)")

    assert {(index.index, index.only_support_of) for index in statistics.unused_indexes(connection)} == {
        ("child_parent", ()),
        ("child_parent_note", ()),
    }


def test_a_primary_key_that_leads_with_the_reference_supports_the_foreign_key(connection: Connection) -> None:
    connection.execute("CREATE TABLE parent (id int PRIMARY KEY)")
    connection.execute("CREATE TABLE child (parent_id int REFERENCES parent, n int, PRIMARY KEY (parent_id, n))")
    connection.execute("CREATE INDEX child_parent ON child (parent_id)")

    (unused,) = statistics.unused_indexes(connection)

    assert (unused.index, unused.only_support_of) == ("child_parent", ())


def test_what_an_interrupted_build_left_is_unused_and_not_valid(connection: Connection) -> None:
    connection.execute("CREATE TABLE t (code int)")
    connection.execute("INSERT INTO t VALUES (0)")
    with pytest.raises(psycopg.errors.DivisionByZero):
        connection.execute("CREATE INDEX CONCURRENTLY t_code ON t ((1 / code))")

    (unused,) = statistics.unused_indexes(connection)

    assert (unused.index, unused.valid) == ("t_code", False)


def test_the_start_of_the_counters_is_told(connection: Connection) -> None:
    connection.execute("CREATE TABLE t (code int)")
    connection.execute("CREATE INDEX t_code ON t (code)")
    connection.execute("SELECT pg_stat_reset()")
    flush_statistics(connection)

    (unused,) = statistics.unused_indexes(connection)
    reset = connection.execute("SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()").fetchone()

    assert unused.counted_since is not None
    assert (unused.counted_since,) == reset


def test_slow_statements_are_those_of_this_database_and_no_utility(server: Server, connection: Connection) -> None:
    connection.execute('CREATE SCHEMA "st at"')
    connection.execute('CREATE EXTENSION pg_stat_statements SCHEMA "st at"')
    connection.execute("SELECT 1 AS fast")
    connection.execute("DO $$ BEGIN PERFORM pg_sleep(0.03); END $$")
    for _ in range(2):
        connection.execute("/* page */ -- of jobs\n (SELECT pg_sleep(0.03) AS slow_here)")
    with server.scratch_database() as other, psycopg.connect(other, autocommit=True) as elsewhere:
        elsewhere.execute("SELECT pg_sleep(0.03) AS slow_elsewhere")

    slow = statistics.slow_statements(connection, threshold_ms=20)

    # The body of a DO block is a statement of its own where pg_stat_statements.track is all.
    ours = [statement for statement in slow if "slow_here" in statement.query]
    assert [(statement.calls, statement.rows) for statement in ours] == [(2, 2)]
    assert ours[0].total_ms == pytest.approx(2 * ours[0].mean_ms)
    assert ours[0].mean_ms >= 20
    assert not [s for s in slow if "slow_elsewhere" in s.query or "DO" in s.query or "fast" in s.query]


def test_a_database_without_the_extension_is_told_how_to_create_it(connection: Connection) -> None:
    with pytest.raises(PgproofError, match="CREATE EXTENSION pg_stat_statements"):
        statistics.slow_statements(connection)


def test_a_server_that_does_not_load_the_extension_is_told_how_to() -> None:
    with (
        running_server(settings={"shared_preload_libraries": ""}) as unprepared,
        psycopg.connect(unprepared.url(), autocommit=True) as connection,
    ):
        connection.execute("CREATE EXTENSION pg_stat_statements")
        with pytest.raises(PgproofError, match="shared_preload_libraries"):
            statistics.slow_statements(connection)


def test_connections_are_counted_by_role_database_and_state(database: str, connection: Connection) -> None:
    connection.execute("CREATE ROLE pgproof_reader LOGIN")
    try:
        with (
            psycopg.connect(database, user="pgproof_reader", autocommit=True),
            psycopg.connect(database, user="pgproof_reader", autocommit=True),
            psycopg.connect(database, user="pgproof_reader") as open_transaction,
        ):
            open_transaction.execute("SELECT 1")

            counted = statistics.connections_by_user(connection)

        reader = [(c.database, c.state, c.connections) for c in counted if c.user == "pgproof_reader"]
        assert reader == [
            (connection.info.dbname, "idle", 2),
            (connection.info.dbname, "idle in transaction", 1),
        ]
    finally:
        connection.execute("DROP ROLE pgproof_reader")


def test_a_blocked_session_is_reported_with_who_blocks_it(database: str, connection: Connection) -> None:
    connection.execute("CREATE TABLE t (id int)")
    with (
        psycopg.connect(database, application_name="holder") as holder,
        closing(psycopg.connect(database, application_name="waiter", autocommit=True)) as waiter,
    ):
        holder.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        waiter.pgconn.send_query(b"SELECT count(*) FROM t")

        blocked = until(lambda: statistics.blocking_locks(connection), lambda lock: lock.waited_ms > 0)

        assert (blocked.blocked_pid, blocked.blocked_application_name) == (waiter.info.backend_pid, "waiter")
        assert blocked.blocked_query == "SELECT count(*) FROM t"
        assert (blocked.relation, blocked.lock_type, blocked.mode) == (
            "public.t",
            "relation",
            "AccessShareLock",
        )
        assert (blocked.blocking_pid, blocked.blocking_application_name) == (holder.info.backend_pid, "holder")
        assert blocked.blocking_state == "idle in transaction"
        assert blocked.blocking_query == "LOCK TABLE t IN ACCESS EXCLUSIVE MODE"


def test_nobody_blocks_anybody_in_a_quiet_database(connection: Connection) -> None:
    assert statistics.blocking_locks(connection) == ()


def test_a_concurrent_build_shows_its_phase_and_whom_it_waits_for(database: str, connection: Connection) -> None:
    connection.execute("CREATE TABLE t (id int)")
    with (
        psycopg.connect(database) as writer,
        closing(psycopg.connect(database, autocommit=True)) as builder,
    ):
        writer.execute("INSERT INTO t VALUES (1)")
        builder.pgconn.send_query(b"CREATE INDEX CONCURRENTLY t_id ON t (id)")

        build = until(
            lambda: statistics.index_build_progress(connection),
            lambda row: row.current_locker_pid is not None,
        )

        assert (build.pid, build.command) == (builder.info.backend_pid, "CREATE INDEX CONCURRENTLY")
        assert (build.schema, build.table, build.index) == ("public", "t", "t_id")
        assert build.phase == "waiting for writers before build"
        assert (build.lockers_done, build.lockers_total) == (0, 1)
        assert build.current_locker_pid == writer.info.backend_pid
