"""Nearly every connection that the server allows is in use.

What it finds:
    Connections at 80 % or more of those an ordinary role may open: max_connections less
    superuser_reserved_connections and, from PostgreSQL 16, reserved_connections.

Why it matters:
    The next one is refused with "sorry, too many clients already": in the application, in the job that should have
    repaired it, and in the monitoring.

Evidence:
    Client sessions in pg_stat_activity, of every database, against the settings.

Remedy:
    Smaller pools, or a pooler in front (PgBouncer); in SQLAlchemy `create_engine(pool_size=..., max_overflow=...)`
    times the number of processes has to fit. A larger max_connections needs a restart and memory. Nothing for Alembic.

When to ignore:
    A pool of fixed size that fills the server on purpose, with nobody else on it.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.model import Facts
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, NotChecked, ObjectRef, Remedy
from pgproof.rules.given_access import without_settings
from pgproof.rules.operations._counters import number
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(
    code="OPS12", slug="connections-near-limit", severity="medium", needs=("statistics",), server_wide=True
)

NEAR = 0.8
"""One more process of an application opens a pool of five to fifteen connections at once."""
NEXT = 0.95
"""The next process that starts is the one that fails."""
_RESERVED = ("superuser_reserved_connections", "reserved_connections")


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield the server whose connections are nearly used up."""
    activity, allowed = facts.server.activity, number(facts, "max_connections")
    if activity is None or allowed is None or not facts.rights.read_all_stats:
        yield NotChecked("pg_read_all_stats: sessions of other roles are hidden")
        return
    usable = allowed - sum(number(facts, name) or 0 for name in _RESERVED)
    if activity.connections < NEAR * usable:
        return
    yield METADATA.finding(
        objects=(ObjectRef("setting", None, "max_connections"),),
        message=f"{activity.connections:,} of {usable:,} connections are in use",
        consequence=f"{max(usable - activity.connections, 0):,} more can be opened; whoever comes after is refused.",
        severity="high" if activity.connections >= NEXT * usable else None,
        evidence=(
            Evidence(
                "statistics",
                "SELECT count(*), current_setting('max_connections'),"
                " current_setting('superuser_reserved_connections'), current_setting('reserved_connections', true)"
                " FROM pg_stat_activity WHERE backend_type = 'client backend'",
                f"{activity.connections} of {allowed}, {allowed - usable} of them reserved",
            ),
        ),
        remedy=Remedy("Make the pools smaller or put a pooler in front; raise max_connections only if memory allows."),
    )


def _limits(reserved_connections: str = "0") -> tuple[given.Given, ...]:
    return (
        given.setting("max_connections", "103"),
        given.setting("superuser_reserved_connections", "3"),
        given.setting("reserved_connections", reserved_connections),
    )


BAD = (
    Example(
        "80 of the 100 that are not reserved",
        given=(*_limits(), given.activity(connections=80)),
        objects=("max_connections",),
        severity="medium",
    ),
    Example("94 of 100", given=(*_limits(), given.activity(connections=94)), severity="medium"),
    Example("95 of 100", given=(*_limits(), given.activity(connections=95)), severity="high"),
    Example(
        "a version that reserves for superusers alone",
        given=(*_limits(), without_settings("reserved_connections"), given.activity(connections=80)),
        says=("80 of 100 connections",),
    ),
    Example(
        "reserved ones of PostgreSQL 16 count",
        given=(*_limits("50"), given.activity(connections=40)),
        objects=("max_connections",),
    ),
    Example("more than all", given=(*_limits(), given.activity(connections=102)), objects=("max_connections",)),
)
GOOD = (
    Example("79 of 100", given=(*_limits(), given.activity(connections=79))),
    Example(
        "a role that sees its own alone",
        given=(*_limits(), given.activity(connections=99), given.rights(read_all_stats=False)),
    ),
    Example("counters that could not be read", given=(*_limits(), given.server(activity=None))),
    Example(
        "a limit that is not known",
        given=(*_limits(), without_settings("max_connections"), given.activity(connections=99)),
    ),
    Example("nobody but us", given=(*_limits(), given.activity(connections=1))),
)
