"""An engine whose pool nobody has sized.

What it finds:
    An engine on SQLAlchemy's QueuePool (or its async form) with 5 connections, 10 of overflow, 30 s to wait for one, no
    pool_pre_ping and no pool_recycle: all five as the library has them. Whoever has set one of them has looked at the
    pool, and may want the sizes that it has.

Why it matters:
    The 16th request at a time of a process waits, up to 30 s, and then fails with TimeoutError: longer than a person or
    a gateway waits, while the server may have connections to spare. In other deployments 15 for each of many processes
    are more than the server has.

Evidence:
    The pool of the engine that --engine names; `pgproof reproduce` fills such a pool on a server of its own.

Remedy:
    `create_engine(url, pool_size=..., max_overflow=..., pool_timeout=...)`: as many as a process works on requests at a
    time, which times the processes has to be within max_connections; a timeout below that of the gateway. Nothing for
    Alembic, whose env.py needs one connection.

When to ignore:
    Processes that work on one request at a time, such as synchronous workers without threads: they never need a second.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.amounts import amount
from pgproof.facts.model import Facts
from pgproof.rules.configuration._engine import engine_of, engine_ref, limit_of, made_with
from pgproof.rules.counter_examples import FullPool
from pgproof.rules.finding import Finding, NotChecked, Remedy
from pgproof.rules.given import setting
from pgproof.rules.given_access import hidden
from pgproof.rules.given_engine import engine as given_engine
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="CFG01", slug="pool-left-at-defaults", severity="medium", needs=("engine",))
SIZE, OVERFLOW, TIMEOUT = 5, 10, 30.0
"""SQLAlchemy's defaults (create_engine, pool_size, max_overflow and pool_timeout)."""


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield the engine whose pool has the library's sizes."""
    engine = engine_of(facts)
    pool = engine.pool
    made = (pool.kind, pool.size, pool.max_overflow, pool.timeout, pool.pre_ping, pool.recycle)
    if made != ("queue", SIZE, OVERFLOW, TIMEOUT, False, None):
        return
    limit = limit_of(facts, engine)
    granted = f" The server grants {amount(limit.connections, 'connection')} ({limit.why})." if limit else ""
    most = SIZE + OVERFLOW
    in_all = (
        f" {amount(engine.processes, 'process opens', 'processes open')} {most * engine.processes} in all."
        if engine.processes
        else ""
    )
    yield METADATA.finding(
        objects=(engine_ref(engine),),
        message=f"{engine.name} has the library's own pool: {SIZE} connections, {OVERFLOW} of overflow, {TIMEOUT:.0f} s"
        " to wait",
        consequence=f"In each process request {most + 1} at a time waits up to {TIMEOUT:.0f} s for a connection and"
        f" then fails with TimeoutError.{in_all}{granted}",
        evidence=(made_with(engine, f"pool_size={SIZE}, max_overflow={OVERFLOW}, pool_timeout={TIMEOUT:.0f}"),),
        remedy=Remedy(
            "Give create_engine a pool_size and max_overflow for the requests that a process works on at a time, which"
            " times the processes has to be within what the server grants, and a pool_timeout below the gateway's."
        ),
        counter_example=FullPool(SIZE, OVERFLOW, TIMEOUT),
        location=engine.location,
    )


_CREATE = (
    "from sqlalchemy import create_engine\nengine = create_engine('postgresql+psycopg://app@db.example.org/app'{})"
)
_LIMITS = (
    setting("max_connections", "103"),
    setting("superuser_reserved_connections", "3"),
    setting("reserved_connections", "0"),
)

BAD = (
    Example("nothing is given", engine=_CREATE.format(""), objects=("app.db:engine",), severity="medium"),
    Example("only other things are given", engine=_CREATE.format(", pool_use_lifo=True, echo=True")),
    Example(
        "an async engine",
        engine="from sqlalchemy.ext.asyncio import create_async_engine\n"
        "engine = create_async_engine('postgresql+asyncpg://app@db.example.org/app')",
    ),
    Example(
        "several processes on a server that is known",
        engine=_CREATE.format(""),
        given=(given_engine(processes=4), *_LIMITS),
        says=("60 in all", "grants 100 connections"),
    ),
    Example("a server whose settings are hidden", engine=_CREATE.format(""), given=(hidden("max_connections"),)),
)
GOOD = (
    Example("other sizes", engine=_CREATE.format(", pool_size=20")),
    Example("another overflow", engine=_CREATE.format(", max_overflow=40")),
    Example("connections are tried: somebody has looked at the pool", engine=_CREATE.format(", pool_pre_ping=True")),
    Example("connections are replaced", engine=_CREATE.format(", pool_recycle=3600")),
    Example("another timeout: somebody has looked at the pool", engine=_CREATE.format(", pool_timeout=5")),
    Example(
        "no pool at all",
        engine="from sqlalchemy import NullPool\n" + _CREATE.format(", poolclass=NullPool"),
    ),
    Example(
        "the driver's own pool with such sizes",
        engine="from psycopg_pool import ConnectionPool\nfrom sqlalchemy import NullPool\n"
        "pool = ConnectionPool('dbname=app', min_size=5, max_size=15, open=False)\n"
        + _CREATE.format(", creator=pool.getconn, poolclass=NullPool"),
    ),
)
