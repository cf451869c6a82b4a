"""The database as the web sees it: sessions that wait their turn, pool statistics and readiness."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from intowork.database.engine import probe_engine, web_engine
from intowork.database.failures import explain_statement_failure
from intowork.database.health import Health, readiness
from intowork.database.pool import PoolObserver, PoolStatistics
from intowork.database.waiting import ConnectionQueue
from intowork.settings import Settings


class Database:
    """One per process and event loop; `dispose` closes what it opened."""

    def __init__(self, settings: Settings) -> None:
        """Make the engines; nothing connects before the first session.

        Args:
            settings: sizes, timeouts and DATABASE_URL.

        Raises:
            IntoWorkError: DATABASE_URL is missing or cannot be used.
        """
        self.engine = web_engine(settings)
        self._probe = probe_engine(settings)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self._observer = PoolObserver(self.engine.sync_engine, max_overflow=settings.max_overflow)
        self._queue = ConnectionQueue(
            places=settings.pool_size + settings.max_overflow,
            max_waiting=settings.max_waiting,
            timeout=settings.pool_timeout,
            observer=self._observer,
        )

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """Yield a session as soon as a connection is free; what is not committed is rolled back.

        Raises:
            DatabaseBusy: no connection in time, too many waiting, or a lock that was not given in time.
            StatementTimeout: a statement ran into STATEMENT_TIMEOUT.
            DatabaseUnavailable: there is no server, or the connection was lost.
        """
        await self._queue.enter()
        session = self._sessions()
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

    def pool_statistics(self) -> PoolStatistics:
        """Return what the pool is doing and has done."""
        return self._observer.statistics()

    async def readiness(self) -> Health:
        """Tell whether requests can be served, over a connection outside the pool."""
        return await readiness(self._probe)

    async def dispose(self) -> None:
        """Close every connection that is not in use."""
        await self.engine.dispose()
        await self._probe.dispose()

    def _leave(self, closing: asyncio.Future[None]) -> None:
        self._queue.leave()
        if not closing.cancelled():
            closing.exception()
