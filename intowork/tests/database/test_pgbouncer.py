"""Behind the real PgBouncer in transaction mode, where a server connection is lent for one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import make_url, text

from intowork.database.engine import direct_engine, sync_engine
from intowork.database.failures import connect_or_explain
from intowork.database.sessions import Database
from intowork.errors import DatabaseUnavailable, StatementTimeout
from intowork.settings import Settings
from pgproof.server import Server
from pgproof.testing import PgBouncer, running_pgbouncer

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def bouncer(server: Server) -> Iterator[PgBouncer]:
    """A PgBouncer in front of the server, with two connections per database."""
    with running_pgbouncer(server, connections=2) as running:
        yield running


@pytest.fixture
def url(bouncer: PgBouncer, database: str) -> str:
    """A fresh database, through PgBouncer."""
    name = make_url(database).database
    assert name is not None
    return bouncer.url(name)


def behind(url: str, database: str, **values: object) -> Settings:
    return Settings(database_url=url, direct_database_url=database, pgbouncer=True, **values)


SHOWN = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "TimeZone", "application_name")


@pytest.mark.asyncio
async def test_every_transaction_has_the_timeouts_and_leaves_none_behind(url: str, database: str) -> None:
    web = Database(behind(url, database, statement_timeout=1300, lock_timeout=1700, idle_in_transaction_timeout=1900))
    for _ in range(3):
        async with web.session() as session:
            found = [(await session.execute(text(f"SHOW {name}"))).scalar_one() for name in SHOWN]
            assert found == ["1300ms", "1700ms", "1900ms", "UTC", "intowork-web"]
            await session.commit()
    await web.dispose()
    with psycopg.connect(url) as other:
        assert other.execute("SHOW statement_timeout").fetchone() == ("0",)


@pytest.mark.asyncio
async def test_a_runaway_statement_is_cancelled_through_pgbouncer(url: str, database: str) -> None:
    web = Database(behind(url, database, statement_timeout=400))
    with pytest.raises(StatementTimeout):
        async with web.session() as session:
            await session.execute(text("SELECT pg_sleep(60)"))
    async with web.session() as session:
        assert (await session.execute(text("SELECT 1"))).scalar_one() == 1
    assert web.pool_statistics().checked_out == 0
    await web.dispose()


@pytest.mark.asyncio
async def test_more_clients_than_server_connections_repeat_one_statement(url: str, database: str) -> None:
    web = Database(behind(url, database, pool_size=10, max_overflow=0))

    async def request(number: int) -> None:
        for _ in range(8):
            async with web.session() as session:
                found = await session.execute(text("SELECT CAST(:number AS int)"), {"number": number})
                assert found.scalar_one() == number

    await asyncio.gather(*(request(number) for number in range(10)))
    assert web.pool_statistics().connects == 10
    await web.dispose()


@pytest.mark.asyncio
async def test_readiness_is_told_through_pgbouncer(url: str, database: str) -> None:
    web = Database(behind(url, database))
    assert (await web.readiness()).ok
    await web.dispose()


def test_without_the_setting_the_message_names_it(url: str) -> None:
    engine = sync_engine(Settings(database_url=url))
    with (
        pytest.raises(DatabaseUnavailable, match="PgBouncer is in between: set PGBOUNCER=1"),
        connect_or_explain(engine),
    ):
        pass


def test_the_direct_engine_goes_round_it(url: str, database: str) -> None:
    with direct_engine(behind(url, database, lock_timeout=1700)).connect() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        # PgBouncer tells its clients a process id of its own making.
        assert driver.info.backend_pid == pid
        assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "0"
        assert connection.execute(text("SHOW lock_timeout")).scalar_one() == "1700ms"
