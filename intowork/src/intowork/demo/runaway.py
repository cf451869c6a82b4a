"""A statement that would run for hours: an accidental cross join, with and without a statement_timeout."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import psycopg
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

CROSS_JOIN = "SELECT count(*) FROM job_applications a, notifications n WHERE a.status = 'applied' AND n.is_read"


@dataclass(frozen=True)
class Runaway:
    """How the two ended.

    Attributes:
        unprotected_seconds: for how long the statement had run on the engine without a timeout when it was stopped
            by hand, by pg_cancel_backend.
        unprotected_was_running: whether it was still running then.
        protected_seconds: after how long the server cancelled it on the engine with a timeout; None if it did not.
        connection_clean: whether the engine's next statement worked and no connection was left checked out.
    """

    unprotected_seconds: float
    unprotected_was_running: bool
    protected_seconds: float | None
    connection_clean: bool


def run_away(unprotected: Engine, protected: Engine, *, admin_url: str, patience_seconds: float) -> Runaway:
    """Run the cross join on two engines at once.

    Args:
        unprotected: an engine without a statement_timeout.
        protected: an engine with one, shorter than the patience.
        admin_url: libpq URL from which the first is cancelled.
        patience_seconds: how long the first may run before it is stopped by hand.
    """
    pid: list[int] = []
    ended = threading.Event()

    def unbounded() -> None:
        with unprotected.connect() as connection:
            pid.append(connection.scalar(text("SELECT pg_backend_pid()")) or 0)
            try:
                connection.execute(text(CROSS_JOIN))
            except DBAPIError:
                connection.invalidate()
            finally:
                ended.set()

    thread = threading.Thread(target=unbounded)
    start = time.perf_counter()
    thread.start()
    try:
        protected_seconds = _seconds_until_cancelled(protected)
        with protected.connect() as connection:
            clean = connection.scalar(text("SELECT 1")) == 1
        ended.wait(max(0.0, patience_seconds - (time.perf_counter() - start)))
        seconds = time.perf_counter() - start
        running = not ended.is_set()
    finally:
        while not ended.wait(0.1):
            with psycopg.connect(admin_url, autocommit=True) as admin:
                admin.execute("SELECT pg_cancel_backend(%s)", pid[:1] or [0])
        thread.join()
    return Runaway(
        unprotected_seconds=seconds,
        unprotected_was_running=running,
        protected_seconds=protected_seconds,
        connection_clean=clean,
    )


def _seconds_until_cancelled(engine: Engine) -> float | None:
    start = time.perf_counter()
    try:
        with engine.connect() as connection:
            connection.execute(text(CROSS_JOIN))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == psycopg.errors.QueryCanceled.sqlstate:
            return time.perf_counter() - start
        raise
    return None
