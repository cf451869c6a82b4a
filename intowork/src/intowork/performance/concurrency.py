"""Many users at a time, through the pool that serves requests."""

from __future__ import annotations

import asyncio
import statistics
from collections import Counter
from collections.abc import Sequence
from itertools import chain, count
from time import perf_counter

from intowork.database.sessions import Database
from intowork.demo.phase2.statements import Request
from intowork.errors import IntoWorkError
from intowork.performance.report import ConcurrencyResult
from intowork.performance.suites import Case
from intowork.settings import Settings
from pgproof.errors import PgproofError
from pgproof.proof.measuring import nearest_rank

SECONDS = 10.0
REQUESTS = 20_000


def run_users(
    url: str, cases: Sequence[Case], *, users: int, seconds: float = SECONDS, requests: int = REQUESTS
) -> ConcurrencyResult:
    """Let users send the platform's requests, each the next as soon as the last is answered.

    Args:
        url: the database.
        cases: where the requests come from, in turn.
        users: how many ask at a time; what the pool cannot hold waits its turn.
        seconds: after which nobody starts a request.
        requests: after which nobody starts a request.

    Raises:
        PgproofError: there is nobody to ask, or not one request was answered.
    """
    if users < 1:
        raise PgproofError(f"{users} users ask nothing; give --concurrency at least 1")
    return asyncio.run(_run_users(Settings(database_url=url), _mixed(cases), users, seconds, requests))


async def _run_users(
    settings: Settings, mix: Sequence[Request], users: int, seconds: float, requests: int
) -> ConcurrencyResult:
    database = Database(settings)
    answered_ms: list[float] = []
    errors: Counter[str] = Counter()
    tickets = count()
    start = perf_counter()

    async def user() -> None:
        while (ticket := next(tickets)) < requests and perf_counter() - start < seconds:
            asked = perf_counter()
            try:
                async with database.session() as session:
                    for statement in mix[ticket % len(mix)]:
                        (await session.execute(statement)).all()
            except IntoWorkError as error:
                errors[type(error).__name__] += 1
            else:
                answered_ms.append((perf_counter() - asked) * 1000)

    try:
        await asyncio.gather(*(user() for _ in range(users)))
        elapsed = perf_counter() - start
        pool = database.pool_statistics()
    finally:
        await database.dispose()
    if not answered_ms:
        raise PgproofError(f"Not one of {users} users got an answer ({dict(errors)}); look at the server's log")
    return ConcurrencyResult(
        users=users,
        seconds=elapsed,
        requests=len(answered_ms),
        p50_ms=statistics.median(answered_ms),
        p95_ms=nearest_rank(sorted(answered_ms), 0.95),
        max_ms=max(answered_ms),
        errors=tuple(sorted(errors.items())),
        pool=pool,
    )


def _mixed(cases: Sequence[Case]) -> tuple[Request, ...]:
    """Return the requests of all cases, one of each case after the other, so that any stretch is a mix."""
    draws = max(len(case.ours) for case in cases)
    return tuple(
        chain.from_iterable(
            (case.ours[number % len(case.ours)] for case in cases if case.ours) for number in range(draws)
        )
    )
