"""Every statement of the administrator's pages."""

from __future__ import annotations

from sqlalchemy import func, select, true

from intowork.kit.pagination import PAGE_SIZE, NewestFirst, Position
from intowork.kit.sql import Rows
from intowork.models import Candidate, Company, Job, JobApplication, User


def users(*, after: Position | None = None, size: int = PAGE_SIZE) -> Rows:
    """Return a page of all users, newest first, each with the number of its applications."""
    statement = select(User.id, User.email, User.first_name, User.last_name, User.role, User.is_active, User.created_at)
    page = NewestFirst(User.created_at, User.id).page(statement, after, size).subquery("page")
    applications = (
        select(func.count().label("applications"))
        .select_from(Candidate)
        .join(JobApplication, JobApplication.candidate_id == Candidate.id)
        .where(Candidate.user_id == page.c.id)
        .lateral("applications")
    )
    return (
        select(page, applications.c.applications)
        .join(applications, true())
        .order_by(*NewestFirst(page.c.created_at, page.c.id).order())
    )


def jobs(*, after: Position | None = None, size: int = PAGE_SIZE) -> Rows:
    """Return a page of all jobs in every status, newest first, with company and number of applications."""
    statement = select(Job.id, Job.title, Job.company_id, Job.status, Job.posted_at, Job.created_at)
    page = NewestFirst(Job.created_at, Job.id).page(statement, after, size).subquery("page")
    applications = (
        select(func.count().label("applications")).where(JobApplication.job_id == page.c.id).lateral("applications")
    )
    return (
        select(page, Company.name.label("company_name"), applications.c.applications)
        .join(Company, Company.id == page.c.company_id)
        .join(applications, true())
        .order_by(*NewestFirst(page.c.created_at, page.c.id).order())
    )
