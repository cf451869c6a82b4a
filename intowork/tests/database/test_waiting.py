from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import psycopg
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from intowork.database.sessions import Database
from intowork.errors import DatabaseBusy, DatabaseUnavailable, IntoWorkError, StatementTimeout
from intowork.settings import Settings

pytestmark = pytest.mark.asyncio

MakeSettings = Callable[..., Settings]


@pytest_asyncio.fixture
async def small(embedded_database: str) -> AsyncIterator[Database]:
    """Two connections, three who may wait, for half a minute."""
    database = Database(
        Settings(database_url=embedded_database, pool_size=1, max_overflow=1, max_waiting=3, pool_timeout=30)
    )
    yield database
    await database.dispose()


class Holder:
    """A request that holds a connection until it is told to let go."""

    def __init__(self, database: Database, name: str, order: list[str]) -> None:
        self._release = asyncio.Event()
        self.task = asyncio.create_task(self._run(database, name, order))

    async def _run(self, database: Database, name: str, order: list[str]) -> None:
        async with database.session() as session:
            order.append(name)
            await session.execute(text("SELECT 1"))
            await self._release.wait()

    async def finish(self) -> None:
        self._release.set()
        await self.task


async def until(condition: Callable[[], bool]) -> None:
    """Let the other tasks run until a condition holds that no event announces."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0)


async def until_waiting(database: Database, number: int) -> None:
    await until(lambda: database.pool_statistics().waiting == number)


async def until_checked_out(database: Database, number: int) -> None:
    await until(lambda: database.pool_statistics().checked_out == number)


async def run(database: Database, *statements: str) -> None:
    async with database.session() as session:
        for statement in statements:
            await session.execute(text(statement))


async def backend(database: Database) -> int:
    async with database.session() as session:
        return int((await session.execute(text("SELECT pg_backend_pid()"))).scalar_one())


async def filled(database: Database, order: list[str]) -> list[Holder]:
    holders = [Holder(database, name, order) for name in ("first", "second")]
    await until(lambda: len(order) == 2)
    return holders


async def test_requests_are_served_in_the_order_they_came(embedded_database: str) -> None:
    database = Database(Settings(database_url=embedded_database, pool_size=2, max_overflow=0))
    order: list[int] = []
    most = 0

    async def request(number: int) -> None:
        nonlocal most
        async with database.session() as session:
            order.append(number)
            most = max(most, database.pool_statistics().checked_out)
            # Requests of different lengths, so that places come free out of step.
            await session.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": (number % 3) / 1000})
            most = max(most, database.pool_statistics().checked_out)

    await asyncio.gather(*(request(number) for number in range(60)))
    assert order == list(range(60))
    assert most == 2
    statistics = database.pool_statistics()
    assert (statistics.checked_out, statistics.waiting, statistics.waits) == (0, 0, 58)
    await database.dispose()


async def test_a_newcomer_does_not_overtake_who_was_just_called(small: Database) -> None:
    order: list[str] = []
    holders = await filled(small, order)
    waiting = Holder(small, "waited", order)
    await until_waiting(small, 1)
    # The newcomer comes in the very moment in which the place has been given back.
    finishing = asyncio.create_task(holders[0].finish())
    await until_waiting(small, 0)
    newcomer = Holder(small, "newcomer", order)
    await finishing
    await waiting.finish()
    await holders[1].finish()
    await newcomer.finish()
    assert order == ["first", "second", "waited", "newcomer"]


async def test_one_more_than_may_wait_is_refused_at_once(small: Database) -> None:
    order: list[str] = []
    holders = await filled(small, order)
    holders += [Holder(small, f"waiting {number}", order) for number in range(3)]
    await until_waiting(small, 3)
    with pytest.raises(DatabaseBusy, match=r"^3 requests wait for a database connection already") as refused:
        async with small.session():
            pass
    assert refused.value.retry_after == 30
    statistics = small.pool_statistics()
    assert (statistics.refused, statistics.waiting) == (1, 3)
    for holder in holders:
        await holder.finish()
    assert len(order) == 5
    assert small.pool_statistics().checked_out == 0


async def test_who_waits_too_long_is_refused_and_takes_nothing_along(embedded_database: str) -> None:
    database = Database(Settings(database_url=embedded_database, pool_size=1, max_overflow=1, pool_timeout=0.05))
    order: list[str] = []
    holders = await filled(database, order)
    with pytest.raises(DatabaseBusy, match=r"^no database connection became free in 0.05 s") as refused:
        async with database.session():
            pass
    assert refused.value.retry_after == 1
    for holder in holders:
        await holder.finish()
    # Both places are free again.
    for holder in await filled(database, []):
        await holder.finish()
    await database.dispose()


async def test_a_waiting_request_that_is_cancelled_loses_no_place(small: Database) -> None:
    order: list[str] = []
    holders = await filled(small, order)
    cancelled, behind = Holder(small, "cancelled", order), Holder(small, "behind", order)
    await until_waiting(small, 2)
    cancelled.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled.task
    for holder in [*holders, behind]:
        await holder.finish()
    assert order == ["first", "second", "behind"]
    for holder in await filled(small, []):
        await holder.finish()


async def test_who_gave_up_waiting_leaves_room_for_others_to_wait(small: Database) -> None:
    order: list[str] = []
    holders = await filled(small, order)
    for _ in range(2):
        waiting = [Holder(small, "cancelled", order) for _ in range(3)]
        await until_waiting(small, 3)
        for holder in waiting:
            holder.task.cancel()
        outcomes = await asyncio.gather(*(holder.task for holder in waiting), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError] * 3
    for holder in holders:
        await holder.finish()


async def test_a_request_cancelled_in_the_moment_it_is_called_passes_its_place_on(small: Database) -> None:
    order: list[str] = []
    holders = await filled(small, order)
    called, behind = Holder(small, "called", order), Holder(small, "behind", order)
    await until_waiting(small, 2)
    queue = small._primary._queue
    turn = queue._turns[0]
    finishing = [asyncio.create_task(holder.finish()) for holder in holders[:1]]
    await until(turn.done)
    called.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await called.task
    await asyncio.gather(*finishing)
    await behind.finish()
    await holders[1].finish()
    assert order == ["first", "second", "behind"]
    assert queue._free == 2


async def test_a_request_cancelled_while_its_statement_runs_gives_its_place_back(small: Database) -> None:
    for _ in range(3):
        task = asyncio.create_task(run(small, "SELECT pg_sleep(60)"))
        await until_checked_out(small, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until_checked_out(small, 0)
    for holder in await filled(small, []):
        await holder.finish()


async def test_a_request_cancelled_while_its_session_closes_still_gives_a_whole_connection_back(
    embedded_database: str,
) -> None:
    database = Database(Settings(database_url=embedded_database, pool_size=1, max_overflow=0))
    leaving = asyncio.Event()

    async def request() -> None:
        async with database.session() as session:
            await session.execute(text("SELECT 1"))
            leaving.set()

    pid = await backend(database)
    task = asyncio.create_task(request())
    await leaving.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await backend(database) == pid
    assert database.pool_statistics().invalidated == 0
    await database.dispose()


async def test_a_runaway_statement_becomes_a_timeout_and_the_connection_comes_back_clean(
    settings: MakeSettings,
) -> None:
    database = Database(settings(pool_size=1, max_overflow=0, statement_timeout=400))
    pid = await backend(database)
    with pytest.raises(StatementTimeout, match="longer than STATEMENT_TIMEOUT"):
        await run(database, "CREATE TABLE half_done (n int)", "SELECT pg_sleep(60)")
    assert database.pool_statistics().checked_out == 0
    async with database.session() as session:
        assert (await session.execute(text("SELECT pg_backend_pid()"))).scalar_one() == pid
        assert (await session.execute(text("SELECT to_regclass('half_done')"))).scalar_one() is None
    await database.dispose()


async def test_a_lock_that_is_not_given_becomes_busy(settings: MakeSettings, database: str) -> None:
    web = Database(settings(lock_timeout=200))
    with psycopg.connect(database) as holder:
        holder.execute("CREATE TABLE counted (n int)")
        holder.commit()
        holder.execute("LOCK TABLE counted")
        with pytest.raises(DatabaseBusy, match="LOCK_TIMEOUT") as busy:
            await run(web, "SELECT * FROM counted")
    assert busy.value.retry_after == 1
    assert web.pool_statistics().checked_out == 0
    await web.dispose()


async def test_what_the_statement_itself_got_wrong_stays_as_it_is(settings: MakeSettings) -> None:
    database = Database(settings())
    with pytest.raises(IntegrityError):
        await run(database, "CREATE TABLE one (n int UNIQUE)", "INSERT INTO one VALUES (1), (1)")
    assert database.pool_statistics().checked_out == 0
    await database.dispose()


async def test_a_schema_that_is_behind_says_so(settings: MakeSettings) -> None:
    database = Database(settings())
    with pytest.raises(IntoWorkError, match=r"run intowork migrate$"):
        await run(database, "SELECT * FROM not_migrated")
    await database.dispose()


async def test_a_backend_killed_between_requests_goes_unnoticed(settings: MakeSettings, database: str) -> None:
    web = Database(settings(pool_size=1, max_overflow=0))
    pid = await backend(web)
    kill(database, pid)
    assert await backend(web) != pid
    assert web.pool_statistics().invalidated == 1
    await web.dispose()


async def test_a_backend_killed_during_a_request_is_a_lost_connection(settings: MakeSettings, database: str) -> None:
    web = Database(settings(pool_size=1, max_overflow=0))

    async def request() -> None:
        async with web.session() as session:
            kill(database, (await session.execute(text("SELECT pg_backend_pid()"))).scalar_one())
            await session.execute(text("SELECT 1"))

    with pytest.raises(DatabaseUnavailable, match="was lost: try again"):
        await request()
    assert web.pool_statistics().checked_out == 0
    async with web.session() as session:
        assert (await session.execute(text("SELECT 1"))).scalar_one() == 1
    await web.dispose()


async def test_a_transaction_that_idles_too_long_is_ended_by_the_server(settings: MakeSettings, database: str) -> None:
    web = Database(settings(idle_in_transaction_timeout=400))

    async def request(observer: psycopg.Connection) -> None:
        async with web.session() as session:
            pid = (await session.execute(text("SELECT pg_backend_pid()"))).scalar_one()
            alive = "SELECT 1 FROM pg_stat_activity WHERE pid = %s"
            await until(lambda: observer.execute(alive, (pid,)).fetchone() is None)
            await session.execute(text("SELECT 1"))

    with psycopg.connect(database, autocommit=True) as observer, pytest.raises(DatabaseUnavailable):
        await request(observer)
    assert web.pool_statistics().checked_out == 0
    await web.dispose()


async def test_uncommitted_work_is_rolled_back(settings: MakeSettings) -> None:
    database = Database(settings())
    async with database.session() as session:
        await session.execute(text("CREATE TABLE kept (n int)"))
        await session.commit()
        await session.execute(text("CREATE TABLE lost (n int)"))
    async with database.session() as session:
        found = (await session.execute(text("SELECT to_regclass('kept'), to_regclass('lost')"))).one()
    assert tuple(found) == ("kept", None)
    await database.dispose()


def kill(database: str, pid: int) -> None:
    with psycopg.connect(database, autocommit=True) as administrator:
        administrator.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
