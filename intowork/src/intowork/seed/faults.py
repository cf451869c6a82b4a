"""The faults of the analysed database: duplicates and contradictions that its schema let in."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from intowork.seed.scales import Scale

# Shares of the rows of a kind, in thousandths.
_DUPLICATE_APPLICATIONS = 5
_DOUBLE_LINKS = 2
_SHARED_LINKS = 1
_DUPLICATE_SKILLS = 5
_SKILLS_PER_CANDIDATE = 5.5
_CONTRADICTIONS = 2
_WRONG_COUNTERS = 10
_MISSING_VALUES = 1


@dataclass(frozen=True)
class PlantedFaults:
    """How many faults of each kind a data set holds; duplicates are counted as surplus rows.

    Attributes:
        duplicate_applications: Second and third applications of one candidate to one job.
        double_links: Provider accounts linked to the same user a second time.
        shared_links: Provider accounts linked to a second user.
        duplicate_skills: Skills of a candidate that differ from another one in case and level only.
        jobs_of_another_company: Jobs whose company is not the one of their employer.
        reversed_salaries: Jobs whose salary_min exceeds salary_max.
        reversed_dates: Jobs that expire before they are posted.
        impossible_skill_levels: Skills with a level outside 1..5.
        negative_counters: Jobs with a negative views_count.
        wrong_counters: Jobs whose applications_count is not the number of their applications.
        missing_created_at: Users without created_at.
        missing_is_active: Users that are neither active nor inactive.
    """

    duplicate_applications: int = 0
    double_links: int = 0
    shared_links: int = 0
    duplicate_skills: int = 0
    jobs_of_another_company: int = 0
    reversed_salaries: int = 0
    reversed_dates: int = 0
    impossible_skill_levels: int = 0
    negative_counters: int = 0
    wrong_counters: int = 0
    missing_created_at: int = 0
    missing_is_active: int = 0


NO_FAULTS = PlantedFaults()


def planned_faults(scale: Scale, *, accounts: int) -> PlantedFaults:
    """How many faults a data set of that scale gets: at least one of each kind, however small it is.

    Args:
        scale: The scale of the data set.
        accounts: How many provider accounts it has.
    """

    def part(thousandths: int, of: float) -> int:
        return max(1, int(of * thousandths / 1000))

    contradictory_jobs = part(_CONTRADICTIONS, scale.jobs)
    skills = scale.candidates * _SKILLS_PER_CANDIDATE
    return PlantedFaults(
        duplicate_applications=part(_DUPLICATE_APPLICATIONS, scale.applications),
        double_links=part(_DOUBLE_LINKS, accounts),
        shared_links=part(_SHARED_LINKS, accounts),
        duplicate_skills=part(_DUPLICATE_SKILLS, skills),
        jobs_of_another_company=contradictory_jobs,
        reversed_salaries=contradictory_jobs,
        reversed_dates=contradictory_jobs,
        impossible_skill_levels=part(_CONTRADICTIONS, skills),
        negative_counters=contradictory_jobs,
        wrong_counters=part(_WRONG_COUNTERS, scale.jobs),
        missing_created_at=part(_MISSING_VALUES, scale.users),
        missing_is_active=part(_MISSING_VALUES, scale.users),
    )


def victims(count: int, among: Sequence[int], rng: random.Random) -> frozenset[int]:
    """So many different identifiers among those given."""
    return frozenset(rng.sample(among, count))
