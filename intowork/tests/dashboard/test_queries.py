from __future__ import annotations

import random
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from intowork.dashboard.queries import candidate_numbers, employer_numbers
from intowork.demo.phase2.statements import employer_dashboard
from intowork.models import ApplicationStatus, Education, Employer, Job, JobStatus, Skill, SkillCategory
from intowork.testing import Factory, ago


def test_one_row_says_what_the_eight_analysed_statements_said(platform: Session, factory: Factory) -> None:
    chance = random.Random(3)
    employers = [factory.employer() for _ in range(4)]
    candidates = [factory.candidate() for _ in range(8)]
    moment = iter(range(1, 10_000))
    for employer in employers[:3]:
        for _ in range(chance.randint(1, 6)):
            job = factory.job(employer, status=chance.choice(list(JobStatus)), created_at=ago(minutes=next(moment)))
            for candidate in candidates[: chance.randint(0, 8)]:
                factory.application(
                    candidate,
                    job,
                    status=chance.choice(list(ApplicationStatus)),
                    applied_at=ago(minutes=next(moment)),
                    updated_at=ago(minutes=next(moment)),
                )
    titles = {job.id: job.title for job in platform.scalars(select(Job))}
    for employer in employers:
        published, applications, again, interviews, answered, *latest = (
            platform.execute(statement).all() for statement in employer_dashboard(employer.id)
        )
        last_job, application, interview = (rows[0][0] if rows else None for rows in latest)
        row = platform.execute(employer_numbers(employer.id)).one()
        assert row.published_jobs == len(published)
        assert row.applications == applications[0][0] == again[0][0]
        assert row.interviews == interviews[0][0]
        assert row.answered_applications == answered[0][0]
        assert row.new_applications == row.applications - row.answered_applications
        assert (row.last_job_title, row.last_job_at) == (
            last_job and last_job.title,
            last_job and last_job.created_at,
        )
        assert (row.last_application_title, row.last_application_at) == (
            application and titles[application.job_id],
            application and application.applied_at,
        )
        assert (row.last_interview_title, row.last_interview_at) == (
            interview and titles[interview.job_id],
            interview and interview.updated_at,
        )


def test_an_expired_job_is_published_but_not_open(platform: Session, factory: Factory) -> None:
    employer = factory.employer()
    factory.job(employer)
    factory.job(employer, expires_at=ago(days=1))
    factory.job(employer, status=JobStatus.DRAFT)
    row = platform.execute(employer_numbers(employer.id)).one()
    assert (row.jobs, row.published_jobs, row.open_jobs) == (3, 2, 1)


def test_an_employer_without_jobs_has_zeros_and_no_events(platform: Session, factory: Factory) -> None:
    row = platform.execute(employer_numbers(factory.employer().id)).one()
    assert (row.jobs, row.applications, row.interviews, row.answered_applications) == (0, 0, 0, 0)
    assert (row.last_job_title, row.last_application_title, row.last_interview_title) == (None, None, None)


def test_a_candidate_sees_own_numbers_the_open_jobs_and_what_the_profile_lacks(
    platform: Session, factory: Factory
) -> None:
    employer: Employer = factory.employer()
    candidate: Any = factory.candidate(title="Cook")
    jobs = [factory.job(employer) for _ in range(3)]
    factory.job(employer, expires_at=ago(days=1))
    factory.application(candidate, jobs[0], status=ApplicationStatus.INTERVIEW, applied_at=ago(days=2))
    factory.application(candidate, jobs[1], applied_at=ago(days=1))
    factory.application(factory.candidate(), jobs[1], status=ApplicationStatus.INTERVIEW)
    platform.add(Skill(candidate=candidate, name="Pasta", level=5, category=SkillCategory.TECHNICAL))
    platform.add(Education(candidate=factory.candidate(), degree="BA", school="S", start_date="2020", end_date="2021"))
    platform.flush()
    row = platform.execute(candidate_numbers(candidate.id)).one()
    assert (row.applications, row.interviews, row.last_application_at, row.open_jobs) == (2, 1, ago(days=1), 3)
    assert (row.title, row.summary) == ("Cook", None)
    assert (row.has_skills, row.has_education, row.has_experience) == (True, False, False)
