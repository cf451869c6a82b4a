"""Every statement about companies and who recruits for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ScalarSelect, Select, false, func, select, true, update
from sqlalchemy.orm import aliased
from sqlalchemy.sql.dml import ReturningUpdate

from intowork.jobs.queries import JobFilters, count_open_jobs, is_open
from intowork.kit.pagination import PAGE_SIZE, NewestFirst, Position
from intowork.kit.sql import Rows, constant
from intowork.models import ApplicationStatus, Company, Employer, Job, JobApplication, JobStatus, User

_BY_CREATED_AT = NewestFirst(Employer.created_at, Employer.id)
_SHOWN = (
    Company.id, Company.name, Company.description, Company.industry, Company.size, Company.website_url,
    Company.linkedin_url, Company.address, Company.city, Company.country, Company.logo_url,
)  # fmt: skip
_PERMISSIONS = (
    Employer.id,
    func.coalesce(Employer.can_create_jobs, true()).label("can_create_jobs"),
    func.coalesce(Employer.can_manage_candidates, true()).label("can_manage_candidates"),
)


def company(company_id: int) -> Rows:
    """Return a company."""
    return select(*_SHOWN).where(Company.id == company_id)


def company_with_open_jobs(company_id: int) -> Rows:
    """Return a company with the number of its open jobs, at most one more than `COUNT_LIMIT`."""
    open_jobs = count_open_jobs(JobFilters(company_id=company_id)).scalar_subquery()
    return select(*_SHOWN, open_jobs.label("open_jobs")).where(Company.id == company_id)


def join_as_admin(employer_id: int, company_id: int) -> ReturningUpdate[int]:
    """Let an employer who recruits for no company act for one as its admin; it returns no row where he has one.

    The condition is in the statement, so that of two requests at once the second waits, looks again and joins nothing.
    """
    return (
        update(Employer)
        .where(Employer.id == employer_id, Employer.company_id.is_(None))
        .values(company_id=company_id, is_admin=True, can_create_jobs=True, can_manage_candidates=True)
        .returning(Employer.id)
    )


def change_company(employer_id: int, columns: Mapping[str, Any]) -> ReturningUpdate[*tuple[Any, ...]]:
    """Change the company that an employer is admin of, and return it; no row where he is admin of none."""
    return (
        update(Company)
        .where(Company.id == _administered_by(employer_id))
        .values(updated_at=func.now(), **columns)
        .returning(*_SHOWN)
    )


def numbers(company_id: int) -> Rows:
    """Return one row with the numbers of a company: its employers, its jobs, and the applications to them.

    Each application is read once, from the index of its job alone.
    """
    is_new = JobApplication.status == constant(JobApplication.status, ApplicationStatus.APPLIED)
    is_accepted = JobApplication.status == constant(JobApplication.status, ApplicationStatus.ACCEPTED)
    counted = (
        select(
            func.count().label("applications"),
            func.count().filter(is_new).label("new_applications"),
            func.count().filter(is_accepted).label("accepted_applications"),
        )
        .where(JobApplication.job_id == Job.id)
        .lateral("counted")
    )
    is_draft = Job.status == constant(Job.status, JobStatus.DRAFT)
    return (
        select(
            select(func.count()).where(Employer.company_id == company_id).scalar_subquery().label("employers"),
            func.count().label("jobs"),
            func.count().filter(is_draft).label("draft_jobs"),
            func.count().filter(is_open()).label("open_jobs"),
            *(
                func.coalesce(func.sum(counts), 0).label(counts.name)
                for counts in (counted.c.applications, counted.c.new_applications, counted.c.accepted_applications)
            ),
        )
        .select_from(Job)
        .join(counted, true())
        .where(Job.company_id == company_id)
    )


def colleagues(company_id: int, *, after: Position | None = None, size: int = PAGE_SIZE) -> Rows:
    """Return a page of the employers of a company, newest first, each with its user."""
    employers = (
        select(
            *_PERMISSIONS,
            Employer.position, Employer.department, Employer.phone, Employer.created_at,
            func.coalesce(Employer.is_admin, false()).label("is_admin"),
            User.first_name, User.last_name, User.email,
        )
        .join(User, User.id == Employer.user_id)
        .where(Employer.company_id == company_id)
    )  # fmt: skip
    return _BY_CREATED_AT.page(employers, after, size)


def change_permissions(
    employer_id: int, colleague_id: int, columns: Mapping[str, bool]
) -> ReturningUpdate[*tuple[Any, ...]]:
    """Change what a colleague may do, and return it; no row where the employer is not admin of the same company.

    Args:
        employer_id: who changes it.
        colleague_id: whose permissions.
        columns: the permissions that change.
    """
    return (
        update(Employer)
        .where(Employer.id == colleague_id, Employer.company_id == _administered_by(employer_id))
        .values(updated_at=func.now(), **columns)
        .returning(*_PERMISSIONS)
    )


def is_admin(employer_id: int) -> Select[bool]:
    """Return whether an employer is admin of a company."""
    return select(_administered_by(employer_id).is_not(None))


def _administered_by(employer_id: int) -> ScalarSelect[int | None]:
    """The key of the company that an employer is admin of; read in the statement that relies on it."""
    acting = aliased(Employer)
    return select(acting.company_id).where(acting.id == employer_id, acting.is_admin.is_(True)).scalar_subquery()
