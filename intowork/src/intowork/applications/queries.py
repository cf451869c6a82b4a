"""Every statement about applications."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, Integer, Select, String, Text, any_, cast, false, func, literal, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.dialects.postgresql.dml import Insert
from sqlalchemy.sql.dml import ReturningInsert

from intowork.jobs.queries import is_open
from intowork.kit.pagination import PAGE_SIZE, NewestFirst, Position
from intowork.kit.sql import Rows, constant
from intowork.models import (
    ApplicationStatus,
    Candidate,
    Company,
    Employer,
    Job,
    JobApplication,
    JobStatus,
    Notification,
    NotificationType,
    User,
)

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


def apply(candidate_id: int, job_id: int, cover_letter: str | None) -> ReturningInsert[*tuple[Any, ...]]:
    """Insert an application where the job is open and the candidate has none to it; it returns no row otherwise.

    One statement, and the unique rule in the database, so that two requests at once make one application: the second
    waits for the first and inserts nothing. The job's row is locked against a close that happens meanwhile.
    """
    job = (
        select(Job.id)
        .where(Job.id == job_id, is_open())
        # Applications to one job wait for a change of it, and not for each other.
        .with_for_update(read=True)
        .cte("job")
    )
    values = select(
        job.c.id,
        literal(candidate_id, Integer),
        constant(JobApplication.status, ApplicationStatus.APPLIED),
        literal(cover_letter, Text),
    )
    return (
        insert(JobApplication)
        .from_select(["job_id", "candidate_id", "status", "cover_letter"], values)
        .on_conflict_do_nothing(constraint="unique_candidate_job_application")
        .returning(JobApplication.id, JobApplication.job_id, JobApplication.status, JobApplication.applied_at)
    )


def why_not_applied(candidate_id: int, job_id: int) -> Rows:
    """Return whether a job is open, and whether the candidate has applied to it; no row where there is no job."""
    mine = select(JobApplication.id).where(JobApplication.candidate_id == candidate_id, JobApplication.job_id == Job.id)
    visible = Job.status != constant(Job.status, JobStatus.DRAFT)
    return select(is_open().label("is_open"), mine.exists().label("has_applied")).where(Job.id == job_id, visible)


def notify_employer(application_id: int) -> Insert:
    """Insert the notification of a new application for the employer whose job it is."""
    values = (
        select(
            Employer.user_id,
            constant(Notification.type, NotificationType.NEW_APPLICATION),
            literal("New application", String),
            func.concat(User.first_name, " ", User.last_name, " applied to ", Job.title),
            JobApplication.job_id,
            JobApplication.id,
            false(),
        )
        .select_from(JobApplication)
        .join(Job, Job.id == JobApplication.job_id)
        .join(Employer, Employer.id == Job.employer_id)
        .join(Candidate, Candidate.id == JobApplication.candidate_id)
        .join(User, User.id == Candidate.user_id)
        .where(JobApplication.id == application_id)
    )
    return _notification(values)


def notify_candidate(application_id: int) -> Insert:
    """Insert the notification of an application's new status for the candidate whose it is."""
    values = (
        select(
            Candidate.user_id,
            constant(Notification.type, NotificationType.STATUS_CHANGE),
            literal("Your application", String),
            func.concat(Job.title, ": ", cast(JobApplication.status, String)),
            JobApplication.job_id,
            JobApplication.id,
            false(),
        )
        .select_from(JobApplication)
        .join(Job, Job.id == JobApplication.job_id)
        .join(Candidate, Candidate.id == JobApplication.candidate_id)
        .where(JobApplication.id == application_id)
    )
    return _notification(values)


def _notification(values: Rows) -> Insert:
    columns = ["user_id", "type", "title", "message", "related_job_id", "related_application_id", "is_read"]
    return insert(Notification).from_select(columns, values)


def my_application(candidate_id: int, application_id: int) -> Rows:
    """Return one application of a candidate with its job and company."""
    return (
        select(
            JobApplication.id, JobApplication.job_id, JobApplication.status, JobApplication.applied_at,
            JobApplication.cover_letter, JobApplication.viewed_at,
            Job.title.label("job_title"), Company.id.label("company_id"), Company.name.label("company_name"),
        )
        .join(Job, Job.id == JobApplication.job_id)
        .join(Company, Company.id == Job.company_id)
        .where(JobApplication.id == application_id, JobApplication.candidate_id == candidate_id)
    )  # fmt: skip


def application_to_change(employer_id: int, application_id: int) -> Select[JobApplication]:
    """Return an application to an employer's job, locked: two changes at once happen one by one."""
    return (
        select(JobApplication)
        .join(Job, Job.id == JobApplication.job_id)
        .where(JobApplication.id == application_id, Job.employer_id == employer_id)
        .with_for_update(of=JobApplication)
    )


def received_application(application_id: int) -> Rows:
    """Return one application with its job and candidate, as the employer sees it."""
    return (
        select(
            JobApplication.id, JobApplication.job_id, JobApplication.status, JobApplication.applied_at,
            JobApplication.viewed_at, JobApplication.candidate_id, JobApplication.cover_letter, JobApplication.notes,
            Job.title.label("job_title"), User.first_name, User.last_name, User.email,
            Candidate.title.label("candidate_title"),
        )
        .join(Job, Job.id == JobApplication.job_id)
        .join(Candidate, Candidate.id == JobApplication.candidate_id)
        .join(User, User.id == Candidate.user_id)
        .where(JobApplication.id == application_id)
    )  # fmt: skip
