from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import psutil
import psycopg
import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from intowork.database.replicas import read_replica_state, why_unfit
from intowork.database.sessions import Database
from intowork.errors import DatabaseBusy, DatabaseUnavailable
from intowork.settings import Settings
from pgproof.server import Server, ServerError, find_binaries, running_server, running_standby, wait_until_replayed

pytestmark = pytest.mark.asyncio

IN_RECOVERY = text("SELECT pg_is_in_recovery()")
WAIT_SECONDS = 60


@pytest.fixture(scope="module", params=["embedded", "system"])
def primary(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A primary that nobody else uses, with a role that has no rights beside those of its tables."""
    try:
        find_binaries(request.param)
    except ServerError as error:
        pytest.skip(str(error))
    # A cleanup by autovacuum could cancel a statement of a standby at any moment.
    settings = {"autovacuum": "off", "wal_retrieve_retry_interval": "100ms", "fsync": "off"}
    with running_server(binaries=request.param, settings=settings) as server:
        execute(server.url(), "CREATE ROLE web LOGIN; CREATE DATABASE app OWNER web")
        execute(as_web(server), "CREATE TABLE item AS SELECT 1 AS id")
        execute(server.url("app"), "CREATE EXTENSION pg_stat_statements")
        yield server


@pytest.fixture(scope="module")
def standby(primary: Server) -> Iterator[Server]:
    with running_standby(primary) as server:
        yield server


@pytest.fixture
def current(primary: Server, standby: Server) -> None:
    """Begins a test with a standby that has replayed everything."""
    wait_until_replayed(primary, standby)


def execute(url: str, statements: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements.split("; "):
            cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else None


def as_web(server: Server) -> str:
    return make_url(server.url("app")).set(username="web").render_as_string(hide_password=False)


@asynccontextmanager
async def web(primary: Server, *standbys: Server, **values: Any) -> AsyncIterator[Database]:
    urls = ",".join(map(as_web, standbys))
    database = Database(Settings(database_url=as_web(primary), replica_urls=urls, **values))
    try:
        yield database
    finally:
        await database.dispose()


async def reads_on_standby(database: Database) -> bool:
    async with database.reading() as session:
        return bool((await session.execute(IN_RECOVERY)).scalar_one())


async def until_reads_are_on(database: Database, *, standby: bool) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while await reads_on_standby(database) is not standby:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def until_reads_find(database: Database, number: int) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        async with database.reading() as session:
            if (await session.execute(text("SELECT 1 FROM item WHERE id = :id"), {"id": number})).first():
                return
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


@pytest.mark.usefixtures("current")
async def test_reads_are_on_the_standby_and_writes_on_the_primary(primary: Server, standby: Server) -> None:
    async with web(primary, standby, statement_timeout=1300) as database:
        assert await reads_on_standby(database)
        async with database.reading() as session:
            shown = [
                (await session.execute(text(f"SHOW {name}"))).scalar_one()
                for name in ("transaction_read_only", "application_name", "statement_timeout")
            ]
        assert shown == ["on", "intowork-replica", "1300ms"]
        async with database.session() as session:
            assert (await session.execute(IN_RECOVERY)).scalar_one() is False
            await session.execute(text("UPDATE item SET id = id"))
            await session.commit()


@pytest.mark.usefixtures("current")
async def test_a_write_among_reads_is_refused_on_either_server(primary: Server, standby: Server) -> None:
    for standbys in ((standby,), ()):
        async with web(primary, *standbys, pool_size=1, max_overflow=0) as database:
            assert await reads_on_standby(database) is bool(standbys)
            with pytest.raises(DBAPIError) as refused:
                async with database.reading() as session:
                    await session.execute(text("DELETE FROM item"))
            assert isinstance(refused.value.orig, psycopg.errors.ReadOnlySqlTransaction)
            # The one connection of the pool takes writes again.
            async with database.session() as session:
                await session.execute(text("UPDATE item SET id = id"))


@pytest.mark.usefixtures("current")
async def test_a_lost_standby_is_replaced_by_the_primary_at_once_and_read_again_when_it_is_back(
    primary: Server, standby: Server
) -> None:
    async with web(primary, standby) as database:
        assert await reads_on_standby(database)
        standby.stop("immediate")
        try:
            assert [await reads_on_standby(database) for _ in range(5)] == [False] * 5
        finally:
            standby.start()
        await until_reads_are_on(database, standby=True)


@pytest.mark.usefixtures("current")
async def test_a_standby_lost_between_two_statements_is_one_line(primary: Server, standby: Server) -> None:
    async def read_across_a_crash() -> None:
        async with database.reading() as session:
            assert (await session.execute(IN_RECOVERY)).scalar_one()
            standby.stop("immediate")
            await session.execute(IN_RECOVERY)

    async with web(primary, standby) as database:
        try:
            with pytest.raises(DatabaseUnavailable, match=r'^the connection to database "app" at socket .* was lost'):
                await read_across_a_crash()
            assert not await reads_on_standby(database)
        finally:
            standby.start()


@pytest.mark.usefixtures("current")
async def test_a_standby_that_is_not_there_at_the_first_read_is_passed_over(primary: Server, standby: Server) -> None:
    standby.stop("immediate")
    try:
        async with web(primary, standby) as database:
            assert not await reads_on_standby(database)
    finally:
        standby.start()


@pytest.mark.usefixtures("current")
async def test_a_standby_that_answers_nothing_holds_no_request_up_for_ever(primary: Server, standby: Server) -> None:
    async with web(primary, standby, database_timeout=60) as database:
        assert await reads_on_standby(database)
        postmaster = psutil.Process(int((standby.data_directory / "postmaster.pid").read_text().split()[0]))
        processes = [postmaster, *postmaster.children(recursive=True)]
        for process in processes:
            process.suspend()
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                assert [await reads_on_standby(database) for _ in range(5)] == [False] * 5
        finally:
            for process in processes:
                process.resume()
        await until_reads_are_on(database, standby=True)


@pytest.mark.usefixtures("current")
async def test_a_standby_that_falls_behind_is_not_read_until_it_has_caught_up(primary: Server, standby: Server) -> None:
    async with web(primary, standby, replica_max_lag=1) as database:
        assert await reads_on_standby(database)
        execute(standby.url(), "SELECT pg_wal_replay_pause()")
        try:
            execute(as_web(primary), "UPDATE item SET id = id + 1")
            newest = execute(as_web(primary), "SELECT id FROM item")
            await until_reads_are_on(database, standby=False)
            async with database.reading() as session:
                assert [tuple(row) for row in await session.execute(text("SELECT id FROM item"))] == newest
            assert execute(as_web(standby), "SELECT id FROM item") != newest
        finally:
            execute(standby.url(), "SELECT pg_wal_replay_resume()")
        await until_reads_are_on(database, standby=True)


@pytest.mark.parametrize("role", ["web", "postgres"])
@pytest.mark.usefixtures("current")
async def test_a_standby_without_its_primary_grows_old_though_it_replayed_all(
    primary: Server, standby: Server, role: str
) -> None:
    url = make_url(as_web(standby)).set(drivername="postgresql+psycopg", username=role)
    engine = create_engine(url)

    def lag() -> float:
        with engine.connect() as connection:
            state = read_replica_state(connection)
        assert state.in_recovery
        assert state.lag is not None
        return state.lag

    execute(as_web(primary), "UPDATE item SET id = id")
    wait_until_replayed(primary, standby)
    await until(lambda: lag() == 0)
    async with web(primary, standby, replica_max_lag=1) as database:
        assert await reads_on_standby(database)
        primary.stop()
        try:
            await until(lambda: lag() > 1)
            with pytest.raises(DatabaseUnavailable):
                await until_reads_are_on(database, standby=False)
        finally:
            primary.start()
        await until_reads_are_on(database, standby=True)
    engine.dispose()


@pytest.mark.usefixtures("current")
async def test_two_standbys_are_read_in_turn_and_one_alone_when_the_other_is_lost(
    primary: Server, standby: Server
) -> None:
    async def server_of_a_read(together: asyncio.Barrier) -> object:
        async with database.reading() as session:
            await together.wait()
            row = await session.execute(text("SELECT pg_postmaster_start_time(), pg_is_in_recovery()"))
            return tuple(row.one())

    with running_standby(primary) as other:
        wait_until_replayed(primary, other)
        async with web(primary, standby, other) as database:
            both = asyncio.Barrier(4)
            found = await asyncio.gather(*(server_of_a_read(both) for _ in range(4)))
            assert sorted(found.count(each) for each in set(found)) == [2, 2]
            other.stop("immediate")
            alone = [await server_of_a_read(asyncio.Barrier(1)) for _ in range(4)]
            assert len(set(alone)) == 1
            assert alone[0] in found
            assert await reads_on_standby(database)


@pytest.mark.usefixtures("current")
async def test_the_choice_is_remembered_and_costs_no_statement_of_its_own(primary: Server, standby: Server) -> None:
    looks = "SELECT coalesce(sum(calls), 0)::int FROM pg_stat_statements WHERE query LIKE '%pg_last_wal_receive_lsn%'"
    async with web(primary, standby) as database:
        ((before,),) = execute(standby.url("app"), looks)
        started = time.monotonic()
        for _ in range(300):
            assert await reads_on_standby(database)
        seconds = time.monotonic() - started
        ((after,),) = execute(standby.url("app"), looks)
    assert 1 <= after - before <= seconds / 0.5 + 1


@pytest.mark.usefixtures("current")
async def test_a_full_pool_refuses_and_does_not_look_like_a_lost_standby(primary: Server, standby: Server) -> None:
    async with web(primary, standby, pool_size=1, max_overflow=0, max_waiting=1, replica_max_lag=1) as database:
        async with database.reading() as session:
            await session.execute(IN_RECOVERY)
            # What the first look showed is too old by then, and the next one finds the pool full.
            await asyncio.sleep(1.5)
            waiting = asyncio.create_task(reads_on_standby(database))
            await asyncio.sleep(0.5)
            with pytest.raises(DatabaseBusy, match="1 requests wait"):
                await reads_on_standby(database)
        assert await waiting


async def test_a_server_that_is_no_standby_is_not_read(primary: Server) -> None:
    with running_server() as foreign:
        execute(foreign.url(), "CREATE ROLE web LOGIN; CREATE DATABASE app")
        async with web(primary, foreign) as database, database.reading() as session:
            assert (await session.execute(text("SELECT count(*) FROM item"))).scalar_one() == 1


@pytest.mark.parametrize("idle", [False, True])
@pytest.mark.usefixtures("current")
async def test_a_statement_that_replay_cancels_is_told_to_try_again(
    primary: Server, standby: Server, idle: bool
) -> None:
    execute(standby.url(), "ALTER SYSTEM SET max_standby_streaming_delay = 0; SELECT pg_reload_conf()")
    execute(as_web(primary), "CREATE TABLE short_lived AS SELECT 1 AS id")
    wait_until_replayed(primary, standby)

    async def read() -> None:
        async with database.reading() as session:
            await session.execute(text("SELECT * FROM short_lived"))
            reading.set()
            if idle:
                await dropped.wait()
            await session.execute(text("SELECT pg_sleep(60)"))

    async with web(primary, standby) as database:
        reading, dropped = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(read())
        await reading.wait()
        await asyncio.to_thread(execute, as_web(primary), "DROP TABLE short_lived")
        await asyncio.to_thread(wait_until_replayed, primary, standby)
        dropped.set()
        with pytest.raises(DatabaseBusy, match=r"^the server cancelled a statement .*: try again$") as cancelled:
            await task
        assert cancelled.value.retry_after == 1
        assert await reads_on_standby(database)
    execute(standby.url(), "ALTER SYSTEM RESET max_standby_streaming_delay; SELECT pg_reload_conf()")


async def test_a_standby_that_replayed_no_commit_and_streams_nothing_cannot_tell_its_lag(primary: Server) -> None:
    with running_standby(primary) as cut_off:
        execute(cut_off.url(), "ALTER SYSTEM SET primary_conninfo = ''")
        cut_off.restart()
        url = make_url(cut_off.url()).set(drivername="postgresql+psycopg")
        engine = create_engine(url)
        with engine.connect() as connection:
            state = read_replica_state(connection)
        engine.dispose()
    assert state.in_recovery
    assert state.lag is None
    assert "is an unknown time behind" in str(why_unfit(url, state, Settings()))


@pytest.mark.usefixtures("current")
async def test_a_standby_promoted_since_the_last_look_takes_no_writes_and_is_left(
    primary: Server, standby: Server
) -> None:
    with running_standby(primary) as promoted:
        wait_until_replayed(primary, promoted)
        async with web(primary, promoted) as database:
            assert await reads_on_standby(database)
            execute(promoted.url(), "SELECT pg_promote()")
            with pytest.raises(DBAPIError, match="read-only transaction"):
                async with database.reading() as session:
                    await session.execute(text("DELETE FROM item"))
            execute(as_web(primary), "INSERT INTO item VALUES (77)")
            await until_reads_find(database, 77)
            execute(as_web(primary), "DELETE FROM item WHERE id = 77")
