"""Connections handed out without knowing whether they still live.

What it finds:
    An engine on a queue pool with neither pool_pre_ping nor pool_recycle, whose project does not listen to checkouts to
    try connections itself.

Why it matters:
    After a restart or failover of the server, and wherever a firewall or the server's idle_session_timeout has cut an
    idle connection, the pool hands out a dead one: the request fails with OperationalError, or hangs on a machine that
    is no longer there.

Evidence:
    The pool of the engine that --engine names, and idle_session_timeout on a connection of it.

Remedy:
    `create_engine(url, pool_pre_ping=True)`, which costs one round trip at each checkout, and a `pool_recycle` below
    the idle limit of what is in between. Nothing for Alembic.

When to ignore:
    An application that repeats a whole transaction after it lost its connection.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.model import Facts
from pgproof.rules.configuration._engine import engine_of, engine_ref, made_with, shown
from pgproof.rules.configuration._sessions import milliseconds
from pgproof.rules.finding import Finding, NotChecked, Remedy
from pgproof.rules.given_engine import live
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="CFG06", slug="stale-connections-reused", severity="medium", needs=("engine",))
_CUT = "idle_session_timeout"


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield the engine that tries no connection before it hands it out."""
    engine = engine_of(facts)
    pool = engine.pool
    if pool.kind != "queue" or pool.pre_ping or pool.recycle is not None or pool.checked:
        return
    cut = engine.live.setting(_CUT) if engine.live else None
    cuts = bool(milliseconds(cut))
    yield METADATA.finding(
        objects=(engine_ref(engine),),
        severity="high" if cuts else None,
        message=f"{engine.name} hands out connections that may be dead: no pool_pre_ping, no pool_recycle",
        consequence=(
            f"The server ends sessions that are idle for {cut}, and the next request that gets such a connection fails."
            if cuts
            else "After the server was restarted, or a firewall cut an idle connection, the requests that get such a"
            " connection fail."
        ),
        evidence=(made_with(engine, "pre-ping off, recycle never"), *shown(engine, _CUT)),
        remedy=Remedy("Give create_engine pool_pre_ping=True, and a pool_recycle below what cuts idle connections."),
        location=engine.location,
    )


_CREATE = (
    "from sqlalchemy import create_engine\nengine = create_engine('postgresql+psycopg://app@db.example.org/app'{})"
)
_LISTENER = """
from sqlalchemy import event, text
@event.listens_for(engine, {event!r})
def try_it(*arguments):
    pass
"""

BAD = (
    Example(
        "nothing is given",
        engine=_CREATE.format(""),
        objects=("app.db:engine",),
        severity="medium",
        says=("After the server was restarted",),
    ),
    Example(
        "the server ends idle sessions",
        engine=_CREATE.format(", pool_size=20"),
        given=(live(idle_session_timeout="10min"),),
        severity="high",
        says=("10min",),
    ),
    Example(
        "the server ends none", engine=_CREATE.format(""), given=(live(idle_session_timeout="0"),), severity="medium"
    ),
    Example(
        "a listener that only sets up new connections", engine=_CREATE.format("") + _LISTENER.format(event="connect")
    ),
)
GOOD = (
    Example("each connection is tried", engine=_CREATE.format(", pool_pre_ping=True")),
    Example("old ones are replaced", engine=_CREATE.format(", pool_recycle=1800")),
    Example("nothing is kept", engine="from sqlalchemy import NullPool\n" + _CREATE.format(", poolclass=NullPool")),
    Example("the project tries them at checkout", engine=_CREATE.format("") + _LISTENER.format(event="checkout")),
    Example(
        "the project tries them as SQLAlchemy's old recipe did",
        engine=_CREATE.format("") + _LISTENER.format(event="engine_connect"),
    ),
)
