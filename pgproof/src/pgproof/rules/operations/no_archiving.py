"""Nothing but the last dump would survive the loss of the disk, or archiving has stopped.

What it finds:
    A server that archives no WAL and has no standby; one whose archive_mode is on without a command or a library; and
    one whose archiver failed after the last file it archived. Servers of Amazon RDS, Google Cloud SQL and AlloyDB,
    Azure and Neon are left out of the first: they copy WAL or storage by means of their own.

Why it matters:
    Without archived WAL the database can be brought back to the last dump, not to the minute before the mistake.
    While the archiver fails the server keeps every WAL file, until the disk is full and it stops.

Evidence:
    archive_mode, archive_command, archive_library; pg_stat_archiver; pg_stat_replication.

Remedy:
    Archive with a tool that is tested to restore (pgBackRest, Barman, WAL-G), and restore once a month on another
    machine. A failing archive_command writes its reason into the server's log. Nothing of it belongs into models of
    SQLAlchemy or migrations of Alembic.

When to ignore:
    A server for development, or storage that is replicated and snapshotted by other means.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from pgproof.facts.model import Facts
from pgproof.facts.server_state import Activity
from pgproof.rules import given
from pgproof.rules.authentication import value_of
from pgproof.rules.finding import Evidence, Finding, NotChecked, ObjectRef, Remedy
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(
    code="OPS09", slug="no-archiving", severity="medium", needs=("settings", "statistics"), server_wide=True
)

MANAGED = ("rds.", "cloudsql.", "alloydb.", "azure.", "neon.")
"""Prefixes of the settings that managed services add to a server."""


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield what is wrong with the server's second copy, one thing at most."""
    mode, activity = value_of(facts, "archive_mode"), facts.server.activity
    if facts.database.in_recovery or mode is None or activity is None:
        yield NotChecked("the primary's archive_mode and pg_stat_archiver")
    elif mode == "off":
        if not activity.standbys and not _is_managed(facts):
            yield _no_copy()
    elif not value_of(facts, "archive_command") and not value_of(facts, "archive_library"):
        yield _no_command()
    elif _is_failing(activity):
        yield _failing(activity)


def _is_managed(facts: Facts) -> bool:
    return any(setting.name.startswith(MANAGED) for setting in facts.server.settings)


def _is_failing(activity: Activity) -> bool:
    if activity.archive_failed_at is None:
        return False
    return activity.archived_at is None or activity.archived_at < activity.archive_failed_at


def _no_copy() -> Finding:
    return METADATA.finding(
        objects=(ObjectRef("setting", None, "archive_mode"),),
        message="The server archives no WAL and has no standby",
        consequence="After the loss of its disk, all that was written since the last dump is gone.",
        evidence=(
            Evidence(
                "settings",
                "SELECT current_setting('archive_mode'), count(*) FROM pg_stat_replication",
                "off, 0 standbys",
            ),
        ),
        remedy=Remedy(
            "Archive WAL with a tool that restores, or run a standby; then restore once to see that it works."
        ),
    )


def _no_command() -> Finding:
    return METADATA.finding(
        objects=(ObjectRef("setting", None, "archive_command"),),
        message="archive_mode is on, and neither archive_command nor archive_library is set",
        consequence="Nothing is archived, and the server keeps every WAL file until the disk is full.",
        severity="high",
        evidence=(
            Evidence(
                "settings",
                "SELECT name, setting FROM pg_settings"
                " WHERE name IN ('archive_mode', 'archive_command', 'archive_library')",
                "both empty",
            ),
        ),
        remedy=Remedy("Set archive_command or archive_library, or switch archive_mode off."),
    )


def _failing(activity: Activity) -> Finding:
    last = (
        "never archived a file" if activity.archived_at is None else f"archived last at {activity.archived_at:%F %H:%M}"
    )
    failed = f"{activity.archive_failures:,} failures, the last at {activity.archive_failed_at:%F %H:%M}"
    return METADATA.finding(
        objects=(ObjectRef("setting", None, "archive_command"),),
        message=f"Archiving fails: {failed}",
        consequence=f"The server {last}; it keeps every WAL file since, until the disk is full.",
        severity="high",
        evidence=(
            Evidence(
                "statistics",
                "SELECT archived_count, last_archived_time, failed_count, last_failed_time FROM pg_stat_archiver",
                f"{activity.archived} archived, {activity.archive_failures} failed",
            ),
        ),
        remedy=Remedy(
            "Read the server's log for the reason, mend the command or its target, and watch the count stop."
        ),
    )


_OFF, _ON = given.setting("archive_mode", "off"), given.setting("archive_mode", "on")
_COMMAND = given.setting("archive_command", "(set)")
_EARLY, _LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)


def _archiver(archived_at: datetime | None, archive_failed_at: datetime | None) -> given.Given:
    return given.activity(
        archived=9, archived_at=archived_at, archive_failures=9, archive_failed_at=archive_failed_at, standbys=0
    )


BAD = (
    Example("neither archive nor standby", given=(_OFF, given.activity(standbys=0)), objects=("archive_mode",)),
    Example(
        "archiving is on without a command",
        given=(_ON, given.setting("archive_command", ""), given.setting("archive_library", ""), _archiver(None, None)),
        objects=("archive_command",),
    ),
    Example("nothing was ever archived", given=(_ON, _COMMAND, _archiver(None, _LATE)), objects=("archive_command",)),
    Example(
        "it failed since the last file",
        given=(given.setting("archive_mode", "always"), _COMMAND, _archiver(_EARLY, _LATE)),
        objects=("archive_command",),
        says=("archived last at 2026-01-01 00:00",),
    ),
)
GOOD = (
    Example("it failed once and went on", given=(_ON, _COMMAND, _archiver(_LATE, _EARLY))),
    Example("it went on at once", given=(_ON, _COMMAND, _archiver(_LATE, _LATE))),
    Example("it never failed", given=(_ON, _COMMAND, _archiver(_LATE, None))),
    Example("nothing has happened yet", given=(_ON, _COMMAND, _archiver(None, None))),
    Example(
        "a library archives instead of a command",
        given=(
            _ON,
            given.setting("archive_command", ""),
            given.setting("archive_library", "basic_archive"),
            _archiver(_LATE, None),
        ),
    ),
    Example("a standby is a second copy", given=(_OFF, given.activity(standbys=1))),
    Example(
        "a managed service copies by means of its own",
        given=(_OFF, given.activity(standbys=0), given.setting("rds.extensions", "pg_trgm")),
    ),
    Example(
        "a standby leaves it to its primary", given=(_OFF, given.activity(standbys=0), given.database(in_recovery=True))
    ),
    Example("what archives could not be read", given=(_OFF, given.server(activity=None))),
    Example("settings that are not known", given=(given.activity(standbys=0), given.server(settings=()))),
)
