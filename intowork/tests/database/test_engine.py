from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from intowork.database.engine import direct_engine, probe_engine, sync_engine, web_engine
from intowork.errors import IntoWorkError
from intowork.settings import Settings

MakeSettings = Callable[..., Settings]

SHOWN = (
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "application_name",
    "TimeZone",
    "client_encoding",
)


def shown(connection: Connection) -> dict[str, str]:
    return {name: connection.execute(text(f"SHOW {name}")).scalar_one() for name in SHOWN}


async def shown_on(engine: AsyncEngine) -> dict[str, str]:
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(shown)
    finally:
        await engine.dispose()


def shown_by(engine: Engine) -> dict[str, str]:
    try:
        with engine.connect() as connection:
            return shown(connection)
    finally:
        engine.dispose()


def expected(application_name: str, statement_timeout: str) -> dict[str, str]:
    return {
        "statement_timeout": statement_timeout,
        "lock_timeout": "1700ms",
        "idle_in_transaction_session_timeout": "1900ms",
        "application_name": application_name,
        "TimeZone": "UTC",
        "client_encoding": "UTF8",
    }


@pytest.fixture
def odd_settings(settings: MakeSettings) -> Settings:
    return settings(statement_timeout=1300, lock_timeout=1700, idle_in_transaction_timeout=1900)


@pytest.mark.asyncio
async def test_the_web_engine_brings_its_settings_to_the_server(odd_settings: Settings) -> None:
    assert await shown_on(web_engine(odd_settings)) == expected("intowork-web", "1300ms")


def test_the_sync_engine_brings_the_same(odd_settings: Settings) -> None:
    assert shown_by(sync_engine(odd_settings)) == expected("intowork", "1300ms")


def test_the_direct_engine_has_no_statement_timeout(odd_settings: Settings) -> None:
    assert shown_by(direct_engine(odd_settings)) == expected("intowork-direct", "0")


@pytest.mark.asyncio
async def test_the_probe_gives_up_after_two_seconds(odd_settings: Settings) -> None:
    assert await shown_on(probe_engine(odd_settings)) == expected("intowork-probe", "2s")


def test_options_and_name_in_the_url_stay_and_the_settings_come_after_them(database: str) -> None:
    url = f"{database}&application_name=mine&options=-c%20work_mem%3D7MB%20-c%20statement_timeout%3D1"
    engine = sync_engine(Settings(database_url=url, statement_timeout=1300))
    with engine.connect() as connection:
        assert connection.execute(text("SHOW work_mem")).scalar_one() == "7MB"
        assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "1300ms"
        assert connection.execute(text("SHOW application_name")).scalar_one() == "mine"
    engine.dispose()


def test_options_in_the_url_are_refused_behind_pgbouncer() -> None:
    settings = Settings(database_url="postgresql:///app?options=-cwork_mem%3D7MB", pgbouncer=True)
    with pytest.raises(IntoWorkError, match="carries options, which PgBouncer refuses"):
        web_engine(settings)


def test_a_statement_run_many_times_is_never_prepared(settings: MakeSettings) -> None:
    engine = sync_engine(settings())
    with engine.connect() as connection:
        for number in range(12):
            assert connection.execute(text("SELECT CAST(:n AS int)"), {"n": number}).scalar_one() == number
        assert connection.execute(text("SELECT count(*) FROM pg_prepared_statements")).scalar_one() == 0
    engine.dispose()


def test_a_runaway_statement_is_cancelled_and_the_connection_serves_on(settings: MakeSettings) -> None:
    engine = sync_engine(settings(statement_timeout=400, pool_size=1, max_overflow=0))
    with engine.connect() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with pytest.raises(DBAPIError) as cancelled:
            connection.execute(text("SELECT pg_sleep(60)"))
    assert isinstance(cancelled.value.orig, psycopg.errors.QueryCanceled)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT pg_backend_pid()")).scalar_one() == pid
    engine.dispose()


def test_a_killed_backend_is_replaced_before_anybody_notices(settings: MakeSettings, database: str) -> None:
    engine = sync_engine(settings(pool_size=1, max_overflow=0))
    with engine.connect() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with psycopg.connect(database, autocommit=True) as administrator:
        administrator.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT pg_backend_pid()")).scalar_one() != pid
    engine.dispose()


def test_the_direct_engine_closes_its_connection_after_use(settings: MakeSettings) -> None:
    with direct_engine(settings()).connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        assert not driver.closed
    assert driver.closed


def test_a_failing_statement_does_not_log_the_values(settings: MakeSettings) -> None:
    engine = sync_engine(settings())
    with engine.connect() as connection, pytest.raises(DBAPIError) as failed:
        connection.execute(text("SELECT 1 / CAST(:zero AS int), :secret"), {"zero": 0, "secret": "hunter2"})
    assert "hunter2" not in str(failed.value)
    engine.dispose()
