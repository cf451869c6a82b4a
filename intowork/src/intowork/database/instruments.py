"""What the statements of an engine cost: counted for Prometheus, and the slow ones logged with their line."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import greenlet
import structlog
from prometheus_client import Counter, Gauge, Histogram
from sqlalchemy import Engine, event
from sqlalchemy.engine import Connection, ExceptionContext

from intowork.database.pool import PoolStatistics

_PACKAGE = str(Path(__file__).parents[1])
_BELOW = tuple(str(Path(__file__).parents[1] / name) for name in ("database", "kit"))
_STARTED = "intowork_started"
_LONGEST_SHOWN = 2_000
"""Characters of a slow statement in the log."""

log = structlog.get_logger("intowork.database.slow")

SECONDS = Histogram(
    "db_query_duration_seconds",
    "Time from sending a statement to its first row, by its first word.",
    ("statement",),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
ERRORS = Counter("db_query_errors_total", "Statements that failed, by class of SQLSTATE.", ("sqlstate_class",))
POOL = Gauge("db_pool_connections", "Connections and waits of the pool.", ("state",), multiprocess_mode="livesum")


def listen(engine: Engine, *, slow_ms: int) -> None:
    """Count every statement of an engine from now on, and log those that are slow, without their values.

    Args:
        engine: the sync side of an async one.
        slow_ms: milliseconds from which on a statement is logged.
    """

    @event.listens_for(engine, "before_cursor_execute")
    def started(connection: Connection, *_: Any) -> None:
        connection.info[_STARTED] = time.perf_counter()

    @event.listens_for(engine, "after_cursor_execute")
    def ended(connection: Connection, cursor: object, statement: str, *_: Any) -> None:
        seconds = time.perf_counter() - connection.info[_STARTED]
        SECONDS.labels(_first_word(statement)).observe(seconds)
        if 1000 * seconds >= slow_ms:
            shown = " ".join(statement[:_LONGEST_SHOWN].split())
            log.warning("slow statement", ms=round(1000 * seconds), statement=shown, line=_line())

    @event.listens_for(engine, "handle_error")
    def failed(context: ExceptionContext) -> None:
        sqlstate = getattr(context.original_exception, "sqlstate", None)
        ERRORS.labels(sqlstate[:2] if sqlstate else "none").inc()


def show_pool(statistics: PoolStatistics) -> None:
    """Set the gauges to what the pool is doing.

    Args:
        statistics: of the pool, as it is now.
    """
    for state in ("checked_out", "overflow", "waiting", "size"):
        POOL.labels(state).set(getattr(statistics, state))


def _first_word(statement: str) -> str:
    word = statement.split(maxsplit=1)[0].lower() if statement.strip() else ""
    return word if word in ("select", "insert", "update", "delete", "with", "set", "lock") else "other"


def _line() -> str | None:
    """The line of the platform that sent the statement; for an async engine it is on the stack of a parent greenlet."""
    found = _first(sys._getframe(1))
    parent = greenlet.getcurrent().parent
    while found is None and parent is not None:
        found = _first(parent.gr_frame)
        parent = parent.parent
    return found


def _first(frame: FrameType | None) -> str | None:
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_PACKAGE) and not file.startswith(_BELOW):
            return f"intowork{file.removeprefix(_PACKAGE)}:{frame.f_lineno} {frame.f_code.co_name}"
        frame = frame.f_back
    return None
