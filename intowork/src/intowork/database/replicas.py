"""Reads on hot standbys: in turn, those that answer and are not too far behind; decision 9 says why it is so."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.resources import files

import structlog
from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from intowork.database.engine import replica_engine
from intowork.database.failures import explain_connection_failure
from intowork.database.session_pool import SessionPool
from intowork.database.url import describe_target
from intowork.settings import Settings

log = structlog.get_logger("intowork.database.replicas")

_LOOK_SECONDS = 0.5
_RETRY_SECONDS = 5.0
_PATIENCE_SECONDS = 2.0

_STATE = text(files("intowork.database").joinpath("replica_state.sql").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class ReplicaState:
    """What a server says of itself as a standby.

    Attributes:
        in_recovery: whether it is a standby at all.
        cluster: the system identifier, which a standby shares with its primary.
        database: the database that the URL leads to.
        lag: seconds that it is behind, None where it cannot tell.
    """

    in_recovery: bool
    cluster: str
    database: str
    lag: float | None


def read_replica_state(connection: Connection) -> ReplicaState:
    """Return what the server of a connection says of itself as a standby."""
    row = connection.execute(_STATE).one()
    return ReplicaState(row.in_recovery, row.cluster, row.database, row.lag)


def why_unfit(url: URL, state: ReplicaState, settings: Settings) -> str | None:
    """Return why reads do not go to a server, None where they do.

    Args:
        url: where it is.
        state: what it says of itself.
        settings: REPLICA_MAX_LAG.
    """
    if not state.in_recovery:
        return (
            f"{describe_target(url)} is not a standby, so reads there would show other data than the primary's: "
            "correct REPLICA_URLS"
        )
    if state.lag is None or state.lag > settings.replica_max_lag:
        behind = "an unknown time" if state.lag is None else f"{state.lag:.1f} s"
        return (
            f"{describe_target(url)} is {behind} behind, and reads go to the primary beyond "
            f"{settings.replica_max_lag:g} s: look at its replication, or raise REPLICA_MAX_LAG"
        )
    return None


class Replicas:
    """The standbys of a process and event loop, read in turn."""

    def __init__(self, settings: Settings) -> None:
        """Make the engines; nothing connects before the first read.

        Args:
            settings: REPLICA_URLS and REPLICA_MAX_LAG, sizes and timeouts.

        Raises:
            IntoWorkError: a URL cannot be used.
        """
        self._replicas = [_Replica(url, settings) for url in settings.replicas()]
        self._turn = 0

    async def enter(self, stack: AsyncExitStack) -> AsyncSession | None:
        """Return a session in a READ ONLY transaction on the next standby that is fit, None where none is.

        Args:
            stack: closes the session.

        Raises:
            DatabaseBusy: that standby has no connection free in time: one that is busy is not lost, and its
                load would only fall on the primary.
        """
        start = self._turn
        self._turn += 1
        for number in range(len(self._replicas)):
            replica = self._replicas[(start + number) % len(self._replicas)]
            if await replica.is_fit() and (session := await replica.enter(stack)) is not None:
                return session
        return None

    async def dispose(self) -> None:
        """Close every connection that is not in use."""
        for replica in self._replicas:
            await replica.dispose()


class _Replica:
    """One standby, and what the last look at it showed.

    A request that finds the last look old has another one made beside it and goes by the old one. It waits only
    for the first look, and for one after a pause so long that the standby may have fallen behind meanwhile.
    """

    def __init__(self, url: URL, settings: Settings) -> None:
        self._url = url
        self._settings = settings
        self._pool = SessionPool(replica_engine(settings, url), settings)
        self._looked_at = float("-inf")
        self._fit_until = float("-inf")
        self._unfit: str | None = None
        self._look: asyncio.Task[None] | None = None

    async def is_fit(self) -> bool:
        """Tell whether the standby answered lately and can be no more than REPLICA_MAX_LAG behind now."""
        now = time.monotonic()
        if self._look is None and now >= self._looked_at + (_LOOK_SECONDS if self._unfit is None else _RETRY_SECONDS):
            self._look = asyncio.create_task(self._look_again())
        if self._look is not None and self._unfit is None and now > self._fit_until:
            await asyncio.shield(self._look)
        return self._unfit is None and time.monotonic() <= self._fit_until

    async def enter(self, stack: AsyncExitStack) -> AsyncSession | None:
        """Return a session that holds its connection already, None where there is none to be had."""
        async with AsyncExitStack() as attempt:
            session = await attempt.enter_async_context(self._pool.session())
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await session.connection()
            except (SQLAlchemyError, TimeoutError) as error:
                self._conclude(self._explained(error))
                return None
            await stack.enter_async_context(attempt.pop_all())
            return session

    async def dispose(self) -> None:
        if self._look is not None:
            # Cancelled on its way, it would leave a connection open; it ends by itself before long.
            await asyncio.wait([self._look])
        await self._pool.engine.dispose()

    async def _look_again(self) -> None:
        started = time.monotonic()
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS), self._pool.engine.connect() as connection:
                state = await connection.run_sync(read_replica_state)
        except Exception as error:
            self._conclude(self._explained(error))
        else:
            # Time passes for a standby that stands still, so its lag grows as the look grows old.
            self._fit_until = started + self._settings.replica_max_lag - (state.lag or 0)
            self._conclude(why_unfit(self._url, state, self._settings))
        finally:
            self._look = None

    def _explained(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return f"{describe_target(self._url)} did not answer within {_PATIENCE_SECONDS:g} s"
        return str(explain_connection_failure(self._url, error))

    def _conclude(self, unfit: str | None) -> None:
        self._looked_at = time.monotonic()
        if unfit is not None and self._unfit is None:
            log.warning("reads go elsewhere", reason=unfit, retry_seconds=_RETRY_SECONDS)
        elif unfit is None and self._unfit is not None:
            log.info("reads go to the standby again", standby=describe_target(self._url))
        self._unfit = unfit
