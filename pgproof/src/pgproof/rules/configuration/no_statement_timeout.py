"""Statements that nothing limits in time.

What it finds:
    Roles that can log in and whose sessions in this database have statement_timeout 0, after the settings of the
    server, of the database and of the roles are laid over each other as PostgreSQL does. Superusers, replication and
    monitoring roles are left out where others can log in. A role that ALTER ROLE freed on purpose is left out where
    other roles are limited. Where --engine is given, what a connection of it shows is what its role has, and asyncpg's
    command_timeout limits it as well, since that cancels the statement on the server.

Why it matters:
    A query that never ends keeps its connection, its locks and the oldest snapshot, so that VACUUM removes nothing
    that is newer. One such query for each connection of the pool stops the application.

Evidence:
    pg_settings and pg_db_role_setting; pg_stat_statements for the longest statement seen.

Remedy:
    `op.execute("ALTER DATABASE app SET statement_timeout = '30s'")`, or for the application's role alone ALTER ROLE, or
    `create_engine(url, connect_args={"options": "-c statement_timeout=30s"})`. Jobs that may take longer say so with
    `SET LOCAL statement_timeout`; pg_dump does by itself.

When to ignore:
    A database that only runs reports or loads, whose statements somebody watches.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.model import Facts
from pgproof.rules.configuration._sessions import Timeout, missing_timeout, statement_limited
from pgproof.rules.configuration._words import longest_statement
from pgproof.rules.finding import Finding, NotChecked
from pgproof.rules.given import setting, workload
from pgproof.rules.given_access import hidden, role, role_setting, roles
from pgproof.rules.given_engine import live
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="CFG03", slug="no-statement-timeout", severity="medium", needs=("settings",))
SETTING = "statement_timeout"
PROPOSED = "30s"
"""What load balancers and gateways give a request before they answer without it (30 to 60 s)."""


_TIMEOUT = Timeout(
    SETTING, PROPOSED, (), "a statement may run for ever", "jobs that may take longer say so with SET LOCAL"
)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield one finding about the roles whose statements nothing limits."""
    yield from missing_timeout(
        facts,
        METADATA,
        _TIMEOUT,
        lambda role: statement_limited(facts, role),
        "A query that does not end keeps its connection, its locks and the oldest snapshot until somebody ends it."
        + longest_statement(facts),
        METADATA.severity,
    )


_APP = roles(role("app"), role("postgres", superuser=True))
_OFF = setting(SETTING, "0", "default")
_ENGINE = "from sqlalchemy import create_engine\nengine = create_engine('postgresql+psycopg://app@db.example.org/app')"

_ASYNC = (
    "from sqlalchemy.ext.asyncio import create_async_engine\n"
    "engine = create_async_engine('postgresql+asyncpg://app@db.example.org/app', connect_args={{'{}': {}}})"
)

BAD = (
    Example(
        "asyncpg limits another role's statements",
        engine=_ASYNC.format("command_timeout", 10),
        given=(roles(role("app"), role("reports")), _OFF, live(role="app")),
        severity="low",
        says=("is 0 for reports (app covered)",),
    ),
    Example(
        "asyncpg limits how long it takes to connect, and nothing after that",
        engine=_ASYNC.format("timeout", 10),
        given=(_APP, _OFF, live()),
    ),
    Example(
        "what asyncpg calls its limit is none of another driver's",
        engine=_ENGINE.replace("app')", "app', connect_args={'command_timeout': 10})"),
        given=(_APP, _OFF, live()),
    ),
    Example(
        "nothing is set anywhere",
        given=(_APP, _OFF),
        objects=(SETTING,),
        severity="medium",
        says=("is 0 for app: a statement",),
    ),
    Example("an administrator alone can log in", given=(roles(role("postgres", superuser=True)), _OFF)),
    Example("another role is limited", given=(_APP, _OFF, role_setting(SETTING, "5s", role="reports"))),
    Example("another setting limits nothing", given=(_APP, _OFF, role_setting("lock_timeout", "5s"))),
    Example(
        "the database sets 0 over a limit of the server",
        given=(_APP, setting(SETTING, "5000")),
        sql=f"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET {SETTING} = 0', current_database()); END $$",
        alone=True,
    ),
    Example(
        "the only role of an application was freed",
        given=(_APP, setting(SETTING, "5000"), role_setting(SETTING, "0", role="app")),
        says=("ALTER ROLE set it to 0 for app, which comes first.",),
    ),
    Example(
        "one role is limited and another is not",
        given=(roles(role("app"), role("reports")), _OFF, role_setting(SETTING, "5s", role="app")),
        severity="low",
        says=("is 0 for reports (app covered): a statement",),
    ),
    Example(
        "the engine sets 0 over the server's limit",
        engine=_ENGINE,
        given=(_APP, setting(SETTING, "5000"), live(statement_timeout="0")),
        severity="medium",
        says=("as a connection of app.db:engine shows for app", "The engine sets it to 0 for app"),
    ),
    Example(
        "a connection shows what ALTER ROLE freed, beside others that are limited",
        engine=_ENGINE,
        given=(
            roles(role("app"), role("jobs")),
            setting(SETTING, "5000"),
            role_setting(SETTING, "0", role="app"),
            live(statement_timeout="0"),
        ),
        severity="low",
        says=("ALTER ROLE set it to 0 for app", "jobs covered"),
    ),
    Example(
        "the engine signs in with an administrator, whom nothing limits",
        engine=_ENGINE,
        given=(_APP, _OFF, role_setting(SETTING, "5s", role="app"), live(role="postgres", superuser=True)),
        severity="low",
        says=("0 for postgres",),
    ),
    Example(
        "the engine's limit is not that of another role",
        engine=_ENGINE,
        given=(roles(role("app"), role("reports")), _OFF, live(statement_timeout="30s")),
        severity="low",
        says=("0 for reports (app covered)",),
    ),
    Example(
        "an engine that could not connect",
        engine=_ENGINE,
        given=(_APP, _OFF),
    ),
    Example(
        "a slow statement was seen",
        given=(_APP, _OFF, workload(("SELECT count(*) FROM jobs", 3, 20_000.0))),
        says=("took 60.0 s.",),
    ),
)
GOOD = (
    Example(
        "asyncpg cancels what runs too long",
        engine=_ASYNC.format("command_timeout", 10.5),
        given=(_APP, _OFF, live(statement_timeout="0")),
    ),
    Example("the engine limits its own", engine=_ENGINE, given=(_APP, _OFF, live(statement_timeout="30s"))),
    Example(
        "the engine limits an administrator, who is all that it could sign in with",
        engine=_ENGINE,
        given=(
            roles(role("postgres", superuser=True)),
            _OFF,
            live(role="postgres", superuser=True, statement_timeout="30s"),
        ),
    ),
    Example(
        "the engine's own limit is seen where the server's is hidden",
        engine=_ENGINE,
        given=(_APP, hidden(SETTING), live(statement_timeout="30s")),
    ),
    Example("the server limits everybody", given=(_APP, setting(SETTING, "30000"))),
    Example("the database limits everybody", given=(_APP, _OFF, role_setting(SETTING, "1min", here=True))),
    Example("every role is limited", given=(_APP, _OFF, role_setting(SETTING, "500", role=None))),
    Example("the role is limited", given=(_APP, _OFF, role_setting(SETTING, "5 s", role="app"))),
    Example(
        "the role is limited in this database", given=(_APP, _OFF, role_setting(SETTING, "5s", role="app", here=True))
    ),
    Example(
        "the role's own limit comes before the database's 0",
        given=(_APP, _OFF, role_setting(SETTING, "0", here=True), role_setting(SETTING, "5s", role="app")),
    ),
    Example(
        "the role's limit in this database comes before its 0 in others",
        given=(
            _APP,
            _OFF,
            role_setting(SETTING, "0", role="app"),
            role_setting(SETTING, "5s", role="app", here=True),
        ),
    ),
    Example(
        "the database's limit comes before every role's 0",
        given=(_APP, _OFF, role_setting(SETTING, "0"), role_setting(SETTING, "5s", here=True)),
    ),
    Example(
        "a role for migrations was freed on purpose",
        given=(
            roles(role("app"), role("migrations")),
            setting(SETTING, "30000"),
            role_setting(SETTING, "0", role="migrations"),
        ),
    ),
    Example(
        "replication, monitoring and roles that cannot log in have no statements of an application",
        given=(
            roles(
                role("app"),
                role("standby", replication=True),
                role("watch", member_of=("pg_monitor",)),
                role("owner", login=False),
                role("postgres", superuser=True),
            ),
            _OFF,
            role_setting(SETTING, "5s", role="app"),
        ),
    ),
    Example(
        "what the auditing role has of its own hides what others have",
        given=(_APP, _OFF, hidden(SETTING)),
    ),
)
