"""Connections that do not say whose they are.

What it finds:
    An engine whose connections have an empty application_name, as one of them shows; without a connection, an engine
    that gives its driver none.

Why it matters:
    In pg_stat_activity, in the log (%a) and in the waits for locks, the web, the workers and a person's psql look the
    same. In an incident nobody knows which of them to end.

Evidence:
    application_name on a connection of the engine that --engine names, or what it tells its driver.

Remedy:
    `create_engine(url, connect_args={"application_name": "shop-web"})`; asyncpg:
    `{"server_settings": {"application_name": "shop-web"}}`. Another name in Alembic's env.py.

When to ignore:
    One application with a role of its own, and nobody else on the server.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.model import Facts
from pgproof.rules.configuration._engine import engine_of, engine_ref, made_with, shown
from pgproof.rules.finding import Finding, NotChecked, Remedy
from pgproof.rules.given_engine import engine as given_engine
from pgproof.rules.given_engine import live
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="CFG09", slug="anonymous-connections", severity="low", needs=("engine",))
_NAME = "application_name"


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield the engine whose connections have no name."""
    engine = engine_of(facts)
    if engine.live is not None:
        name = engine.live.setting(_NAME)
        seen = shown(engine, _NAME)
    elif engine.arguments is not None:
        argument = engine.argument(_NAME) or engine.argument(f"fallback_{_NAME}")
        name = argument.value if argument else None
        seen = (made_with(engine, f"no {_NAME} among what the driver is told"),)
    else:
        yield NotChecked("a connection of the engine", (engine_ref(engine),))
        return
    if name:
        return
    yield METADATA.finding(
        objects=(engine_ref(engine),),
        message=f"connections of {engine.name} have no application_name",
        consequence="In pg_stat_activity and in the log nobody can tell them from those of other programs.",
        evidence=seen,
        remedy=Remedy("Give each engine a name of its own in connect_args: application_name, such as shop-web."),
        location=engine.location,
    )


_CREATE = (
    "from sqlalchemy import create_engine\n"
    "engine = create_engine('postgresql+psycopg://app@db.example.org/app', connect_args={})"
)

BAD = (
    Example("nothing is given", engine=_CREATE.format({}), objects=("app.db:engine",)),
    Example("a connection shows none", engine=_CREATE.format({}), given=(live(),)),
    Example(
        "a name that does not arrive, as behind a pooler",
        engine=_CREATE.format({"application_name": "web"}),
        given=(live(),),
    ),
)
GOOD = (
    Example("the driver is told", engine=_CREATE.format({"application_name": "web"})),
    Example("the driver is told what to fall back to", engine=_CREATE.format({"fallback_application_name": "web"})),
    Example(
        "asyncpg is told",
        engine="from sqlalchemy.ext.asyncio import create_async_engine\n"
        "engine = create_async_engine('postgresql+asyncpg://db.example.org/app',"
        " connect_args={'server_settings': {'application_name': 'web'}})",
    ),
    Example("the role's own setting names them", engine=_CREATE.format({}), given=(live(application_name="web"),)),
    Example("nobody knows", engine=_CREATE.format({}), given=(given_engine(arguments=None),)),
)
