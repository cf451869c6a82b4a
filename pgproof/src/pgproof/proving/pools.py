"""The pool that ran dry: clients that ask for connections at once, of the engine's pools and of pools that fit.

Only the sizes are the application's: the pools are SQLAlchemy's, before a server of our own that grants as many
connections as the source does.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import psycopg

from pgproof.facts.engine import Engine
from pgproof.facts.model import Facts
from pgproof.proving.demonstrations import Demonstration
from pgproof.remedy.pool_sizes import TIMEOUT, PoolSizes, pool_sizes
from pgproof.reproduce.saturation import WAIT_SECONDS, granted, limited_server
from pgproof.rules.checking import check
from pgproof.rules.counter_examples import FullPool, RefusedClients
from pgproof.rules.discovery import all_rules
from pgproof.rules.finding import Finding

_RULES = ("CFG01", "CFG02")
_MOST_CLIENTS = 300
"""Each is a thread here and a process of the server; a finding about more of them stands by its numbers."""
_BEYOND = 20
"""Clients beyond what the server grants, who are to be seen refused."""
_QUIET_SECONDS = 2.0
"""Nobody got a connection, or failed, for so long: who still waits does so for one that is in use."""
_LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Pools:
    """Pools of processes that are alike.

    Attributes:
        timeout: seconds that a client waits for a connection.
    """

    processes: int
    size: int
    overflow: int
    timeout: float

    @property
    def words(self) -> str:
        """As create_engine is told."""
        return f"pool_size={self.size}, max_overflow={self.overflow}, pool_timeout={self.timeout:g}"


@dataclass(frozen=True)
class Crowd:
    """What clients met that asked for connections at once, and kept theirs until nobody got any further.

    Attributes:
        at_once: connections in use at the same time.
        served: clients that got one then, or when others gave theirs back.
        failed: errors, each with how many got it.
    """

    at_once: int
    served: int
    failed: tuple[tuple[str, int], ...]


def filled_pools(facts: Facts) -> Iterator[Demonstration]:
    """Yield the findings of the engine's pool that are seen to fail, and do not with the sizes of engine_config.py.

    Args:
        facts: of the source, with the engine where one was given.
    """
    engine = facts.engine
    if engine is None or engine.pool.kind != "queue":
        return
    sizes = pool_sizes(facts.server.setting, engine.processes)
    for finding in check([rule for rule in all_rules() if rule.code in _RULES], facts).findings:
        match finding.counter_example:
            case FullPool():
                limits = RefusedClients(1, sizes.most, sizes.max_connections, sizes.reserved, None, None)
                clients = min(2 * (engine.pool.most or 0), sizes.most)
                shown = _shown(finding, engine, limits, Pools(1, *_made(engine)), sizes, clients)
            case RefusedClients() as limits:
                clients = min(limits.processes * limits.most, granted(limits) + _BEYOND)
                shown = _shown(finding, engine, limits, Pools(limits.processes, *_made(engine)), sizes, clients)
            case _:
                shown = None
        if shown is not None:
            yield shown


def _made(engine: Engine) -> tuple[int, int, float]:
    """Size, overflow and timeout of a pool; both findings say that it has them."""
    pool = engine.pool
    assert pool.size is not None
    assert pool.max_overflow is not None
    return pool.size, pool.max_overflow, pool.timeout or 0.0


def _shown(
    finding: Finding, engine: Engine, limits: RefusedClients, made: Pools, sizes: PoolSizes, clients: int
) -> Demonstration | None:
    """The pool that some of the clients fail at, and with other sizes none; None where that is not what is seen."""
    if not min(made.processes * (made.size + made.overflow), granted(limits)) < clients <= _MOST_CLIENTS:
        return None
    waiting = clients > made.processes * (made.size + made.overflow)
    used = replace(made, timeout=min(made.timeout, WAIT_SECONDS)) if waiting else made
    fitting = Pools(made.processes, sizes.pool_size, sizes.max_overflow, TIMEOUT)
    with limited_server(limits) as url:
        before = crowd(url, used, clients)
        after = crowd(url, fitting, clients) if before.failed else None
    if after is None or after.failed:
        return None
    at_a_time = f"of {clients} clients that asked for a connection at once"
    processes = f" in each of {made.processes} processes" if made.processes > 1 else ""
    shortened = f", pool_timeout shortened from {made.timeout:g} s" if used.timeout != made.timeout else ""
    met = "; ".join(f"{many} times {what}" for what, many in before.failed)
    later = clients - after.at_once
    return Demonstration(
        finding.rule,
        finding.fingerprint,
        finding.message,
        f"{at_a_time}, {before.at_once} got one and {clients - before.served} failed: {met} (the pool of {engine.name}"
        f"{processes}: {used.words}{shortened})",
        f"with the sizes of engine_config.py that pgproof report writes ({fitting.words}{processes}) all {clients} got "
        "one" + (f", {later} of them when others gave theirs back" if later else ""),
        (
            f"a server that grants {granted(limits)} connections",
            f"{clients} clients: pool.connect(), BEGIN, SELECT 1, kept until nobody got any further",
            *(f"{what} ({many} times)" for what, many in before.failed),
        ),
        "engine_config.py",
    )


def crowd(url: str, pools: Pools, clients: int) -> Crowd:
    """Let clients ask for a connection at once, each one of its process's pool, as requests at a peak do.

    Args:
        url: of the server.
        pools: of SQLAlchemy, one for each process.
        clients: spread evenly over the processes.
    """
    from sqlalchemy.exc import TimeoutError as PoolTimeout
    from sqlalchemy.pool import QueuePool

    made = [
        QueuePool(
            lambda: psycopg.connect(url),  # type: ignore[arg-type]
            pool_size=pools.size,
            max_overflow=pools.overflow,
            timeout=pools.timeout,
        )
        for _ in range(min(pools.processes, clients))
    ]
    over = threading.Event()
    met: list[str | None] = []

    def ask(number: int) -> None:
        try:
            connection = made[number % len(made)].connect()
        except (PoolTimeout, psycopg.OperationalError) as refused:
            met.append(f"{type(refused).__name__}: {_said(refused)}")
            return
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        met.append(None)
        over.wait()
        connection.close()

    with ThreadPoolExecutor(clients) as threads:
        asking = [threads.submit(ask, number) for number in range(clients)]
        try:
            _wait_until_settled(met, clients)
            at_once = met.count(None)
        finally:
            over.set()
    for each in asking:
        each.result()
    for pool in made:
        pool.dispose()
    return Crowd(at_once, met.count(None), tuple(Counter(each for each in met if each is not None).most_common()))


def _wait_until_settled(met: Sequence[str | None], clients: int) -> None:
    """Until everybody has a connection or an error, or those who have not wait for one that is in use."""
    seen, since = 0, time.monotonic()
    while len(met) < clients and time.monotonic() - since < _QUIET_SECONDS:
        time.sleep(_LOOK_SECONDS)
        if len(met) != seen:
            seen, since = len(met), time.monotonic()


def _said(refused: Exception) -> str:
    """The last line of a refusal, without where the server is; SQLAlchemy's own are one, and a link."""
    lines = [line for line in str(refused).splitlines() if line and not line.startswith("(Background")]
    return lines[-1].rpartition("failed: ")[2].partition(" (Background")[0].strip()
