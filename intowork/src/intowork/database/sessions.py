"""The database as the web sees it: sessions that wait their turn, pool statistics and readiness."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession

from intowork.database.engine import probe_engine, web_engine
from intowork.database.health import Health, readiness
from intowork.database.instruments import listen
from intowork.database.pool import PoolStatistics
from intowork.database.replicas import Replicas
from intowork.database.session_pool import SessionPool
from intowork.settings import Settings


class Database:
    """One per process and event loop; `dispose` closes what it opened."""

    def __init__(self, settings: Settings) -> None:
        """Make the engines; nothing connects before the first session.

        Args:
            settings: sizes, timeouts, DATABASE_URL and REPLICA_URLS.

        Raises:
            IntoWorkError: a URL is missing or cannot be used.
        """
        self.engine = web_engine(settings)
        listen(self.engine.sync_engine, slow_ms=settings.slow_statement_ms)
        self._probe = probe_engine(settings)
        self._primary = SessionPool(self.engine, settings)
        self._replicas = Replicas(settings)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """Yield a session on the primary as soon as a connection is free; what is not committed is rolled back.

        Raises:
            DatabaseBusy: no connection in time, too many waiting, or a lock that was not given in time.
            StatementTimeout: a statement ran into STATEMENT_TIMEOUT.
            DatabaseUnavailable: there is no server, or the connection was lost.
        """
        async with self._primary.session() as session:
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Yield a session in a READ ONLY transaction on a standby, or on the primary where none is fit.

        What it shows may be REPLICA_MAX_LAG seconds old: who has to see his own write reads in `session`.

        Raises:
            DatabaseBusy: no connection in time, too many waiting, or later changes got in the way of a statement.
            StatementTimeout: a statement ran into STATEMENT_TIMEOUT.
            DatabaseUnavailable: there is no server, or the connection was lost.
        """
        async with AsyncExitStack() as stack:
            session = await self._replicas.enter(stack)
            if session is None:
                session = await stack.enter_async_context(self._primary.session(read_only=True))
            yield session

    def pool_statistics(self) -> PoolStatistics:
        """Return what the primary's pool is doing and has done."""
        return self._primary.statistics()

    async def readiness(self) -> Health:
        """Tell whether requests can be served, over a connection outside the pool."""
        return await readiness(self._probe)

    async def dispose(self) -> None:
        """Close every connection that is not in use."""
        await self._replicas.dispose()
        await self.engine.dispose()
        await self._probe.dispose()
