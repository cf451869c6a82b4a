"""What the server counts about the database, read over an engine of IntoWork."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from sqlalchemy import Engine

from intowork.database.failures import connect_or_explain
from pgproof.errors import PgproofError
from pgproof.facts import statistics


@dataclass(frozen=True)
class DatabaseStatistics:
    """Everything an operator asks a running database at once.

    Attributes:
        cache_hit_ratio: blocks found in shared buffers, for tables and for indexes.
        table_sizes: every table, largest first.
        index_usage: every index, most used first.
        unused_indexes: indexes without a scan that enforce no rule.
        slow_statements: statements above 100 ms on average; None where they are unknown.
        slow_statements_unknown: why they are unknown and what to do, None where they are known.
        connections_by_user: client connections by role, database and state.
        blocking_locks: who waits for whom.
        index_build_progress: index builds under way.
    """

    cache_hit_ratio: tuple[statistics.CacheHitRatio, ...]
    table_sizes: tuple[statistics.TableSize, ...]
    index_usage: tuple[statistics.IndexUsage, ...]
    unused_indexes: tuple[statistics.UnusedIndex, ...]
    slow_statements: tuple[statistics.SlowStatement, ...] | None
    slow_statements_unknown: str | None
    connections_by_user: tuple[statistics.UserConnections, ...]
    blocking_locks: tuple[statistics.BlockingLock, ...]
    index_build_progress: tuple[statistics.IndexBuild, ...]


def read_statistics(engine: Engine) -> DatabaseStatistics:
    """Return the statistics of the engine's database; only slow statements may be missing.

    Args:
        engine: a direct engine: its timeouts hold for every statement, also outside a transaction.

    Raises:
        DatabaseUnavailable: there is no connection, or the server is too old.
    """
    with connect_or_explain(engine) as connection:
        # Each statement for itself, so that one that fails does not take the rest along.
        connection.execution_options(isolation_level="AUTOCOMMIT")
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        slow, unknown = _slow_statements(driver)
        return DatabaseStatistics(
            cache_hit_ratio=statistics.cache_hit_ratio(driver),
            table_sizes=statistics.table_sizes(driver),
            index_usage=statistics.index_usage(driver),
            unused_indexes=statistics.unused_indexes(driver),
            slow_statements=slow,
            slow_statements_unknown=unknown,
            connections_by_user=statistics.connections_by_user(driver),
            blocking_locks=statistics.blocking_locks(driver),
            index_build_progress=statistics.index_build_progress(driver),
        )


def _slow_statements(
    driver: psycopg.Connection[tuple[object, ...]],
) -> tuple[tuple[statistics.SlowStatement, ...] | None, str | None]:
    try:
        return statistics.slow_statements(driver), None
    except PgproofError as unknown:
        return None, str(unknown)
