"""What PostgreSQL counts about itself: the questions an operator asks a running database.

Each function takes a connection and runs one statement (`queries/statistics/*.sql`) on it. What a role
without `pg_monitor` may not see is None in the answer. Size functions take ACCESS SHARE on each relation for
a moment, so a connection that must not wait behind a migration sets lock_timeout.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from pgproof.errors import PgproofError
from pgproof.facts.sql import load

Row = TypeVar("Row")
Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class CacheHitRatio:
    """How many blocks of one kind were found in shared buffers.

    Attributes:
        kind: `tables` (with their TOAST tables) or `indexes`.
        hits: blocks found in shared buffers.
        reads: blocks asked from the operating system, whose own cache may have had them.
        ratio: hits of all, between 0 and 1; None while nothing was asked for.
    """

    kind: str
    hits: int
    reads: int
    ratio: float | None


@dataclass(frozen=True)
class TableSize:
    """Bytes on disk and estimated rows of a table; heap, TOAST and indexes sum up to the total."""

    schema: str
    table: str
    heap_bytes: int
    toast_bytes: int
    index_bytes: int
    total_bytes: int
    live_rows: int
    dead_rows: int


@dataclass(frozen=True)
class IndexUsage:
    """How often an index was used since the statistics of the database were reset, on this server alone."""

    schema: str
    table: str
    index: str
    scans: int
    entries_read: int
    rows_fetched: int
    bytes: int


@dataclass(frozen=True)
class UnusedIndex:
    """An index that no query on this server scanned and that enforces no rule.

    Attributes:
        valid: False for what an interrupted concurrent build left behind, which no query can use.
        only_support_of: names of the foreign keys that no other index supports. Deleting or re-keying a
            referenced row reads the whole table without it, although that may not have happened since the
            counters started.
        counted_since: when the counters started; None if they were never reset.
    """

    schema: str
    table: str
    index: str
    valid: bool
    bytes: int
    only_support_of: tuple[str, ...]
    counted_since: datetime | None


@dataclass(frozen=True)
class SlowStatement:
    """A statement, with its literals removed, whose mean execution time exceeds the threshold."""

    query_id: int
    query: str
    calls: int
    mean_ms: float
    max_ms: float
    total_ms: float
    rows: int


@dataclass(frozen=True)
class UserConnections:
    """Client connections of one role to one database in one state (None: not visible to the asking role)."""

    user: str | None
    database: str | None
    state: str | None
    connections: int


@dataclass(frozen=True)
class BlockingLock:
    """A session that waits for a lock and one of the sessions it waits for.

    Attributes:
        waited_ms: how long it has waited so far; 0 in the first moment of a wait.
        relation: schema and table of the awaited lock; None for a wait for a transaction, as row locks are.
        blocking_pid: 0 when a prepared transaction holds the lock.
    """

    blocked_pid: int
    blocked_user: str | None
    blocked_application_name: str | None
    blocked_query: str | None
    waited_ms: float
    lock_type: str
    mode: str
    relation: str | None
    blocking_pid: int
    blocking_user: str | None
    blocking_application_name: str | None
    blocking_state: str | None
    blocking_query: str | None


@dataclass(frozen=True)
class IndexBuild:
    """An index build under way, with the counters of its current phase.

    Source: PostgreSQL documentation, "CREATE INDEX Progress Reporting".

    Attributes:
        table: None while the table itself is not visible to others yet.
        index: None for a plain build, whose index nobody else sees before it is committed.
        current_locker_pid: the session that a concurrent build is waiting for.
    """

    pid: int
    command: str
    schema: str | None
    table: str | None
    index: str | None
    phase: str
    lockers_done: int
    lockers_total: int
    current_locker_pid: int | None
    blocks_done: int
    blocks_total: int
    tuples_done: int
    tuples_total: int
    partitions_done: int
    partitions_total: int


def cache_hit_ratio(connection: Connection) -> tuple[CacheHitRatio, ...]:
    """Return how often blocks of tables and of indexes were in shared buffers, also on an idle database."""
    return _rows(connection, CacheHitRatio, "cache_hit_ratio")


def table_sizes(connection: Connection) -> tuple[TableSize, ...]:
    """Return the size of every table, partition and materialized view, largest first."""
    return _rows(connection, TableSize, "table_sizes")


def index_usage(connection: Connection) -> tuple[IndexUsage, ...]:
    """Return how often each index was scanned, most used first."""
    return _rows(connection, IndexUsage, "index_usage")


def unused_indexes(connection: Connection) -> tuple[UnusedIndex, ...]:
    """Return the indexes that were never scanned and enforce no rule, largest first.

    An index that makes rows unique is in use whatever its scans, so it is never among them. A standby counts
    its own
    scans: ask there as well before dropping one.
    """
    return tuple(
        replace(index, only_support_of=tuple(index.only_support_of))
        for index in _rows(connection, UnusedIndex, "unused_indexes")
    )


def slow_statements(connection: Connection, *, threshold_ms: float = 100.0) -> tuple[SlowStatement, ...]:
    """Return the statements of this database whose mean execution time reaches the threshold, slowest first.

    Utility statements, such as a data load by COPY, are left out. A role without `pg_read_all_stats` sees its
    own statements alone.

    Args:
        connection: a connection to the database in question.
        threshold_ms: mean execution time in milliseconds.

    Raises:
        PgproofError: pg_stat_statements is not created in this database, or not loaded by the server.
    """
    extension = connection.execute(load("statistics/statements_extension")).fetchone()
    if extension is None:
        raise PgproofError(
            "Slow statements are unknown: this database lacks pg_stat_statements; "
            "run CREATE EXTENSION pg_stat_statements"
        )
    query = sql.SQL(load("statistics/slow_statements")).format(schema=sql.Identifier(extension[0]))
    try:
        return _rows(connection, SlowStatement, query, {"threshold_ms": threshold_ms})
    except psycopg.errors.ObjectNotInPrerequisiteState as error:
        raise PgproofError(
            "Slow statements are unknown: the server does not load pg_stat_statements; "
            "add it to shared_preload_libraries and restart"
        ) from error


def connections_by_user(connection: Connection) -> tuple[UserConnections, ...]:
    """Return the client connections to the whole server by role, database and state, most first."""
    return _rows(connection, UserConnections, "connections_by_user")


def blocking_locks(connection: Connection) -> tuple[BlockingLock, ...]:
    """Return every session of this database that waits for a lock with each session that blocks it."""
    return _rows(connection, BlockingLock, "blocking_locks")


def index_build_progress(connection: Connection) -> tuple[IndexBuild, ...]:
    """Return how far the index builds of this database are."""
    return _rows(connection, IndexBuild, "index_build_progress")


def _rows(
    connection: Connection,
    row: type[Row],
    statement: str | sql.Composed,
    parameters: Mapping[str, object] | None = None,
) -> tuple[Row, ...]:
    query = load(f"statistics/{statement}") if isinstance(statement, str) else statement
    with connection.cursor(row_factory=class_row(row)) as cursor:
        return tuple(cursor.execute(query, parameters).fetchall())
