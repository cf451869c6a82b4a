"""Everything that the rows of a data set have in common, drawn before the first of them is written."""

from __future__ import annotations

import random
from array import array
from dataclasses import dataclass
from datetime import date

from intowork.seed.applications import Applications, draw_applications
from intowork.seed.clock import Clock
from intowork.seed.faults import NO_FAULTS, PlantedFaults, planned_faults
from intowork.seed.jobs import Jobs, draw_jobs
from intowork.seed.people import People, draw_people
from intowork.seed.scales import Scale

_DEMO_JOBS = 20
_DEMO_APPLICATIONS = 25


@dataclass(frozen=True)
class World:
    """The relations of a data set.

    Identifiers are 1..n in the order of creation, as serial keys are, so that newer rows lie further back in
    their table.

    Attributes:
        scale: How many rows of each kind there are.
        seed: Where all randomness comes from.
        clock: The texts of moments.
        people: Users and their roles.
        jobs: Jobs and their dates.
        applications: Applications, the planted duplicates included.
        applications_of_job: How many applications each job has.
        applications_of_candidate: How many each candidate has.
        faults: How many faults are planted.
        demo_employer: The employer behind the demo account, one with about 20 jobs.
        demo_candidate: The candidate behind the demo account, one with about 25 applications.
    """

    scale: Scale
    seed: int
    clock: Clock
    people: People
    jobs: Jobs
    applications: Applications
    applications_of_job: array[int]
    applications_of_candidate: array[int]
    faults: PlantedFaults
    demo_employer: int
    demo_candidate: int

    def random(self, purpose: str) -> random.Random:
        """A generator of its own for each purpose: a change in one table leaves the others as they are."""
        return _generator(self.seed, purpose)


def draw_world(scale: Scale, *, seed: int, faults: bool, reference: date) -> World:
    """Draws people, jobs and applications.

    Args:
        scale: How many rows of each kind there are.
        seed: The same seed, scale and reference give the same rows.
        faults: Whether duplicates and contradictions are planted.
        reference: The day at whose start (UTC) the data set ends.
    """
    people = draw_people(scale, _generator(seed, "people"))
    planned = planned_faults(scale, accounts=len(people.account_users)) if faults else NO_FAULTS
    jobs = draw_jobs(scale, people, _generator(seed, "jobs"))
    applications = draw_applications(
        scale,
        people,
        jobs,
        duplicates=planned.duplicate_applications,
        rng=_generator(seed, "applications"),
    )
    of_candidate = _count(applications.candidate, scale.candidates)
    return World(
        scale=scale,
        seed=seed,
        clock=Clock(reference),
        people=people,
        jobs=jobs,
        applications=applications,
        applications_of_job=_count(applications.job, scale.jobs),
        applications_of_candidate=of_candidate,
        faults=planned,
        demo_employer=_nearest(_count(jobs.employer, scale.employers), _DEMO_JOBS),
        demo_candidate=_nearest(of_candidate, _DEMO_APPLICATIONS),
    )


def _generator(seed: int, purpose: str) -> random.Random:
    return random.Random(f"{seed} {purpose}")


def _count(references: array[int], referenced: int) -> array[int]:
    counts = array("i", bytes(4 * (referenced + 1)))
    for reference in references:
        counts[reference] += 1
    counts[0] = 0
    return counts


def _nearest(counts: array[int], wanted: int) -> int:
    return min(range(1, len(counts)), key=lambda i: abs(counts[i] - wanted))
