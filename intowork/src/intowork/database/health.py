"""Two questions an orchestrator asks: is the process alive, and can it serve requests."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from intowork.database.failures import explain_connection_failure, require_supported_server
from intowork.errors import DatabaseUnavailable

_STATE = text("SELECT current_setting('server_version_num')::int AS version, pg_is_in_recovery() AS in_recovery")


@dataclass(frozen=True)
class Health:
    """An answer and its reason.

    Attributes:
        ok: whether all is well.
        reason: one line; what is wrong where something is.
    """

    ok: bool
    reason: str


def liveness() -> Health:
    """Tell that the process answers; the database has no part in it, as a restart would not mend it."""
    return Health(True, "the process answers")


async def readiness(engine: AsyncEngine, *, seconds: float = 3.0) -> Health:
    """Tell whether the primary answers, whatever happens: this never raises.

    Args:
        engine: the engine to ask; one without a pool, so that a full pool is not taken for a lost server.
        seconds: how long the answer may take in all.
    """
    try:
        async with asyncio.timeout(seconds), engine.connect() as connection:
            return await connection.run_sync(_judge)
    except TimeoutError:
        return Health(False, f"the database did not answer within {seconds:g} s")
    except Exception as error:
        return _unready(engine.sync_engine, error)


def readiness_sync(engine: Engine) -> Health:
    """Tell the same for a tool; the engine's own timeouts bound it.

    Args:
        engine: the engine to ask.
    """
    try:
        with engine.connect() as connection:
            return _judge(connection)
    except Exception as error:
        return _unready(engine, error)


def _judge(connection: Connection) -> Health:
    state = connection.execute(_STATE).one()
    try:
        require_supported_server(state.version)
    except DatabaseUnavailable as too_old:
        return Health(False, str(too_old))
    if state.in_recovery:
        return Health(False, "the server is a standby and takes no writes: promote it, or point to the primary")
    return Health(True, "the database answers")


def _unready(engine: Engine, error: Exception) -> Health:
    if isinstance(error, SQLAlchemyError):
        return Health(False, str(explain_connection_failure(engine.url, error)))
    return Health(False, f"the check failed: {type(error).__name__}")
