"""Every statement about applications."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ARRAY, Integer, Select, any_, literal, select, true

from intowork.kit.pagination import PAGE_SIZE, NewestFirst, Position
from intowork.kit.sql import Rows, constant
from intowork.models import ApplicationStatus, Candidate, Company, Job, JobApplication, User

_BY_APPLIED_AT = NewestFirst(JobApplication.applied_at, JobApplication.id)


def applied_jobs(candidate_id: int, job_ids: Sequence[int]) -> Select[int]:
    """Return which of some jobs a candidate has applied to."""
    return select(JobApplication.job_id).where(
        JobApplication.candidate_id == candidate_id,
        JobApplication.job_id == any_(literal(list(job_ids), ARRAY(Integer))),
    )


def existing_application(candidate_id: int, job_id: int) -> Rows:
    """Return a candidate's application to a job, if there is one."""
    return select(JobApplication.id, JobApplication.status).where(
        JobApplication.candidate_id == candidate_id, JobApplication.job_id == job_id
    )


def my_applications(
    candidate_id: int,
    *,
    status: ApplicationStatus | None = None,
    after: Position | None = None,
    size: int = PAGE_SIZE,
) -> Rows:
    """Return a page of a candidate's applications, newest first, each with its job and company."""
    applications = select(
        JobApplication.id, JobApplication.job_id, JobApplication.status, JobApplication.applied_at
    ).where(JobApplication.candidate_id == candidate_id)
    if status is not None:
        applications = applications.where(JobApplication.status == constant(JobApplication.status, status))
    page = _BY_APPLIED_AT.page(applications, after, size).subquery("page")
    return (
        select(
            page,
            Job.title.label("job_title"), Job.job_type, Job.location_type, Job.location,
            Job.salary_min, Job.salary_max, Job.currency, Job.status.label("job_status"),
            Company.id.label("company_id"), Company.name.label("company_name"),
        )
        .join(Job, Job.id == page.c.job_id)
        .join(Company, Company.id == Job.company_id)
        .order_by(*NewestFirst(page.c.applied_at, page.c.id).order())
    )  # fmt: skip


def employer_applications(
    employer_id: int,
    *,
    job_id: int | None = None,
    status: ApplicationStatus | None = None,
    after: Position | None = None,
    size: int = PAGE_SIZE,
) -> Rows:
    """Return a page of the applications to an employer's jobs, newest first, each with its job and candidate.

    The newest of each job are taken from the index alone and merged; rows are fetched for the page only. A job of
    another employer has no applications here.

    Args:
        employer_id: whose jobs.
        job_id: one of them, or None for all.
        status: applications in this status, or None for all.
        after: where the page before ended, None for the first.
        size: rows of a page.
    """
    jobs = select(Job.id).where(Job.employer_id == employer_id)
    if job_id is not None:
        jobs = jobs.where(Job.id == job_id)
    job = jobs.subquery("job")
    of_job = select(JobApplication.id, JobApplication.applied_at).where(JobApplication.job_id == job.c.id)
    if status is not None:
        of_job = of_job.where(JobApplication.status == constant(JobApplication.status, status))
    newest = _BY_APPLIED_AT.page(of_job, after, size).lateral("newest")
    page = (
        NewestFirst(newest.c.applied_at, newest.c.id)
        .page(select(newest.c.id).select_from(job).join(newest, true()), None, size)
        .subquery("page")
    )
    return (
        select(
            JobApplication.id, JobApplication.job_id, JobApplication.status, JobApplication.applied_at,
            JobApplication.viewed_at, JobApplication.candidate_id, Job.title.label("job_title"),
            User.first_name, User.last_name, User.email, Candidate.title.label("candidate_title"),
        )
        .select_from(page)
        .join(JobApplication, JobApplication.id == page.c.id)
        .join(Job, Job.id == JobApplication.job_id)
        .join(Candidate, Candidate.id == JobApplication.candidate_id)
        .join(User, User.id == Candidate.user_id)
        .order_by(*_BY_APPLIED_AT.order())
    )  # fmt: skip
