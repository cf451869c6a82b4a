from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from intowork.database.engine import direct_engine, probe_engine
from intowork.database.health import liveness, readiness, readiness_sync
from intowork.database.sessions import Database
from intowork.settings import Settings
from pgproof.server import running_server

MakeSettings = Callable[..., Settings]


@pytest.mark.asyncio
async def test_a_primary_that_answers_is_ready(settings: MakeSettings) -> None:
    health = await readiness(probe_engine(settings()))
    assert health.ok
    assert readiness_sync(direct_engine(settings())) == health


@pytest.mark.asyncio
async def test_a_server_that_is_gone_is_not_ready_and_the_process_lives() -> None:
    settings = Settings(database_url="postgresql://me:hunter2@/app?host=/nowhere")
    health = await readiness(probe_engine(settings))
    assert not health.ok
    assert health.reason.startswith('no connection to database "app" at socket /nowhere')
    assert "hunter2" not in health.reason
    assert readiness_sync(direct_engine(settings)) == health
    assert liveness().ok


@pytest.mark.asyncio
async def test_a_server_that_never_answers_is_not_ready() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = Settings(database_url=f"postgresql://127.0.0.1:{silent.getsockname()[1]}/app")
        health = await readiness(probe_engine(settings), seconds=0.1)
    assert (health.ok, health.reason) == (False, "the database did not answer within 0.1 s")


@pytest.mark.asyncio
async def test_a_standby_is_not_ready() -> None:
    with running_server() as server:
        server.stop()
        # Without a primary to follow it recovers for ever, as a standby does.
        (server.data_directory / "standby.signal").touch()
        server.start()
        health = await readiness(probe_engine(Settings(database_url=server.url())))
    assert (health.ok, health.reason.partition(":")[0]) == (False, "the server is a standby and takes no writes")


@pytest.mark.asyncio
async def test_a_full_pool_is_still_ready(settings: MakeSettings) -> None:
    database = Database(settings(pool_size=1, max_overflow=0))
    async with database.session() as session:
        await session.connection()
        assert (await database.readiness()).ok
    await database.dispose()
