"""Waits for locks that nothing limits.

What it finds:
    Roles that can log in and whose sessions in this database have lock_timeout 0 and no statement_timeout of at most
    10 s, which would end the wait as well, as would asyncpg's command_timeout. Settings of the server, the database and
    the roles are laid over each other; the roles are those of no-statement-timeout, with what a connection of --engine
    shows.

Why it matters:
    Who waits for a lock stands in a queue, and everybody who comes later waits behind: one ALTER TABLE behind one
    forgotten transaction stops every reader of the table, and each of them holds a connection of the pool.

Evidence:
    pg_settings and pg_db_role_setting.

Remedy:
    `op.execute("ALTER DATABASE app SET lock_timeout = '5s'")`, or ALTER ROLE for the application's role alone. What
    builds an index concurrently must `SET lock_timeout = 0` first: a build that gives up leaves an invalid index.

When to ignore:
    An application whose transactions are meant to wait for each other longer.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.model import Facts
from pgproof.rules.configuration._sessions import (
    Timeout,
    application_roles,
    driver_limit,
    is_limited,
    milliseconds,
    missing_timeout,
    of_role,
    statement_limited,
)
from pgproof.rules.finding import Finding, NotChecked
from pgproof.rules.given import setting
from pgproof.rules.given_access import hidden, role, role_setting, roles
from pgproof.rules.given_engine import live
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="CFG04", slug="no-lock-timeout", severity="medium", needs=("settings",))
SETTING = "lock_timeout"
PROPOSED = "5s"
LONGEST_WAIT = 10_000
"""Milliseconds: about what a person waits for a page before turning away (Nielsen, Usability Engineering, 1993)."""


_STATEMENT = "statement_timeout"
_TIMEOUT = Timeout(
    SETTING,
    PROPOSED,
    (_STATEMENT,),
    "a statement waits for a lock as long as it may run",
    "scripts that build indexes concurrently set it to 0 first",
)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield one finding about the roles whose waits nothing ends soon."""
    bounded = all(statement_limited(facts, role.name) for role in application_roles(facts))
    yield from missing_timeout(
        facts,
        METADATA,
        _TIMEOUT,
        lambda role: _ends_soon(facts, role),
        "Everybody who comes later waits behind it, each with a connection of the pool.",
        "low" if bounded else METADATA.severity,
    )


def _ends_soon(facts: Facts, role_name: str) -> bool | None:
    ends = (milliseconds(of_role(facts, _STATEMENT, role_name)), driver_limit(facts, role_name))
    if any(each and each <= LONGEST_WAIT for each in ends):
        return True
    return is_limited(facts, role_name, SETTING)


_APP = roles(role("app"), role("postgres", superuser=True))
_OFF = setting(SETTING, "0", "default")
_ENGINE = "from sqlalchemy import create_engine\nengine = create_engine('postgresql+psycopg://app@db.example.org/app')"
_NO_STATEMENT_TIMEOUT = setting("statement_timeout", "0", "default")

_ASYNC = (
    "from sqlalchemy.ext.asyncio import create_async_engine\n"
    "engine = create_async_engine('postgresql+asyncpg://app@db.example.org/app',"
    " connect_args={{'command_timeout': {}}})"
)

BAD = (
    Example(
        "asyncpg's limit of a statement ends the wait late",
        engine=_ASYNC.format(10.1),
        given=(_APP, _OFF, _NO_STATEMENT_TIMEOUT, live()),
        severity="low",
    ),
    Example(
        "nothing is set anywhere", given=(_APP, _OFF, _NO_STATEMENT_TIMEOUT), objects=(SETTING,), severity="medium"
    ),
    Example(
        "a long statement timeout ends the wait late",
        given=(_APP, _OFF, setting("statement_timeout", "10001")),
        severity="low",
    ),
    Example(
        "a long statement timeout ends the waits of one role",
        given=(
            roles(role("app"), role("jobs")),
            _OFF,
            _NO_STATEMENT_TIMEOUT,
            role_setting("statement_timeout", "1min", role="app"),
        ),
        severity="medium",
    ),
    Example(
        "the only role of an application was freed",
        given=(_APP, _NO_STATEMENT_TIMEOUT, setting(SETTING, "5000"), role_setting(SETTING, "0", role="app")),
    ),
    Example(
        "one role is limited and another is not",
        given=(roles(role("app"), role("jobs")), _OFF, _NO_STATEMENT_TIMEOUT, role_setting(SETTING, "5s", role="app")),
    ),
)
GOOD = (
    Example(
        "asyncpg's short limit of a statement ends the wait",
        engine=_ASYNC.format(10),
        given=(_APP, _OFF, _NO_STATEMENT_TIMEOUT, live()),
    ),
    Example(
        "the engine limits its own",
        engine=_ENGINE,
        given=(_APP, _OFF, _NO_STATEMENT_TIMEOUT, live(lock_timeout="5s")),
    ),
    Example(
        "the engine's short statement timeout ends the wait",
        engine=_ENGINE,
        given=(_APP, _OFF, _NO_STATEMENT_TIMEOUT, live(statement_timeout="10s")),
    ),
    Example("the server limits everybody", given=(_APP, _NO_STATEMENT_TIMEOUT, setting(SETTING, "5000"))),
    Example("the role is limited", given=(_APP, _OFF, _NO_STATEMENT_TIMEOUT, role_setting(SETTING, "1s", role="app"))),
    Example("a short statement timeout ends the wait", given=(_APP, _OFF, setting("statement_timeout", "10000"))),
    Example(
        "a role for migrations was freed, as concurrent builds need",
        given=(
            roles(role("app"), role("migrations")),
            _NO_STATEMENT_TIMEOUT,
            setting(SETTING, "5000"),
            role_setting(SETTING, "0", role="migrations"),
        ),
    ),
    Example(
        "what the auditing role has of its own hides what others have",
        given=(_APP, _OFF, _NO_STATEMENT_TIMEOUT, hidden(SETTING)),
    ),
)
