from __future__ import annotations

import hashlib
from collections import Counter
from datetime import date
from functools import cache

import pytest

from intowork.seed import Scale
from intowork.seed.clock import DAY, NOW, Clock
from intowork.seed.jobs import DRAFT
from intowork.seed.tables import TABLE_NAMES, tables
from intowork.seed.world import World, draw_world

REFERENCE = date(2026, 1, 1)
SCALES = [100, 137, 1000]


@cache
def world(jobs: int, *, faults: bool = False) -> World:
    return draw_world(Scale.of_jobs(jobs), seed=7, faults=faults, reference=REFERENCE)


@pytest.mark.parametrize("jobs", SCALES)
def test_every_table_yields_as_many_lines_as_it_announces(jobs: int) -> None:
    for faults in (False, True):
        everything = tables(world(jobs, faults=faults))
        assert tuple(table.name for table in everything) == TABLE_NAMES
        for table in everything:
            lines = list(table.lines)
            assert len(lines) == table.rows, table.name
            assert {line.count("\t") for line in lines} == {len(table.columns) - 1}, table.name


def digests(seed: int, *, faults: bool) -> dict[str, str]:
    drawn = draw_world(Scale.of_jobs(100), seed=seed, faults=faults, reference=REFERENCE)
    return {table.name: hashlib.sha256("".join(table.lines).encode()).hexdigest() for table in tables(drawn)}


@pytest.mark.parametrize("faults", [False, True])
def test_the_same_seed_gives_the_same_rows_and_another_seed_others_in_every_table(faults: bool) -> None:
    first, again, other = digests(1, faults=faults), digests(1, faults=faults), digests(2, faults=faults)
    assert first == again
    assert [name for name in TABLE_NAMES if other[name] == first[name]] == []


@pytest.mark.parametrize("jobs", SCALES)
def test_there_are_exactly_as_many_applications_as_the_scale_says_and_each_pair_once(jobs: int) -> None:
    applications = world(jobs).applications
    pairs = set(zip(applications.job[1:], applications.candidate[1:], strict=True))
    assert len(applications) == len(pairs) == 10 * jobs


def test_planted_duplicates_come_on_top_of_the_distinct_pairs() -> None:
    drawn = world(1000, faults=True)
    pairs = Counter(zip(drawn.applications.job[1:], drawn.applications.candidate[1:], strict=True))
    assert len(pairs) == 10_000
    assert sum(count - 1 for count in pairs.values()) == drawn.faults.duplicate_applications == 50
    assert 3 in pairs.values()


def test_nobody_applies_before_the_job_is_posted_or_before_they_signed_up() -> None:
    drawn = world(1000)
    jobs, people, applications = drawn.jobs, drawn.people, drawn.applications
    for i in range(1, len(applications) + 1):
        job, applied = applications.job[i], applications.applied[i]
        assert jobs.status[job] != DRAFT
        assert jobs.posted[job] <= applied <= NOW
        assert people.joined(people.candidate_user[applications.candidate[i]]) <= applied


def test_applications_are_numbered_in_the_order_of_their_dates() -> None:
    applied = world(1000, faults=True).applications.applied
    assert list(applied) == sorted(applied)


def test_the_busiest_company_employer_and_job_do_not_grow_with_the_scale() -> None:
    largest = []
    for jobs in (10_000, 40_000):
        drawn = draw_world(Scale.of_jobs(jobs), seed=7, faults=False, reference=REFERENCE)
        of_employer = Counter(drawn.jobs.employer[1:])
        received: Counter[int] = Counter()
        for job, count in enumerate(drawn.applications_of_job):
            received[drawn.jobs.employer[job]] += count
        largest.append(
            (
                max(of_employer.values()),
                max(drawn.applications_of_job),
                max(drawn.applications_of_candidate),
                max(received.values()),
            )
        )
    smaller, larger = largest
    assert smaller[0] == larger[0] == 200
    for before, after in zip(smaller, larger, strict=True):
        assert after <= before * 1.25


def test_jobs_are_skewed_the_first_tenth_of_the_companies_has_half_of_them() -> None:
    drawn = world(1000)
    of_company = Counter(drawn.people.employer_company[employer] for employer in drawn.jobs.employer[1:])
    sizes = sorted(of_company.values(), reverse=True)
    assert len(sizes) == 100
    assert sum(sizes[:10]) > 500


def test_the_demo_accounts_have_something_to_show() -> None:
    drawn = world(1000)
    assert 10 <= Counter(drawn.jobs.employer)[drawn.demo_employer] <= 30
    assert 15 <= drawn.applications_of_candidate[drawn.demo_candidate] <= 35
    assert drawn.people.employer_company[drawn.demo_employer]


def test_a_moment_is_written_in_utc_and_a_career_in_months() -> None:
    clock = Clock(date(2026, 3, 1))
    assert clock.stamp(NOW) == "2026-03-01 00:00:00+00"
    assert clock.stamp(NOW - DAY + 3661) == "2026-02-28 01:01:01+00"
    assert clock.stamp_or_null(0) == "\\N"
    assert clock.epoch(NOW) == 1772323200
    assert [clock.months_ago(n) for n in (0, 2, 3, 14)] == ["2026-03", "2026-01", "2025-12", "2025-01"]
