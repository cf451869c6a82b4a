"""A migration under traffic: the application's own reads, and writes of one row into the tables it changes.

Four requests in five read. The writes are copies of rows, taken back at once, and updates that change nothing, so that
they meet every lock and add no row that a rule under way would refuse. One more session idles in a transaction. The
same traffic runs before the migration begins, for comparison.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import psycopg

from pgproof.facts.catalog import Catalog, Table
from pgproof.proof.locks import HeldLock, LockReport, LockSampler, LockWait
from pgproof.proof.measuring import IDLE, SAMPLER, TIMING, TRAFFIC
from pgproof.proof.traffic import IdleInTransaction, Traffic, TrafficReport, TrafficStatement
from pgproof.proving.round_trip import Problem
from pgproof.proving.watched import Watched, masked
from pgproof.proving.workload import Drawn
from pgproof.proving.writes import in_psycopg, insert_of_copy, row_condition, row_keys, update_of_nothing

RATE = 100.0
CONNECTIONS = 8
CALM_SECONDS = 4.0
LONGEST_WAIT_MS = 100.0
_SETTLING_SECONDS = 1.0
_READS, _WRITES = 80.0, 20.0
_QUICK_MS = 20.0
"""A statement that takes longer is no traffic: eight connections would be busy with it alone."""
_TABLES = 12
_TIMES = re.compile(r" \(x\d+\)$")
_OURS = frozenset((TRAFFIC, IDLE, SAMPLER, TIMING, "pgproof"))
_WRITER = frozenset(("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"))


@dataclass(frozen=True)
class Loaded:
    """What the traffic met.

    Attributes:
        run: the migration.
        calm: the traffic before it.
        traffic: the traffic beside it.
        locks: what the sampler saw of both the migration and the traffic.
        statements: of the mix, by name.
    """

    run: Watched
    calm: TrafficReport
    traffic: TrafficReport
    locks: LockReport
    statements: tuple[str, ...]

    @property
    def waits(self) -> tuple[LockWait, ...]:
        """Waits of requests for what the migration held or had asked for before them, the longest first."""
        return tuple(
            each
            for each in self.locks.waits
            if each.application_name == TRAFFIC and not set(each.blocked_by_application_name.split(", ")) <= _OURS
        )

    @property
    def held(self) -> tuple[HeldLock, ...]:
        """Locks of the migration that keep writers out, the longest first."""
        return held_by_migration(self.locks)


def held_by_migration(locks: LockReport) -> tuple[HeldLock, ...]:
    """Return the locks that keep writers out and were not our own sessions', the longest first."""
    return tuple(each for each in locks.held if each.application_name not in _OURS and each.mode in _WRITER)


def under_traffic(
    url: str, statements: Sequence[TrafficStatement], idle: IdleInTransaction | None, migrate: Callable[[], Watched]
) -> Loaded:
    """Run a migration while traffic runs.

    Args:
        url: of the copy, for the traffic.
        statements: the mix.
        idle: the session idle in transaction.
        migrate: runs the migration on the copy.
    """
    calm = Traffic(url, statements, connections=CONNECTIONS, rate=RATE, idle=idle)
    with calm:
        time.sleep(CALM_SECONDS)
    sampler = LockSampler(url)
    traffic = Traffic(url, statements, connections=CONNECTIONS, rate=RATE, idle=idle, seed=1)
    with sampler, traffic:
        time.sleep(_SETTLING_SECONDS)
        run = migrate()
        time.sleep(_SETTLING_SECONDS)
    names = tuple(each.name for each in statements)
    return Loaded(run, calm.report(), traffic.report(), sampler.report(), names)


def mix(
    url: str, before: Catalog, after: Catalog, changed: Sequence[Table], reads: Sequence[tuple[Drawn, float]]
) -> tuple[tuple[TrafficStatement, ...], IdleInTransaction | None]:
    """Return the traffic of a database: what its application reads, and writes to what changes.

    Args:
        url: of a copy, for drawing rows.
        before: the catalog before the migration.
        after: the catalog after it.
        changed: tables of `before` that the migration changes.
        reads: the application's statements with the milliseconds that each takes.
    """
    kept = [table for table in before.base_tables if after.named(table.qualified_name) is not None]
    busy = {name for drawn, _ in reads for name in drawn.tables}
    order = [table for table in kept if table in changed]
    order += [table for table in kept if table.qualified_name in busy and table not in order]
    order += [table for table in kept if table not in order]
    quick = [drawn for drawn, took in reads if took <= _QUICK_MS and not drawn.writes]
    with psycopg.connect(url, autocommit=True) as connection:
        keys: dict[str, tuple[Mapping[str, object], ...]] = {}
        tables: list[Table] = []
        for table in order:
            if table.primary_key is not None and len(tables) < _TABLES and (drawn_keys := row_keys(connection, table)):
                keys[str(table.qualified_name)] = drawn_keys
                tables.append(table)
        writes = list(_writes(tables, after, {table.qualified_name for table in changed}, keys))
        read = list(_reads(quick, tables, keys))
        usable = [each for each in (*read, *writes) if _works(connection, each)]
        idle = _idle(connection, tables, keys)
    return _weighted(usable), idle


def _reads(
    quick: Sequence[Drawn], tables: Sequence[Table], keys: Mapping[str, Sequence[Mapping[str, object]]]
) -> Iterator[TrafficStatement]:
    for drawn in quick:
        yield TrafficStatement(drawn.name, drawn.sql, _any_of(drawn.parameters), max(drawn.calls, 1), writes=False)
    if quick:
        return
    for table in tables:
        assert table.primary_key is not None
        name = str(table.qualified_name)
        target = in_psycopg(table.schema, table.name)
        statement = f"SELECT * FROM {target} WHERE {row_condition(table.primary_key.columns)}"  # noqa: S608
        yield TrafficStatement(f"read {name}", statement, _any_of(keys[name]), 1, writes=False)


def _writes(
    tables: Sequence[Table], after: Catalog, changed: set[object], keys: Mapping[str, Sequence[Mapping[str, object]]]
) -> Iterator[TrafficStatement]:
    for table in tables:
        now = after.named(table.qualified_name)
        assert now is not None
        name = str(table.qualified_name)
        weight = 3.0 if table.qualified_name in changed else 1.0
        if (insert := insert_of_copy(table, now)) is not None:
            yield TrafficStatement(
                f"insert into {name}", insert, _any_of(keys[name]), weight, writes=True, rolled_back=True
            )
        if (update := update_of_nothing(table)) is not None:
            yield TrafficStatement(f"update {name}", update, _any_of(keys[name]), weight, writes=True)


def _works(connection: psycopg.Connection[tuple[object, ...]], each: TrafficStatement) -> bool:
    """Whether the copy takes it as it is: what a trigger refuses says nothing of the migration."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(each.sql.encode(), each.parameters(random.Random(0)))
    except psycopg.Error:
        return False
    return True


def _idle(
    connection: psycopg.Connection[tuple[object, ...]],
    tables: Sequence[Table],
    keys: Mapping[str, Sequence[Mapping[str, object]]],
) -> IdleInTransaction | None:
    """A session that has written a row of a table under change, one that nobody else asks for."""
    for table in tables:
        update = update_of_nothing(table)
        if update is None:
            continue
        row = keys[str(table.qualified_name)][-1]
        with psycopg.ClientCursor(connection) as cursor:
            return IdleInTransaction(cursor.mogrify(update.encode(), row), hold_seconds=1.0, pause_seconds=0.2)
    return None


def _any_of(sets: Sequence[Mapping[str, object]]) -> Callable[[random.Random], Mapping[str, object]]:
    # The last one is for the session idle in transaction: who waited for its row would wait for no migration.
    choice = sets[:-1] or sets
    return lambda chance: chance.choice(choice)


def _weighted(statements: Sequence[TrafficStatement]) -> tuple[TrafficStatement, ...]:
    """Four reads to one write, whatever there is of each."""
    totals = {writes: sum(each.weight for each in statements if each.writes is writes) for writes in (True, False)}
    return tuple(
        TrafficStatement(
            each.name,
            each.sql,
            each.parameters,
            each.weight / totals[each.writes] * (_WRITES if each.writes else _READS),
            each.writes,
            each.rolled_back,
        )
        for each in statements
    )


def problems_of(loaded: Loaded) -> Iterator[Problem]:
    """Yield what is wrong with a migration beside which the application should go on."""
    if loaded.waits and loaded.waits[0].waited_ms > LONGEST_WAIT_MS:
        worst = loaded.waits[0]
        yield Problem(
            "blocks traffic",
            f"under traffic a request waited {worst.waited_ms:.0f} ms for {worst.mode} on {worst.relation or 'a row'}, "
            f"behind {masked(worst.blocked_by_query)}",
            "build indexes concurrently, add constraints NOT VALID and validate them apart, and take strong locks in "
            "short transactions with lock_timeout and retries",
        )
    if new := _kinds(loaded.traffic) - _kinds(loaded.calm):
        yield Problem(
            "breaks traffic",
            f"under traffic requests failed that had not before: {'; '.join(sorted(new)[:3])}",
            "let the application stop using what goes before it goes, and add what it needs before it needs it",
        )


def _kinds(report: TrafficReport) -> set[str]:
    """Errors without how often each came."""
    return {_TIMES.sub("", each) for each in report.errors}
