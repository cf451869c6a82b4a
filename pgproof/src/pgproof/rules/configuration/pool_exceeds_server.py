"""Pools that may ask the server for more connections than it has.

What it finds:
    An engine whose pool size and overflow, times the processes given by --processes, exceed what the server grants:
    max_connections less the reserved ones, or the CONNECTION LIMIT of the database or of the engine's role. Also a
    queue pool without any limit (pool_size=0 or max_overflow=-1). Behind a pooler, which makes clients wait, the
    server's limit is not that of the pools, so nothing is said where one was seen.

Why it matters:
    At the peak, when every process wants its overflow, the server refuses whoever comes next with "sorry, too many
    clients already": the application, the migration that should help, and the monitoring.

Evidence:
    The pool of the engine that --engine names, pg_settings, pg_database and pg_roles; `pgproof reproduce` opens these
    pools against a server of its own with the same limits.

Remedy:
    `create_engine(url, pool_size=..., max_overflow=...)` within the limit divided by the processes, or PgBouncer in
    between. A larger max_connections needs a restart and memory. Nothing for Alembic.

When to ignore:
    A pooler that could not be told from the server.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.amounts import amount
from pgproof.facts.engine import Engine, Pooler
from pgproof.facts.model import Facts
from pgproof.rules.configuration._engine import RESERVED, Limit, engine_of, engine_ref, limit_of, made_with
from pgproof.rules.configuration._sessions import setting_ref
from pgproof.rules.counter_examples import RefusedClients
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy
from pgproof.rules.given import database, setting
from pgproof.rules.given_access import hidden, role, roles
from pgproof.rules.given_engine import engine as given_engine
from pgproof.rules.given_engine import live
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="CFG02", slug="pool-exceeds-server", severity="high", needs=("engine", "settings"))


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield the engine whose pools the server cannot hold."""
    engine = engine_of(facts)
    limit = limit_of(facts, engine)
    if limit is None or (engine.live is not None and engine.live.pooler is not None):
        return
    most = engine.pool.most
    if most is None:
        if engine.pool.kind == "queue":
            yield _unlimited(engine, limit)
        return
    needed = most * (engine.processes or 1)
    if needed > limit.connections:
        yield _exceeds(engine, limit, most, needed)
    elif engine.processes is None:
        yield NotChecked("how many processes have such an engine: --processes N", (engine_ref(engine),))


def _exceeds(engine: Engine, limit: Limit, most: int, needed: int) -> Finding:
    processes = engine.processes or 1
    fits = limit.connections // processes
    fitting = (
        f"Lower pool_size and max_overflow to {fits} together"
        if fits
        else f"Run at most {amount(limit.connections, 'process', 'processes')}"
    )
    return METADATA.finding(
        objects=(engine_ref(engine),),
        related=(setting_ref("max_connections"),),
        message=f"{processes} x {most} connections of {engine.name} are {needed}, and the server grants"
        f" {limit.connections}",
        consequence=f"At the peak {needed - limit.connections} of them are refused with an error, and nobody else gets"
        f" in either ({limit.why}).",
        evidence=(made_with(engine, _sizes(engine)), _limits(limit)),
        remedy=Remedy(f"{fitting}, or put a pooler in between."),
        counter_example=RefusedClients(processes, most, limit.maximum, limit.reserved, limit.database, limit.role),
        location=engine.location,
    )


def _unlimited(engine: Engine, limit: Limit) -> Finding:
    return METADATA.finding(
        objects=(engine_ref(engine),),
        related=(setting_ref("max_connections"),),
        severity="medium",
        message=f"nothing limits the connections of {engine.name}, and the server grants {limit.connections}",
        consequence="A peak of requests opens a connection for each, until the server refuses everybody.",
        evidence=(made_with(engine, _sizes(engine)), _limits(limit)),
        remedy=Remedy("Give create_engine a pool_size above 0 and a max_overflow of 0 or more."),
        location=engine.location,
    )


def _sizes(engine: Engine) -> str:
    return f"size {engine.pool.size}, overflow {engine.pool.max_overflow}, processes {engine.processes}"


def _limits(limit: Limit) -> Evidence:
    names = ", ".join(f"'{name}'" for name in ("max_connections", *RESERVED))
    return Evidence(
        "settings",
        f"SELECT name, setting FROM pg_settings WHERE name IN ({names});"
        " SELECT datconnlimit FROM pg_database WHERE datname = current_database(); SELECT rolconnlimit FROM pg_roles",
        limit.why,
    )


_CREATE = (
    "from sqlalchemy import create_engine\nengine = create_engine('postgresql+psycopg://app@db.example.org/app'{})"
)
_TWENTY = _CREATE.format(", pool_size=5, max_overflow=15")
_LIMITS = (
    setting("max_connections", "110"),
    setting("superuser_reserved_connections", "3"),
    setting("reserved_connections", "7"),
    database(connection_limit=-1),
)
_APP = roles(role("app"), role("other", connection_limit=1))

BAD = (
    Example(
        "six processes want 120 of 100",
        engine=_TWENTY,
        given=(*_LIMITS, given_engine(processes=6)),
        objects=("app.db:engine",),
        severity="high",
        says=("6 x 20 connections of app.db:engine are 120", "grants 100", "20 of them are refused", "to 16 together"),
    ),
    Example(
        "one process alone wants more than there is",
        engine=_CREATE.format(", pool_size=101, max_overflow=0"),
        given=_LIMITS,
        says=("1 x 101",),
    ),
    Example(
        "the database is limited further",
        engine=_TWENTY,
        given=(*_LIMITS, database(connection_limit=39), given_engine(processes=2)),
        says=("limited to 39",),
    ),
    Example(
        "the engine's role is limited further",
        engine=_TWENTY,
        given=(*_LIMITS, roles(role("app", connection_limit=30)), given_engine(processes=2), live()),
        says=("app limited to 30",),
    ),
    Example(
        "more processes than connections",
        engine=_TWENTY,
        given=(*_LIMITS, given_engine(processes=101)),
        says=("Run at most 100 processes",),
    ),
    Example(
        "a superuser gets the reserved ones, and no more than all",
        engine=_TWENTY,
        given=(*_LIMITS, given_engine(processes=6), live(superuser=True)),
        says=("grants 110",),
    ),
    Example("no limit of overflow", engine=_CREATE.format(", max_overflow=-1"), given=_LIMITS, severity="medium"),
    Example("no limit of size", engine=_CREATE.format(", pool_size=0"), given=_LIMITS, severity="medium"),
)
GOOD = (
    Example("five processes have just enough", engine=_TWENTY, given=(*_LIMITS, given_engine(processes=5))),
    Example("one process has enough, and nobody said how many there are", engine=_TWENTY, given=_LIMITS),
    Example("limits of other roles", engine=_TWENTY, given=(*_LIMITS, _APP, given_engine(processes=2), live())),
    Example(
        "a superuser is not limited by its role or the database",
        engine=_TWENTY,
        given=(
            *_LIMITS,
            roles(role("app", connection_limit=1)),
            database(connection_limit=1),
            given_engine(processes=5),
            live(superuser=True),
        ),
    ),
    Example(
        "a pooler in between makes them wait",
        engine=_TWENTY,
        given=(*_LIMITS, given_engine(processes=50), live(pooler=Pooler(shares=True, renames=True))),
    ),
    Example(
        "no pool, as behind a pooler or in a script",
        engine="from sqlalchemy import NullPool\n" + _CREATE.format(", poolclass=NullPool"),
        given=(*_LIMITS, given_engine(processes=500)),
    ),
    Example("a limit that is not known", engine=_TWENTY, given=(given_engine(processes=50), hidden("max_connections"))),
)
