"""Sessions of one server: each waits its turn in the queue of the pool, and leaves it with its connection back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session, SessionTransaction

from intowork.database.failures import explain_statement_failure
from intowork.database.pool import PoolObserver, PoolStatistics
from intowork.database.waiting import ConnectionQueue
from intowork.settings import Settings


class _ReadOnlySession(Session):
    """A session whose transactions refuse writes."""


@event.listens_for(_ReadOnlySession, "after_begin")
def _set_read_only(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    # SQLAlchemy's postgresql_readonly would leave READ WRITE behind, against default_transaction_read_only.
    connection.execute(text("SET TRANSACTION READ ONLY"))


class SessionPool:
    """The sessions of an engine, for the tasks of one event loop."""

    def __init__(self, engine: AsyncEngine, settings: Settings) -> None:
        """Open the queue before the engine's pool.

        Args:
            engine: an engine with a pool.
            settings: how many may hold a connection and how many may wait for how long.
        """
        self.engine = engine
        self._observer = PoolObserver(engine.sync_engine, max_overflow=settings.max_overflow)
        self._queue = ConnectionQueue(
            places=settings.pool_size + settings.max_overflow,
            max_waiting=settings.max_waiting,
            timeout=settings.pool_timeout,
            observer=self._observer,
        )

    @asynccontextmanager
    async def session(self, *, read_only: bool = False) -> AsyncIterator[AsyncSession]:
        """Yield a session as soon as a connection is free; what is not committed is rolled back.

        Args:
            read_only: make its transactions READ ONLY, at the price of a round trip each.

        Raises:
            DatabaseBusy: no connection in time, too many waiting, or a lock that was not given in time.
            StatementTimeout: a statement ran into STATEMENT_TIMEOUT.
            DatabaseUnavailable: there is no server, or the connection was lost.
        """
        await self._queue.enter()
        kind = _ReadOnlySession if read_only else Session
        session = AsyncSession(self.engine, expire_on_commit=False, sync_session_class=kind)
        try:
            yield session
        except DBAPIError as error:
            raise explain_statement_failure(self.engine.url, error) from error
        finally:
            # A task cancelled a second time stops waiting here; the connection still has to be back in the
            # pool before its place goes to the next.
            closing = asyncio.ensure_future(session.close())
            closing.add_done_callback(self._leave)
            await asyncio.shield(closing)

    def statistics(self) -> PoolStatistics:
        """Return what the pool is doing and has done."""
        return self._observer.statistics()

    def _leave(self, closing: asyncio.Future[None]) -> None:
        self._queue.leave()
        if not closing.cancelled():
            closing.exception()
