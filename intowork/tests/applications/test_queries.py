from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from intowork.applications.queries import (
    applied_jobs,
    employer_applications,
    existing_application,
    my_applications,
)
from intowork.kit.pagination import Position
from intowork.models import ApplicationStatus, Employer, Job, JobApplication
from intowork.testing import Factory, ago

STATUSES = list(ApplicationStatus)


def ids(session: Session, statement: Any) -> list[int]:
    return [row.id for row in session.execute(statement)]


def test_of_the_jobs_of_a_page_those_applied_to_are_told(platform: Session, factory: Factory) -> None:
    employer, candidate = factory.employer(), factory.candidate()
    jobs = [factory.job(employer) for _ in range(4)]
    for job in (jobs[0], jobs[2]):
        factory.application(candidate, job)
    factory.application(factory.candidate(), jobs[1])
    shown = [job.id for job in jobs[:2]]
    assert platform.scalars(applied_jobs(candidate.id, shown)).all() == [jobs[0].id]
    assert platform.scalars(applied_jobs(candidate.id, [])).all() == []


def test_an_earlier_application_to_the_same_job_is_found(platform: Session, factory: Factory) -> None:
    employer, candidate = factory.employer(), factory.candidate()
    job, other = factory.job(employer), factory.job(employer)
    application = factory.application(candidate, job, status=ApplicationStatus.REJECTED)
    factory.application(factory.candidate(), other)
    assert platform.execute(existing_application(candidate.id, job.id)).one() == (
        application.id,
        ApplicationStatus.REJECTED,
    )
    assert platform.execute(existing_application(candidate.id, other.id)).first() is None


def test_my_applications_come_newest_first_with_job_and_company(platform: Session, factory: Factory) -> None:
    candidate, employer = factory.candidate(), factory.employer()
    first = factory.application(candidate, factory.job(employer, title="Chef"), applied_at=ago(days=2))
    second = factory.application(candidate, factory.job(factory.employer()), applied_at=ago(days=1))
    factory.application(factory.candidate(), factory.job(employer))
    newest, oldest = platform.execute(my_applications(candidate.id)).all()
    assert (newest.id, oldest.id) == (second.id, first.id)
    assert employer.company is not None
    assert (oldest.job_title, oldest.company_name) == ("Chef", employer.company.name)


@pytest.mark.parametrize("status", [None, *ApplicationStatus])
def test_pages_of_my_applications_hold_each_one_once_ties_included(
    platform: Session, factory: Factory, status: ApplicationStatus | None
) -> None:
    candidate, employer = factory.candidate(), factory.employer()
    for number in range(13):
        at = None if number < 2 else ago(days=number // 4)
        factory.application(candidate, factory.job(employer), status=STATUSES[number % 6], applied_at=at)
    naive = select(JobApplication).where(JobApplication.candidate_id == candidate.id)
    assert walk(platform, lambda after: my_applications(candidate.id, status=status, after=after, size=3)) == [
        application.id for application in in_order(platform, naive, status)
    ]


@pytest.fixture
def busy(factory: Factory) -> Employer:
    """An employer with many jobs and applications, among others'; many arrived in the same second, some at no time."""
    chance = random.Random(7)
    employer, other = factory.employer(), factory.employer()
    candidates = [factory.candidate() for _ in range(12)]
    for number in range(9):
        job = factory.job(other if number == 4 else employer)
        for candidate in candidates[: chance.randint(0, 12)]:
            at: dt.datetime | None = ago(hours=chance.randint(1, 6)) if chance.random() < 0.9 else None
            factory.application(candidate, job, status=chance.choice(STATUSES), applied_at=at)
    return employer


@pytest.mark.parametrize("status", [None, *ApplicationStatus])
@pytest.mark.parametrize("size", [1, 4, 200])
def test_an_employers_applications_merged_by_job_equal_the_plain_join(
    platform: Session, busy: Employer, status: ApplicationStatus | None, size: int
) -> None:
    naive = select(JobApplication).join(Job).where(Job.employer_id == busy.id)
    expected = [application.id for application in in_order(platform, naive, status)]
    assert (
        walk(platform, lambda after: employer_applications(busy.id, status=status, after=after, size=size)) == expected
    )
    for job in platform.scalars(select(Job)).all():
        of_job = [application.id for application in in_order(platform, naive.where(Job.id == job.id), status)]
        assert ids(platform, employer_applications(busy.id, job_id=job.id, status=status, size=200)) == of_job


def test_an_employer_sees_no_application_to_the_job_of_another(platform: Session, factory: Factory) -> None:
    employer, other = factory.employer(), factory.employer()
    job = factory.job(other)
    factory.application(factory.candidate(), job)
    assert ids(platform, employer_applications(employer.id, job_id=job.id)) == []
    assert len(ids(platform, employer_applications(other.id, job_id=job.id))) == 1


def test_an_employer_sees_who_applied_to_what(platform: Session, factory: Factory) -> None:
    employer, candidate = factory.employer(), factory.candidate(title="Cook")
    factory.application(candidate, factory.job(employer, title="Chef"))
    row = platform.execute(employer_applications(employer.id)).one()
    assert (row.job_title, row.candidate_title, row.email) == ("Chef", "Cook", candidate.user.email)


def in_order(
    session: Session, statement: Select[JobApplication], status: ApplicationStatus | None
) -> list[JobApplication]:
    """Return all applications of a plain statement, sorted here as PostgreSQL sorts: no time first, then the newest."""
    rows = [row for row in session.scalars(statement) if status in (None, row.status)]
    return sorted(rows, key=lambda row: (row.applied_at is None, row.applied_at or ago(), row.id), reverse=True)


def walk(session: Session, page_after: Any) -> list[int]:
    walked: list[int] = []
    after = None
    while page := session.execute(page_after(after)).all():
        walked.extend(row.id for row in page)
        after = Position(page[-1].applied_at, page[-1].id)
    return walked
