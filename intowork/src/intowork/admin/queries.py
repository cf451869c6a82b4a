"""Every statement of the administrator's pages."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Delete, Select, delete, func, select, true

from intowork.jobs.queries import is_open
from intowork.kit.pagination import PAGE_SIZE, NewestFirst, Position
from intowork.kit.sql import Rows, constant
from intowork.models import Candidate, Company, Employer, Job, JobApplication, Session, User, UserRole


def users(
    *, role: UserRole | None = None, email: str | None = None, after: Position | None = None, size: int = PAGE_SIZE
) -> Rows:
    """Return a page of all users, newest first, each with the number of its applications.

    Args:
        role: users of this role alone; None for all.
        email: the user of this address alone, as it is stored; None for all.
        after: where the page before ended, None for the first.
        size: rows of a page.
    """
    statement = select(User.id, User.email, User.first_name, User.last_name, User.role, User.is_active, User.created_at)
    if role is not None:
        statement = statement.where(User.role == constant(User.role, role))
    if email is not None:
        statement = statement.where(User.email == email)
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


def numbers() -> Rows:
    """Return one row with the numbers of the platform.

    Exact, by reading an index of each table: an administrator asks seldom and decides by them.
    """

    def of(rows: Rows) -> ColumnElement[int]:
        return select(func.count()).select_from(rows.subquery()).scalar_subquery()

    return select(
        of(select(User.id)).label("users"),
        of(select(User.id).where(User.is_active.is_(True))).label("active_users"),
        of(select(Candidate.id)).label("candidates"),
        of(select(Employer.id)).label("employers"),
        of(select(Company.id)).label("companies"),
        of(select(Job.id)).label("jobs"),
        of(select(Job.id).where(is_open())).label("open_jobs"),
        of(select(JobApplication.id)).label("applications"),
    )


def user_to_change(user_id: int) -> Select[User]:
    """Return a user, locked until the transaction ends."""
    return select(User).where(User.id == user_id).with_for_update()


def end_sessions(user_id: int) -> Delete:
    """Delete all sessions of a user."""
    return delete(Session).where(Session.user_id == user_id)
