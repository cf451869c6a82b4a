"""What holds for profiles whatever the database: months, periods, expectations, and how complete a profile is."""

from __future__ import annotations

import re
from dataclasses import dataclass

MONTH_PATTERN = "^(19|20)[0-9]{2}-(0[1-9]|1[0-2])$"
LEAST_LEVEL, MOST_LEVEL = 1, 5
MOST_YEARS = 80

_MONTH = re.compile(MONTH_PATTERN)


@dataclass(frozen=True)
class Completion:
    """How complete a profile is.

    Attributes:
        percent: of the parts that count, from 0 to 100; 100 only where none is missing.
        missing: the other parts, in the order of a profile.
    """

    percent: int
    missing: tuple[str, ...]


def completion(
    *,
    title: str | None,
    summary: str | None,
    phone: str | None,
    location: str | None,
    has_experience: bool,
    has_education: bool,
    has_skills: bool,
) -> Completion:
    """Return how complete a profile is; each of the seven parts that employers look for counts the same.

    Args:
        title: what the candidate is.
        summary: what he says about himself.
        phone: where he can be called.
        location: where he lives.
        has_experience: whether the profile lists a position.
        has_education: whether it lists a degree.
        has_skills: whether it lists a skill.
    """
    parts: dict[str, object] = {
        "title": title,
        "summary": summary,
        "phone": phone,
        "location": location,
        "experiences": has_experience,
        "educations": has_education,
        "skills": has_skills,
    }
    missing = tuple(name for name, part in parts.items() if not part)
    return Completion(100 * (len(parts) - len(missing)) // len(parts), missing)


def month_fault(month: str) -> str | None:
    """Return what is wrong with a month of a career; None where nothing is.

    Args:
        month: as it was given.
    """
    return None if _MONTH.fullmatch(month) else "must be a month of 1900 to 2099, YYYY-MM"


def end_fault(start_date: str, end_date: str | None, *, is_current: bool) -> str | None:
    """Return what is wrong with the end of a position or an education; None where nothing is.

    Args:
        start_date: its first month, YYYY-MM.
        end_date: its last month; None where it goes on, or nobody said.
        is_current: whether it goes on.
    """
    if end_date is None:
        return None
    if is_current:
        return "must be null while is_current is true"
    # Months of this form order as their texts do.
    if end_date < start_date:
        return f"must not be before start_date ({start_date})"
    return None


def expectation_fault(least: int | None, most: int | None) -> str | None:
    """Return what is wrong with the salary that a candidate expects; None where nothing is.

    Args:
        least: the lower end, per year.
        most: the upper end.
    """
    if least is not None and most is not None and least > most:
        return f"must not be above salary_expectation_max ({most})"
    return None
