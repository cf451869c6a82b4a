from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from sqlalchemy.orm import Session

from intowork.jobs.queries import JobFilters, count_open_jobs, employer_jobs, open_jobs
from intowork.kit.pagination import Position
from intowork.models import Job, JobLocation, JobStatus, JobType
from intowork.testing import Factory, ago

FILTERS: dict[str, list[Any]] = {
    "location_type": [None, JobLocation.REMOTE, JobLocation.HYBRID],
    "job_type": [None, JobType.FULL_TIME, JobType.INTERNSHIP],
    "salary_min": [None, 0, 40_000, 41_000, 90_000],
    "location": [None, "Lyon", " lYON ", "Paris", "nowhere"],
}


def ids(session: Session, statement: Any) -> list[int]:
    return [row.id for row in session.execute(statement)]


def test_the_list_holds_open_jobs_alone_newest_first(platform: Session, factory: Factory) -> None:
    employer = factory.employer()
    older = factory.job(employer, posted_at=ago(days=3))
    newer = factory.job(employer, posted_at=ago(days=1), expires_at=ago(days=-1))
    factory.job(employer, expires_at=ago(seconds=1))
    for status in (JobStatus.DRAFT, JobStatus.CLOSED, JobStatus.ARCHIVED):
        factory.job(employer, status=status)
    assert ids(platform, open_jobs()) == [newer.id, older.id]
    assert platform.scalar(count_open_jobs()) == 2


def test_a_job_comes_with_its_company_and_what_the_list_shows(platform: Session, factory: Factory) -> None:
    employer = factory.employer()
    job = factory.job(employer, title="Chef", location="Lyon", salary_min=30_000, job_type=JobType.CONTRACT)
    factory.job(factory.employer(), posted_at=ago(days=2))
    row = platform.execute(open_jobs()).first()
    assert row is not None
    assert (row.id, row.title, row.location, row.salary_min, row.job_type) == (
        job.id, "Chef", "Lyon", 30_000, JobType.CONTRACT,
    )  # fmt: skip
    assert employer.company is not None
    assert (row.company_id, row.company_name) == (employer.company.id, employer.company.name)


def matches(job: Job, filters: JobFilters) -> bool:
    return (
        filters.location_type in (None, job.location_type)
        and filters.job_type in (None, job.job_type)
        and (filters.salary_min is None or (job.salary_min is not None and job.salary_min >= filters.salary_min))
        and (filters.location is None or (job.location or "").lower() == filters.location.strip().lower())
        and filters.company_id in (None, job.company_id)
    )


def test_every_combination_of_filters_narrows_list_and_count_as_each_filter_says(
    platform: Session, factory: Factory
) -> None:
    employers = [factory.employer(), factory.employer()]
    jobs = [
        factory.job(
            employers[number % 2], location_type=where, job_type=what, salary_min=salary, location=place,
            posted_at=ago(minutes=number // 3),
        )
        for number, (where, what, salary, place) in enumerate(
            product(
                (JobLocation.REMOTE, JobLocation.ON_SITE),
                (JobType.FULL_TIME, JobType.INTERNSHIP),
                (None, 40_000, 50_000),
                (None, "Lyon", "LYON", "Paris"),
            )
        )
    ]  # fmt: skip
    newest_first = sorted(jobs, key=lambda job: (job.posted_at, job.id), reverse=True)
    companies = (None, employers[0].company_id, 2**31 - 1)
    for *values, company in product(*FILTERS.values(), companies):
        filters = JobFilters(**dict(zip(FILTERS, values, strict=True)), company_id=company)
        expected = [job.id for job in newest_first if matches(job, filters)]
        assert ids(platform, open_jobs(filters, size=len(jobs))) == expected, filters
        assert platform.scalar(count_open_jobs(filters)) == len(expected), filters


@pytest.mark.parametrize("filters", [JobFilters(), JobFilters(location="lyon"), JobFilters(salary_min=1)])
def test_pages_of_a_filtered_list_hold_each_job_once_ties_included(
    platform: Session, factory: Factory, filters: JobFilters
) -> None:
    employer = factory.employer()
    for number in range(11):
        factory.job(employer, posted_at=ago(days=number // 4), location="Lyon", salary_min=1)
    whole = ids(platform, open_jobs(filters, size=100))
    walked: list[int] = []
    after = None
    while page := platform.execute(open_jobs(filters, after=after, size=3)).all():
        walked.extend(row.id for row in page)
        after = Position(page[-1].posted_at, page[-1].id)
    assert len(whole) == 11
    assert walked == whole


def test_an_employer_sees_own_jobs_in_every_status_with_the_number_of_applications(
    platform: Session, factory: Factory
) -> None:
    employer = factory.employer()
    draft = factory.job(employer, status=JobStatus.DRAFT, posted_at=None, created_at=ago(days=1))
    popular = factory.job(employer, created_at=ago(days=2))
    expired = factory.job(employer, created_at=ago(days=3), expires_at=ago(days=1))
    other = factory.job(factory.employer())
    for _ in range(3):
        candidate = factory.candidate()
        factory.application(candidate, popular)
        factory.application(candidate, other)
    assert [(row.id, row.applications) for row in platform.execute(employer_jobs(employer.id))] == [
        (draft.id, 0),
        (popular.id, 3),
        (expired.id, 0),
    ]
    assert ids(platform, employer_jobs(employer.id, status=JobStatus.PUBLISHED)) == [popular.id, expired.id]
    assert ids(platform, employer_jobs(employer.id, after=Position(popular.created_at, popular.id))) == [expired.id]
