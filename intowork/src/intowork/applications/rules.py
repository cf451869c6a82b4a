"""What holds for applications whatever the database: how their status may change."""

from __future__ import annotations

from intowork.models.enums import ApplicationStatus

_S = ApplicationStatus
_CHANGES: dict[ApplicationStatus, frozenset[ApplicationStatus]] = {
    _S.APPLIED: frozenset({_S.VIEWED, _S.SHORTLISTED, _S.INTERVIEW, _S.REJECTED}),
    _S.VIEWED: frozenset({_S.SHORTLISTED, _S.INTERVIEW, _S.REJECTED}),
    _S.SHORTLISTED: frozenset({_S.INTERVIEW, _S.ACCEPTED, _S.REJECTED}),
    _S.INTERVIEW: frozenset({_S.SHORTLISTED, _S.ACCEPTED, _S.REJECTED}),
    # A refusal is final for this job, and who was accepted is not refused by a click.
    _S.REJECTED: frozenset(),
    _S.ACCEPTED: frozenset(),
}


def may_become(status: ApplicationStatus, wanted: ApplicationStatus) -> bool:
    """Tell whether an employer may change an application's status that way.

    Args:
        status: as it is.
        wanted: as it is to be.
    """
    return wanted in _CHANGES[status]
