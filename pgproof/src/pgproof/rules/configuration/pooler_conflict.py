"""Prepared statements behind a pooler that does not know of them.

What it finds:
    An engine whose driver prepares statements under names, and whose connections lead through a pooler that gives two
    clients the same server connection and leaves these names alone. All of it is tried: the server process that the
    pooler named at connect is not the one that answers, a second connection gets the process of the first, and a
    statement prepared under a new name appears under that name at the server (it is removed at once). Settings that a
    session keeps cannot be proven to be lost, so nothing is said of them.

Why it matters:
    A statement that is prepared in one transaction is not there in the next, which has another server connection, or is
    there already, from another client: "prepared statement ... does not exist", or "already exists", at random and more
    often the more load there is.

Evidence:
    Two connections of the engine that --engine names, and one prepared statement.

Remedy:
    psycopg: `create_engine(url, connect_args={"prepare_threshold": None})`; asyncpg: `prepared_statement_cache_size=0`
    and a `prepared_statement_name_func` with unique names, on a NullPool (SQLAlchemy, asyncpg with PgBouncer). Or
    PgBouncer 1.21 with max_prepared_statements. Alembic and workers go to the server itself.

When to ignore:
    Never: where nothing has failed yet, no statement was sent often enough.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.engine import Pooler
from pgproof.facts.model import Facts
from pgproof.rules.configuration._engine import engine_of, engine_ref
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy
from pgproof.rules.given_engine import engine as given_engine
from pgproof.rules.given_engine import live, not_connected
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="CFG12", slug="pooler-conflict", severity="high", needs=("engine",))
_REMEDIES = {
    "psycopg": 'connect_args={"prepare_threshold": None}',
    "asyncpg": "prepared_statement_cache_size=0 and a prepared_statement_name_func with unique names, on a NullPool",
}


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield the engine whose prepared statements a pooler mixes up."""
    engine = engine_of(facts)
    if engine.driver not in _REMEDIES or not engine.prepares:
        return
    if engine.live is None:
        yield NotChecked("a connection of the engine, to see what is in between", (engine_ref(engine),))
        return
    pooler = engine.live.pooler
    if pooler is None:
        return
    if pooler.shares is None:
        yield NotChecked(
            "a pool of at least two connections, to see whether a pooler shares them", (engine_ref(engine),)
        )
        return
    if not pooler.shares or pooler.renames:
        return
    yield METADATA.finding(
        objects=(engine_ref(engine),),
        confidence="measured",
        message=f"{engine.driver} prepares statements of {engine.name}, and the pooler in between gives their server"
        " connection to others",
        consequence='Statements fail at random with "prepared statement does not exist" or "already exists", the more'
        " often the more load there is.",
        evidence=(
            Evidence(
                "engine",
                f"SELECT pg_backend_pid() -- on two open connections of {engine.name}, one after the other",
                "the same server process, which is not the one that was named at connect",
            ),
            Evidence(
                "engine",
                "SELECT name FROM pg_prepared_statements -- after one was prepared under a name of ours",
                "that name: the pooler does not follow prepared statements",
            ),
        ),
        remedy=Remedy(
            f"Give create_engine {_REMEDIES[engine.driver]}, or let PgBouncer 1.21 or newer follow them"
            " (max_prepared_statements)."
        ),
        location=engine.location,
    )


_CREATE = (
    "from sqlalchemy import create_engine\n"
    "engine = create_engine('postgresql+{}://app@db.example.org/app', connect_args={})"
)
_ASYNC = (
    "from sqlalchemy.ext.asyncio import create_async_engine\n"
    "engine = create_async_engine('postgresql+asyncpg://app@db.example.org/app', connect_args={})"
)
_SHARED = live(pooler=Pooler(shares=True, renames=False))
_OWN_NAMES = "dict(prepared_statement_name_func=lambda: 'x', prepared_statement_cache_size={})"

BAD = (
    Example(
        "psycopg as it is",
        engine=_CREATE.format("psycopg", {}),
        given=(_SHARED,),
        objects=("app.db:engine",),
        says=("prepare_threshold",),
    ),
    Example(
        "asyncpg without a cache of its own",
        engine=_ASYNC.format({"statement_cache_size": 0}),
        given=(_SHARED,),
        says=("prepared_statement_name_func",),
    ),
    Example(
        "asyncpg with names of its own and SQLAlchemy's cache",
        engine=_ASYNC.format(_OWN_NAMES.format(100)),
        given=(_SHARED,),
    ),
)
GOOD = (
    Example(
        "psycopg prepares nothing", engine=_CREATE.format("psycopg", {"prepare_threshold": None}), given=(_SHARED,)
    ),
    Example("asyncpg with unique names and no cache", engine=_ASYNC.format(_OWN_NAMES.format(0)), given=(_SHARED,)),
    Example("a driver that prepares nothing", engine=_CREATE.format("psycopg2", {}), given=(_SHARED,)),
    Example("no pooler", engine=_CREATE.format("psycopg", {}), given=(live(),)),
    Example(
        "a pooler that gives each client a connection of its own",
        engine=_CREATE.format("psycopg", {}),
        given=(live(pooler=Pooler(shares=False, renames=False)),),
    ),
    Example(
        "a pooler that follows prepared statements",
        engine=_CREATE.format("psycopg", {}),
        given=(live(pooler=Pooler(shares=True, renames=True)),),
    ),
    Example(
        "a pool of one connection",
        engine=_CREATE.format("psycopg", {}),
        given=(live(pooler=Pooler(shares=None, renames=False)),),
    ),
    Example("no connection", engine=_CREATE.format("psycopg", {}), given=(not_connected("it cannot connect"),)),
    Example(
        "a driver that nobody here knows",
        engine=_CREATE.format("psycopg", {}),
        given=(given_engine(driver="other"), _SHARED),
    ),
)
