"""Users who ask without a pause: the library's default pool, and the platform's."""

from __future__ import annotations

import asyncio
import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlalchemy.exc import TimeoutError as PoolTimeout

from intowork.database.sessions import Database
from intowork.demo.phase2.statements import Request
from intowork.errors import DatabaseBusy, IntoWorkError
from pgproof.proof.measuring import nearest_rank

SAMPLE_SECONDS = 0.05


@dataclass(frozen=True)
class Crowd:
    """What a number of users met who asked without a pause.

    Attributes:
        users: users at a time.
        seconds: for how long they asked.
        served: requests that were answered.
        timeouts: requests that got no connection in time.
        errors: requests that failed otherwise, with the error.
        p95_ms: 95th percentile of the answered requests, from asking for a connection to the last row.
        longest_ms: the longest of them.
        pool_median: median of the connections checked out.
        pool_peak: the most connections checked out at a time.
        pool_limit: connections the pool may open.
    """

    users: int
    seconds: float
    served: int
    timeouts: int
    errors: tuple[str, ...]
    p95_ms: float
    longest_ms: float
    pool_median: float
    pool_peak: int
    pool_limit: int


class _Tally:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.served_ms: list[float] = []
        self.timeouts = 0
        self.errors: Counter[str] = Counter()
        self.checked_out: list[int] = []

    def crowd(self, users: int, seconds: float, pool_limit: int) -> Crowd:
        ordered = sorted(self.served_ms)
        return Crowd(
            users=users,
            seconds=seconds,
            served=len(ordered),
            timeouts=self.timeouts,
            errors=tuple(f"{name} (x{number})" for name, number in self.errors.most_common()),
            p95_ms=nearest_rank(ordered, 0.95) if ordered else 0.0,
            longest_ms=ordered[-1] if ordered else 0.0,
            pool_median=statistics.median(self.checked_out),
            pool_peak=max(self.checked_out),
            pool_limit=pool_limit,
        )


def crowd_on_engine(engine: Engine, requests: Sequence[Request], *, users: int, seconds: float) -> Crowd:
    """Let users in threads ask an engine, each with a connection per request, until the time is over.

    A request that waits for a connection when the time is over still waits as long as the pool makes it.

    Args:
        engine: the engine under test, on a QueuePool.
        requests: what they ask, drawn at random.
        users: threads.
        seconds: for how long new requests begin.
    """
    tally = _Tally()
    deadline = time.perf_counter() + seconds

    def user(number: int) -> None:
        chance = random.Random(number)
        while time.perf_counter() < deadline:
            request = chance.choice(requests)
            start = time.perf_counter()
            try:
                with engine.connect() as connection:
                    for statement in request:
                        connection.execute(statement).all()
            except PoolTimeout:
                with tally.lock:
                    tally.timeouts += 1
            except Exception as error:
                with tally.lock:
                    tally.errors[type(error).__name__] += 1
            else:
                with tally.lock:
                    tally.served_ms.append((time.perf_counter() - start) * 1000)

    threads = [threading.Thread(target=user, args=(number,), daemon=True) for number in range(users)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    tally.checked_out.append(engine.pool.checkedout())  # type: ignore[attr-defined]
    while any(thread.is_alive() for thread in threads):
        time.sleep(SAMPLE_SECONDS)
        tally.checked_out.append(engine.pool.checkedout())  # type: ignore[attr-defined]
    return tally.crowd(users, time.perf_counter() - start, _DEFAULT_LIMIT)


_DEFAULT_LIMIT = 15
"""5 connections and 10 of overflow (SQLAlchemy documentation, create_engine)."""


async def crowd_on_database(database: Database, requests: Sequence[Request], *, users: int, seconds: float) -> Crowd:
    """Let users in tasks ask the platform's database, each with a session per request, until the time is over.

    Args:
        database: the platform's database.
        requests: what they ask, drawn at random.
        users: tasks.
        seconds: for how long new requests begin.
    """
    tally = _Tally()
    deadline = time.perf_counter() + seconds

    async def user(number: int) -> None:
        chance = random.Random(number)
        while time.perf_counter() < deadline:
            request = chance.choice(requests)
            start = time.perf_counter()
            try:
                async with database.session() as session:
                    for statement in request:
                        (await session.execute(statement)).all()
            except DatabaseBusy:
                tally.timeouts += 1
            except IntoWorkError as error:
                tally.errors[type(error).__name__] += 1
            else:
                tally.served_ms.append((time.perf_counter() - start) * 1000)

    start = time.perf_counter()
    crowd = asyncio.gather(*(user(number) for number in range(users)))
    while not crowd.done():
        tally.checked_out.append(database.pool_statistics().checked_out)
        await asyncio.sleep(SAMPLE_SECONDS)
    await crowd
    state = database.pool_statistics()
    return tally.crowd(users, time.perf_counter() - start, state.size + state.max_overflow)
