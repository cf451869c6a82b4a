"""What the pool does, counted and logged: connections, overflow, waits, lost connections, disposal.

SQLAlchemy's events are those of `PoolEvents` and `ConnectionEvents.engine_disposed`; there is none for an
overflow checkout or a wait, so the first is seen at checkout and the second by `ObservedQueuePool` for threads
and by `intowork.database.waiting` for tasks.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, QueuePool

log = structlog.get_logger("intowork.database.pool")


@dataclass(frozen=True)
class PoolStatistics:
    """A pool at one moment, and what it did since its engine was made.

    Attributes:
        size: connections the pool keeps.
        max_overflow: connections it may open beyond them.
        checked_out: connections in use.
        overflow: connections open beyond `size`, never negative.
        waiting: requests that wait for a connection.
        connects: connections opened.
        checkouts: connections handed out.
        overflow_checkouts: those handed out while more than `size` were in use.
        waits: requests that had to wait.
        refused: requests that got no connection.
        invalidated: connections given up at once because they were broken.
        soft_invalidated: connections marked to be replaced before their next use.
        closes: connections closed.
        disposals: times the whole pool was thrown away.
    """

    size: int
    max_overflow: int
    checked_out: int
    overflow: int
    waiting: int
    connects: int
    checkouts: int
    overflow_checkouts: int
    waits: int
    refused: int
    invalidated: int
    soft_invalidated: int
    closes: int
    disposals: int


class PoolObserver:
    """Counts and logs what happens in the pool of one engine.

    Threads share it. Of what can happen thousands of times a second only the first of a spell is logged above
    debug: a new peak of overflow, the first request that waits.
    """

    def __init__(self, engine: Engine, *, max_overflow: int) -> None:
        """Listen to the engine's events from now on.

        Args:
            engine: an engine on a QueuePool, the sync side of it where it is async.
            max_overflow: what the pool was made with; the pool does not tell.
        """
        self._engine = engine
        self._max_overflow = max_overflow
        self._counts: Counter[str] = Counter()
        self._waiting = 0
        self._overflow_peak = 0
        self._lock = threading.Lock()
        event.listen(engine, "connect", self._connected)
        event.listen(engine, "checkout", self._checked_out)
        event.listen(engine, "invalidate", self._invalidated)
        event.listen(engine, "soft_invalidate", self._soft_invalidated)
        event.listen(engine, "close", self._closed)
        event.listen(engine, "engine_disposed", self._disposed)
        if isinstance(engine.pool, ObservedQueuePool):
            engine.pool.observer = self

    @property
    def exhausted(self) -> bool:
        """Whether the next checkout has to wait for another's return."""
        return self._pool.checkedout() >= self._pool.size() + self._max_overflow

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count one more waiting request for as long as the block runs."""
        with self._lock:
            self._waiting += 1
            self._counts["waits"] += 1
            first = self._waiting == 1
        if first:
            log.warning("requests wait for a connection", **self._sizes())
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1

    def refused(self, reason: str) -> None:
        """Count a request that got no connection.

        Args:
            reason: why, for the log.
        """
        self._count("refused")
        log.warning("request refused", reason=reason, **self._sizes())

    def statistics(self) -> PoolStatistics:
        """Return the pool's present state and the counts so far."""
        pool = self._pool
        with self._lock:
            return PoolStatistics(
                size=pool.size(),
                max_overflow=self._max_overflow,
                checked_out=pool.checkedout(),
                # SQLAlchemy starts counting at -size.
                overflow=max(0, pool.overflow()),
                waiting=self._waiting,
                connects=self._counts["connects"],
                checkouts=self._counts["checkouts"],
                overflow_checkouts=self._counts["overflow_checkouts"],
                waits=self._counts["waits"],
                refused=self._counts["refused"],
                invalidated=self._counts["invalidated"],
                soft_invalidated=self._counts["soft_invalidated"],
                closes=self._counts["closes"],
                disposals=self._counts["disposals"],
            )

    @property
    def _pool(self) -> QueuePool:
        pool = self._engine.pool
        assert isinstance(pool, QueuePool)
        return pool

    def _sizes(self) -> dict[str, int]:
        return {"pool_size": self._pool.size(), "max_overflow": self._max_overflow}

    def _count(self, name: str) -> None:
        with self._lock:
            self._counts[name] += 1

    def _connected(self, connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        self._count("connects")
        log.debug("connection opened")

    def _checked_out(
        self, connection: DBAPIConnection, record: ConnectionPoolEntry, proxy: PoolProxiedConnection
    ) -> None:
        in_overflow = self._pool.checkedout() - self._pool.size()
        with self._lock:
            self._counts["checkouts"] += 1
            if in_overflow <= 0:
                return
            self._counts["overflow_checkouts"] += 1
            new_peak = in_overflow > self._overflow_peak
            self._overflow_peak = max(self._overflow_peak, in_overflow)
        if new_peak:
            log.info("overflow used as never before", overflow=in_overflow, **self._sizes())
        else:
            log.debug("overflow used", overflow=in_overflow)

    def _invalidated(
        self, connection: DBAPIConnection, record: ConnectionPoolEntry, exception: BaseException | None
    ) -> None:
        self._count("invalidated")
        log.warning("connection lost", error=type(exception).__name__ if exception else None)

    def _soft_invalidated(
        self, connection: DBAPIConnection, record: ConnectionPoolEntry, exception: BaseException | None
    ) -> None:
        self._count("soft_invalidated")
        log.info("connection to be replaced", error=type(exception).__name__ if exception else None)

    def _closed(self, connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        self._count("closes")
        log.debug("connection closed")

    def _disposed(self, engine: Engine) -> None:
        self._count("disposals")
        log.info("pool disposed")


class ObservedQueuePool(QueuePool):
    """A QueuePool that tells its observer when a thread has to wait for a connection."""

    observer: PoolObserver | None = None

    def connect(self) -> PoolProxiedConnection:
        """Return a connection, waiting for one as the settings say."""
        if self.observer is None or not self.observer.exhausted:
            return super().connect()
        with self.observer.waiting():
            return super().connect()

    def recreate(self) -> ObservedQueuePool:
        """Return the pool that follows this one when the engine is disposed of, with the same observer."""
        successor = super().recreate()
        assert isinstance(successor, ObservedQueuePool)
        successor.observer = self.observer
        return successor
