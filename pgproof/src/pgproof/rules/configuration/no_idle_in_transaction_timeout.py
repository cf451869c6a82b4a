"""Transactions that may stay open and idle for ever.

What it finds:
    Roles that can log in and whose sessions in this database have neither idle_in_transaction_session_timeout nor, from
    PostgreSQL 17 on, transaction_timeout. Settings of the server, the database and the roles are laid over each other;
    the roles are those of no-statement-timeout, with what a connection of --engine shows.

Why it matters:
    A request that calls another service, or a worker that died, inside a transaction keeps its locks and its snapshot:
    writers wait, and VACUUM removes no row version that is newer, so that tables grow.

Evidence:
    pg_settings and pg_db_role_setting; pg_stat_activity for the longest one open now.

Remedy:
    `op.execute("ALTER DATABASE app SET idle_in_transaction_session_timeout = '60s'")`, or ALTER ROLE for the
    application's role; SQLAlchemy's pool replaces a connection that the server ended.

When to ignore:
    Tools in which people keep a transaction open while they think.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pgproof.facts.model import Facts
from pgproof.facts.server_state import Session
from pgproof.rules.configuration._sessions import Timeout, is_limited, missing_timeout
from pgproof.rules.configuration._words import idle_now
from pgproof.rules.finding import Finding, NotChecked
from pgproof.rules.given import server, setting
from pgproof.rules.given_access import hidden, role, role_setting, roles, without_settings
from pgproof.rules.given_engine import live
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="CFG05", slug="no-idle-in-transaction-timeout", severity="medium", needs=("settings",))
SETTING = "idle_in_transaction_session_timeout"
WHOLE_TRANSACTION = "transaction_timeout"
PROPOSED = "60s"
"""Far more than code needs between two statements of one request, far less than VACUUM needs to fall behind."""


_TIMEOUT = Timeout(
    SETTING,
    PROPOSED,
    (WHOLE_TRANSACTION,),
    "a transaction may stay open and idle for ever",
    "SQLAlchemy's pool replaces a connection that the server ended",
)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield one finding about the roles whose idle transactions nothing ends."""
    yield from missing_timeout(
        facts,
        METADATA,
        _TIMEOUT,
        lambda role: is_limited(facts, role, SETTING, WHOLE_TRANSACTION),
        "It keeps its locks, and VACUUM removes nothing that it might still see, so that tables grow."
        + idle_now(facts),
        METADATA.severity,
    )


_APP = roles(role("app"), role("postgres", superuser=True))
_OFF = setting(SETTING, "0", "default")
_ENGINE = "from sqlalchemy import create_engine\nengine = create_engine('postgresql+psycopg://app@db.example.org/app')"
_IDLE = Session(1, "app", "web", "idle in transaction", "Client", 700.0, 600.0, 600.0, ())

BAD = (
    Example("nothing is set anywhere", given=(_APP, _OFF), objects=(SETTING,), severity="medium"),
    Example("a version without transaction_timeout", given=(_APP, _OFF, without_settings(WHOLE_TRANSACTION))),
    Example(
        "sessions are idle in transactions now",
        given=(
            _APP,
            _OFF,
            server(sessions=(_IDLE, replace(_IDLE, state="active"), replace(_IDLE, state_seconds=None))),
        ),
        says=("One has been idle in its transaction for 600 s now.",),
    ),
    Example("a session that the role may not see", given=(_APP, _OFF, server(sessions=(replace(_IDLE, state=None),)))),
    Example(
        "the only role of an application was freed",
        given=(_APP, setting(SETTING, "5000"), role_setting(SETTING, "0", role="app")),
    ),
    Example(
        "one role is limited and another is not",
        given=(roles(role("app"), role("jobs")), _OFF, role_setting(SETTING, "5s", role="app")),
        severity="low",
    ),
)
GOOD = (
    Example(
        "the engine limits its own",
        engine=_ENGINE,
        given=(_APP, _OFF, live(idle_in_transaction_session_timeout="1min")),
    ),
    Example("the server limits everybody", given=(_APP, setting(SETTING, "60000"))),
    Example("the database limits everybody", given=(_APP, _OFF, role_setting(SETTING, "2min", here=True))),
    Example("whole transactions are limited", given=(_APP, _OFF, setting(WHOLE_TRANSACTION, "60000"))),
    Example(
        "a person's role was freed on purpose",
        given=(
            roles(role("app"), role("analyst")),
            setting(SETTING, "60000"),
            role_setting(SETTING, "0", role="analyst"),
        ),
    ),
    Example(
        "what the auditing role has of its own hides what others have",
        given=(_APP, _OFF, hidden(SETTING)),
    ),
)
