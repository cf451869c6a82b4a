"""The numbers of the dashboards, one statement each."""

from __future__ import annotations

from sqlalchemy import BigInteger, ColumnElement, cast, func, select, true

from intowork.jobs.queries import count_open_jobs, is_open
from intowork.kit.sql import Rows, constant, row_limit
from intowork.models import (
    ApplicationStatus,
    Candidate,
    Education,
    Experience,
    Job,
    JobApplication,
    JobStatus,
    Skill,
)


def employer_numbers(employer_id: int) -> Rows:
    """Return one row with all numbers of an employer's dashboard and its latest events.

    Each application is read once, from the index alone, and counted by job; the rows of interviews are fetched besides,
    since the latest is the one that was changed last.
    """
    is_new = JobApplication.status == constant(JobApplication.status, ApplicationStatus.APPLIED)
    is_interview = JobApplication.status == constant(JobApplication.status, ApplicationStatus.INTERVIEW)
    counted = (
        select(
            func.count().label("applications"),
            func.count().filter(is_new).label("new_applications"),
            func.count().filter(is_interview).label("interviews"),
            func.max(JobApplication.applied_at).label("last_application_at"),
        )
        .where(JobApplication.job_id == Job.id)
        .lateral("counted")
    )
    jobs = (
        select(
            Job.id,
            Job.title,
            Job.created_at,
            (Job.status == constant(Job.status, JobStatus.PUBLISHED)).label("is_published"),
            is_open().label("is_open"),
            counted,
        )
        .join(counted, true())
        .where(Job.employer_id == employer_id)
        .cte("employer_jobs")
    )
    numbers = select(
        func.count().label("jobs"),
        func.count().filter(jobs.c.is_published).label("published_jobs"),
        func.count().filter(jobs.c.is_open).label("open_jobs"),
        _total(jobs.c.applications).label("applications"),
        _total(jobs.c.new_applications).label("new_applications"),
        _total(jobs.c.applications - jobs.c.new_applications).label("answered_applications"),
        _total(jobs.c.interviews).label("interviews"),
    ).subquery("numbers")
    last_job = (
        select(jobs.c.title.label("last_job_title"), jobs.c.created_at.label("last_job_at"))
        .order_by(jobs.c.created_at.desc(), jobs.c.id.desc())
        .limit(row_limit(1))
        .subquery("last_job")
    )
    last_application = (
        select(jobs.c.title.label("last_application_title"), jobs.c.last_application_at)
        .where(jobs.c.last_application_at.is_not(None))
        .order_by(jobs.c.last_application_at.desc(), jobs.c.id.desc())
        .limit(row_limit(1))
        .subquery("last_application")
    )
    last_interview = (
        select(jobs.c.title.label("last_interview_title"), JobApplication.updated_at.label("last_interview_at"))
        .join(JobApplication, JobApplication.job_id == jobs.c.id)
        .where(jobs.c.interviews > 0, is_interview)
        .order_by(JobApplication.updated_at.desc(), JobApplication.id.desc())
        .limit(row_limit(1))
        .subquery("last_interview")
    )
    return (
        select(numbers, last_job, last_application, last_interview)
        .select_from(numbers)
        .outerjoin(last_job, true())
        .outerjoin(last_application, true())
        .outerjoin(last_interview, true())
    )


def candidate_numbers(candidate_id: int) -> Rows:
    """Return one row with all numbers of a candidate's dashboard; open jobs are counted up to `COUNT_LIMIT`."""
    mine = JobApplication.candidate_id == candidate_id
    is_interview = JobApplication.status == constant(JobApplication.status, ApplicationStatus.INTERVIEW)
    numbers = (
        select(
            func.count().label("applications"),
            func.count().filter(is_interview).label("interviews"),
            func.max(JobApplication.applied_at).label("last_application_at"),
        )
        .where(mine)
        .subquery("numbers")
    )
    return (
        select(
            numbers,
            count_open_jobs().scalar_subquery().label("open_jobs"),
            Candidate.title,
            Candidate.summary,
            Candidate.phone,
            Candidate.location,
            select(Experience.id).where(Experience.candidate_id == Candidate.id).exists().label("has_experience"),
            select(Education.id).where(Education.candidate_id == Candidate.id).exists().label("has_education"),
            select(Skill.id).where(Skill.candidate_id == Candidate.id).exists().label("has_skills"),
        )
        .select_from(Candidate)
        .join(numbers, true())
        .where(Candidate.id == candidate_id)
    )


def _total(counts: ColumnElement[int]) -> ColumnElement[int]:
    """Return the sum of counts, 0 of none; a sum of bigint is numeric, which no count needs."""
    return cast(func.coalesce(func.sum(counts), 0), BigInteger)
