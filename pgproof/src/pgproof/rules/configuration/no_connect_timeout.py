"""Connections that wait for a machine that does not answer.

What it finds:
    An engine whose driver has no time limit to connect, or nothing that notices a server that vanished while a
    statement runs: for libpq's drivers connect_timeout and keepalives_idle, for asyncpg command_timeout (it gives up
    connecting after 60 s by itself), for pg8000 timeout.

Why it matters:
    A machine that lost its power or its network sends no word. Connecting to it waits as long as TCP tries, about two
    minutes on Linux (tcp(7), tcp_syn_retries), with a worker and a place in the pool held; a statement that was running
    waits for its answer until TCP's keepalive asks, after two hours (tcp_keepalive_time). No timeout of the server
    helps, since it is gone.

Evidence:
    What the engine that --engine names tells its driver, and for psycopg what libpq was told by the environment.

Remedy:
    `create_engine(url, connect_args={"connect_timeout": 5, "keepalives_idle": 30, "keepalives_interval": 10,
    "keepalives_count": 3})`; asyncpg: `{"timeout": 5, "command_timeout": 60}`. The same in Alembic's env.py.

When to ignore:
    A server on the same machine, for good: of a socket and a loopback address it is reported as low.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pgproof.facts.engine import Engine
from pgproof.facts.model import Facts
from pgproof.rules.configuration._engine import engine_of, engine_ref, made_with
from pgproof.rules.finding import Finding, NotChecked, Remedy
from pgproof.rules.given_engine import engine as given_engine
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="CFG07", slug="no-connect-timeout", severity="medium", needs=("engine",))
_CONNECT = {"psycopg": "connect_timeout", "psycopg2": "connect_timeout", "pg8000": "timeout"}
_ANSWER = {
    "psycopg": "keepalives_idle",
    "psycopg2": "keepalives_idle",
    "asyncpg": "command_timeout",
    "pg8000": "timeout",
}
"""What each driver calls the limit that ends the wait for a connection, and for an answer of a vanished server."""
_NONE = (None, "0", "None")
"""What stands for no limit."""
_WAITS_TO_CONNECT = "Connecting to a machine that does not answer waits about two minutes on Linux."
_WAITS_FOR_ANSWER = "A statement whose server vanished waits two hours or more for its answer."


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield the engine whose driver waits for machines that are gone."""
    engine = engine_of(facts)
    if engine.driver not in _ANSWER:
        return
    if engine.arguments is None:
        yield NotChecked("an engine without a function of the project that connects", (engine_ref(engine),))
        return
    told = {argument.name: argument.value for argument in engine.arguments}
    connects = engine.driver not in _CONNECT or told.get(_CONNECT[engine.driver]) not in _NONE
    answers = told.get(_ANSWER[engine.driver]) not in _NONE and told.get("keepalives") != "0"
    if connects and answers:
        return
    # pg8000 has one name for both.
    lacking = tuple(dict.fromkeys((*_named(_CONNECT, engine, connects), *_named(_ANSWER, engine, answers))))
    waits = (*(() if connects else (_WAITS_TO_CONNECT,)), *(() if answers else (_WAITS_FOR_ANSWER,)))
    yield METADATA.finding(
        objects=(engine_ref(engine),),
        severity="low" if engine.local else None,
        message=f"{engine.name} gives {engine.driver} no {' and no '.join(lacking)}",
        consequence=" ".join(waits),
        evidence=(made_with(engine, f"connect arguments beside the target: {sorted(told)}"),),
        remedy=Remedy(f"Give create_engine connect_args with {' and '.join(lacking)}, in seconds."),
        location=engine.location,
    )


def _named(names: Mapping[str, str], engine: Engine, given: bool) -> tuple[str, ...]:
    return () if given else (names[engine.driver],)


_ELSEWHERE = given_engine(local=False)
_CREATE = (
    "from sqlalchemy import create_engine\n"
    "engine = create_engine('postgresql+{}://app@db.example.org/app', connect_args={})"
)
_ASYNC = (
    "from sqlalchemy.ext.asyncio import create_async_engine\n"
    "engine = create_async_engine('postgresql+asyncpg://app@db.example.org/app', connect_args={})"
)

BAD = (
    Example(
        "nothing is given",
        engine=_CREATE.format("psycopg", {}),
        given=(_ELSEWHERE,),
        objects=("app.db:engine",),
        severity="medium",
        says=("no connect_timeout and no keepalives_idle", "two minutes", "two hours"),
    ),
    Example("a socket", engine=_CREATE.format("psycopg2", {}), given=(given_engine(local=True),), severity="low"),
    Example(
        "no keepalives",
        engine=_CREATE.format("psycopg", {"connect_timeout": 5}),
        given=(_ELSEWHERE,),
        says=(f"gives psycopg no keepalives_idle {_WAITS_FOR_ANSWER} Give",),
    ),
    Example(
        "keepalives switched off",
        engine=_CREATE.format("psycopg", {"connect_timeout": 5, "keepalives": 0, "keepalives_idle": 30}),
        says=("gives psycopg no keepalives_idle",),
    ),
    Example(
        "a connect timeout of 0, which is none",
        engine=_CREATE.format("psycopg", {"connect_timeout": 0, "keepalives_idle": 30}),
        says=(f"gives psycopg no connect_timeout {_WAITS_TO_CONNECT} Give",),
    ),
    Example("asyncpg without a limit for answers", engine=_ASYNC.format({"timeout": 5}), says=("no command_timeout",)),
    Example(
        "pg8000 has one limit for both",
        engine=_CREATE.format("pg8000", {"timeout": None}),
        says=("gives pg8000 no timeout",),
    ),
)
GOOD = (
    Example("both are given", engine=_CREATE.format("psycopg", {"connect_timeout": 5, "keepalives_idle": 30})),
    Example(
        "both are given, and keepalives are on",
        engine=_CREATE.format("psycopg2", {"connect_timeout": 5, "keepalives": 1, "keepalives_idle": 30}),
    ),
    Example(
        "both are in the URL",
        engine="from sqlalchemy import create_engine\n"
        "engine = create_engine('postgresql+psycopg://db.example.org/app?connect_timeout=5&keepalives_idle=30')",
    ),
    Example("asyncpg connects with a limit of its own", engine=_ASYNC.format({"command_timeout": 60})),
    Example("pg8000 with a limit", engine=_CREATE.format("pg8000", {"timeout": 5})),
    Example(
        "a driver that nobody here knows", engine=_CREATE.format("psycopg", {}), given=(given_engine(driver="other"),)
    ),
    Example(
        "a function of the project connects",
        engine=_CREATE.format("psycopg", {}),
        given=(given_engine(arguments=None),),
    ),
)
