"""Checkpoints come because the log is full, not because their time has come.

What it finds:
    A server on which more checkpoints were requested than came by time, over at least a day of counting and at least
    fifty of them.

Why it matters:
    A timed checkpoint spreads its writes over minutes; a requested one comes again before the last has paid off. After
    each, the first change of every page is logged as the whole page, so more WAL is written, which brings on the next.

Evidence:
    The checkpoints timed and requested that pg_stat_bgwriter counted, from PostgreSQL 17 pg_stat_checkpointer.

Remedy:
    Raise max_wal_size until most checkpoints are timed (ALTER SYSTEM and a reload; no restart), as long as the disk
    and the time of a recovery allow. It is a setting of the server: nothing for SQLAlchemy or Alembic.

When to ignore:
    A day of loading, or a job that calls CHECKPOINT itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from pgproof.facts.model import Facts
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, NotChecked, ObjectRef, Remedy
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(
    code="OPS10", slug="checkpoints-too-frequent", severity="medium", needs=("statistics",), server_wide=True
)

LEAST_COUNTED = timedelta(days=1)
"""A day and a night: a load of an hour looks otherwise."""
LEAST_REQUESTED = 50
"""Backups, CREATE DATABASE and restarts request some, too."""
FROM_17 = 170_000


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield the server on which most checkpoints are requested."""
    activity = facts.server.activity
    if facts.database.in_recovery or activity is None or activity.checkpoints_since is None:
        yield NotChecked("the primary's counters of checkpoints")
        return
    counted = facts.database.taken_at - activity.checkpoints_since
    if counted < LEAST_COUNTED:
        yield NotChecked("counters of checkpoints that are a day old")
        return
    requested, timed = activity.checkpoints_requested, activity.checkpoints_timed
    if requested < LEAST_REQUESTED or requested <= timed:
        return
    every = counted / (requested + timed) / timedelta(minutes=1)
    view, columns = (
        ("pg_stat_checkpointer", "num_timed, num_requested")
        if facts.database.server_version_num >= FROM_17
        else ("pg_stat_bgwriter", "checkpoints_timed, checkpoints_req")
    )
    yield METADATA.finding(
        objects=(ObjectRef("setting", None, "max_wal_size"),),
        message=f"{requested:,} of {requested + timed:,} checkpoints were requested before their time",
        consequence=(
            f"One every {every:,.1f} minutes since {activity.checkpoints_since:%Y-%m-%d}, by {view}; each logs whole "
            "pages anew."
        ),
        evidence=(
            Evidence(
                "statistics",
                f"SELECT {columns}, stats_reset FROM {view}",
                f"{timed} timed, {requested} requested",
            ),
        ),
        remedy=Remedy("Raise max_wal_size until most checkpoints come by time (checkpoint_timeout)."),
    )


def _counted(timed: int, requested: int, **more: object) -> given.Given:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    return given.activity(
        **{"checkpoints_timed": timed, "checkpoints_requested": requested, "checkpoints_since": since} | more
    )


_A_DAY_LATER = given.database(taken_at=datetime(2026, 1, 2, tzinfo=UTC))
BAD = (
    Example(
        "fifty requested and forty-nine timed",
        given=(_A_DAY_LATER, given.database(server_version_num=169_999), _counted(49, 50)),
        objects=("max_wal_size",),
        says=("One every 14.5 minutes since 2026-01-01, by pg_stat_bgwriter",),
    ),
    Example(
        "hundreds requested in a month",
        given=(
            given.database(taken_at=datetime(2026, 2, 1, tzinfo=UTC), server_version_num=170_000),
            _counted(10, 9_000),
        ),
        objects=("max_wal_size",),
        says=("by pg_stat_checkpointer",),
    ),
)
GOOD = (
    Example("as many timed as requested", given=(_A_DAY_LATER, _counted(50, 50))),
    Example("few in all", given=(_A_DAY_LATER, _counted(1, 49))),
    Example(
        "less than a day",
        given=(given.database(taken_at=datetime(2026, 1, 1, 23, 59, 59, tzinfo=UTC)), _counted(1, 1_000)),
    ),
    Example(
        "a standby makes restartpoints", given=(_A_DAY_LATER, _counted(1, 1_000), given.database(in_recovery=True))
    ),
    Example("nobody knows since when", given=(_A_DAY_LATER, _counted(1, 1_000, checkpoints_since=None))),
    Example("counters that could not be read", given=(_A_DAY_LATER, given.server(activity=None))),
)
