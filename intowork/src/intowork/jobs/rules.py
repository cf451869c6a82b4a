"""What holds for jobs whatever the database: salaries, dates, and how a job's status may change."""

from __future__ import annotations

import datetime as dt

from intowork.models.enums import JobStatus

_CHANGES: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.DRAFT: frozenset({JobStatus.PUBLISHED, JobStatus.ARCHIVED}),
    JobStatus.PUBLISHED: frozenset({JobStatus.CLOSED}),
    JobStatus.CLOSED: frozenset({JobStatus.PUBLISHED, JobStatus.ARCHIVED}),
    JobStatus.ARCHIVED: frozenset(),
}


def may_become(status: JobStatus, wanted: JobStatus) -> bool:
    """Tell whether a job's status may change: published is closed first, and what is archived stays so.

    Args:
        status: as it is.
        wanted: as it is to be.
    """
    return wanted in _CHANGES[status]


def salary_fault(least: int | None, most: int | None) -> str | None:
    """Return what is wrong with a salary range; None where nothing is.

    Args:
        least: the lower end, in the job's currency per year.
        most: the upper end.
    """
    if least is not None and most is not None and least > most:
        return f"salary_min ({least}) must not be above salary_max ({most})"
    return None


def expiry_fault(expires_at: dt.datetime | None, now: dt.datetime) -> str | None:
    """Return what is wrong with the moment a job is to expire; None where nothing is.

    Args:
        expires_at: with its zone; None for a job that does not expire.
        now: with its zone.
    """
    if expires_at is not None and expires_at <= now:
        return "must be in the future"
    return None
