"""One connection of the project's engine, read in a read-only transaction: what it has set, and what is in between."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any

from pgproof.facts.engine import Live, LiveSetting, Pooler
from pgproof.facts.source import why_not_connected
from pgproof.facts.sql import load


@dataclass(frozen=True)
class Connected:
    """What came of connecting.

    Attributes:
        live: None where no connection came about, or it could not be read.
        missing: why, in a line.
        parameters: of the connection as libpq has them, without a password; None with other drivers.
        prepare_threshold: of psycopg.
    """

    live: Live | None = None
    missing: str | None = None
    parameters: dict[str, Any] | None = None
    prepare_threshold: int | None = None


def connect_once(engine: Any, driver: str, *, most: int | None) -> Connected:
    """Return what a connection of an engine has set, after the project's own events have run on it.

    Args:
        engine: SQLAlchemy's, sync; with an async dialect it is driven by an AsyncEngine.
        driver: its name.
        most: connections that its pool allows; None for any number.
    """
    reading = _Reading(driver, another=most is None or most > 1)
    try:
        if engine.dialect.is_async:
            return asyncio.run(_read_async(engine, reading))
        with engine.connect() as connection:
            found = reading.of(connection)
        engine.dispose()
    except Exception as error:
        return Connected(missing=_why(error))
    else:
        return found


async def _read_async(engine: Any, reading: _Reading) -> Connected:
    from sqlalchemy.ext.asyncio import AsyncEngine

    wrapped = AsyncEngine(engine)
    try:
        async with wrapped.connect() as connection:
            return await connection.run_sync(reading.of)
    finally:
        await wrapped.dispose()


@dataclass(frozen=True)
class _Reading:
    driver: str
    another: bool

    def of(self, connection: Any) -> Connected:
        """Read one connection, and where a pooler is in between a second one beside it."""
        connection.execution_options(postgresql_readonly=True)
        row = dict(connection.exec_driver_sql(load("engine/live")).mappings().one())
        settings = tuple(
            LiveSetting(name, value) for name, value in connection.exec_driver_sql(load("engine/settings")).all()
        )
        backend, may_identify = row.pop("backend_pid"), row.pop("may_identify")
        identifier = None
        if may_identify:
            identifier = connection.exec_driver_sql(load("server/system_identifier")).scalar_one()
        raw = connection.connection.driver_connection
        pooler = None
        if _process_told(self.driver, raw) not in (None, backend):
            pooler = Pooler(shares=None, renames=_renames(self.driver, connection))
        connection.rollback()
        if pooler is not None and self.another:
            pooler = Pooler(_shares(connection, backend), pooler.renames)
        live = Live(
            **{**row, "tls": None if pooler else row["tls"]},
            system_identifier=identifier,
            settings=settings,
            pooler=pooler,
        )
        return Connected(live, None, _libpq_parameters(self.driver, raw), getattr(raw, "prepare_threshold", None))


def _process_told(driver: str, raw: Any) -> int | None:
    """The server process as the other side named it at connect (BackendKeyData): a pooler names one of its own."""
    if driver in ("psycopg", "psycopg2"):
        return int(raw.info.backend_pid)
    return int(raw.get_server_pid()) if driver == "asyncpg" else None


def _shares(connection: Any, backend: int) -> bool:
    """Whether a second connection gets the server process of the first, which is still open and idle."""
    with connection.engine.connect() as second:
        second.execution_options(postgresql_readonly=True)
        return bool(second.exec_driver_sql("SELECT /* pgproof */ pg_backend_pid()").scalar_one() == backend)


def _renames(driver: str, connection: Any) -> bool | None:
    """Whether a statement prepared under a name has another at the server; it is gone again at once.

    A pooler that follows prepared statements (PgBouncer from 1.21 on) names them itself; through any other, the name
    stays with the server process, where the next client meets it.
    """
    name = f"pgproof_{secrets.token_hex(8)}"
    if driver == "psycopg":
        connection.connection.driver_connection.pgconn.prepare(name.encode(), b"SELECT 1")
    elif driver == "asyncpg":
        connection.connection.dbapi_connection.run_async(lambda raw: raw.prepare("SELECT 1", name=name))
    else:
        return None
    found = connection.exec_driver_sql(
        f"SELECT /* pgproof */ count(*) FROM pg_prepared_statements WHERE name = '{name}'"  # noqa: S608
    ).scalar_one()
    if not found:
        return True
    connection.exec_driver_sql(f"DEALLOCATE {name}")
    return False


def _libpq_parameters(driver: str, raw: Any) -> dict[str, Any] | None:
    """What libpq was told, by the environment and service files too; never a password."""
    if driver == "psycopg":
        return dict(raw.info.get_parameters())
    return None


def _why(error: Exception) -> str:
    """The line of the driver, and what helps."""
    return f"it cannot connect: {why_not_connected(getattr(error, 'orig', None) or error)}"
