"""Every statement about jobs."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, true

from intowork.kit.pagination import PAGE_SIZE, NewestFirst, Position, capped_count
from intowork.kit.sql import Rows, constant
from intowork.models import Company, Job, JobApplication, JobLocation, JobStatus, JobType

_BY_POSTED_AT = NewestFirst(Job.posted_at, Job.id)
_BY_CREATED_AT = NewestFirst(Job.created_at, Job.id)


@dataclass(frozen=True)
class JobFilters:
    """What a list of jobs is narrowed to; None narrows nothing.

    Attributes:
        location_type: where the job is done.
        job_type: the contract.
        salary_min: the least that the lower end of the salary may be, in the job's currency per year.
        location: the place, whatever its case and the blanks around it.
        company_id: the company that offers the job.
    """

    location_type: JobLocation | None = None
    job_type: JobType | None = None
    salary_min: int | None = None
    location: str | None = None
    company_id: int | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the conditions that a job must meet."""
        conditions: list[ColumnElement[bool]] = []
        if self.location_type is not None:
            conditions.append(Job.location_type == self.location_type)
        if self.job_type is not None:
            conditions.append(Job.job_type == self.job_type)
        if self.salary_min is not None:
            conditions.append(Job.salary_min >= self.salary_min)
        if self.location is not None:
            conditions.append(func.lower(Job.location) == func.lower(self.location.strip()))
        if self.company_id is not None:
            conditions.append(Job.company_id == self.company_id)
        return conditions


NO_FILTERS = JobFilters()


def is_open() -> ColumnElement[bool]:
    """Return what makes a job open to applications: published and not expired.

    The only place that says so; lists, counts, search, alerts and feeds use it.
    """
    return and_(
        Job.status == constant(Job.status, JobStatus.PUBLISHED),
        or_(Job.expires_at.is_(None), Job.expires_at > func.now()),
    )


def open_jobs(filters: JobFilters = NO_FILTERS, *, after: Position | None = None, size: int = PAGE_SIZE) -> Rows:
    """Return a page of the open jobs that meet the filters, newest first, each with its company.

    The page is found in an index alone, whatever the filters; rows of jobs and companies are fetched for the page only.
    """
    matching = select(Job.id).where(is_open(), *filters.conditions())
    page = _BY_POSTED_AT.page(matching, after, size).subquery("page")
    return (
        select(
            Job.id, Job.title, Job.company_id, Job.job_type, Job.location_type, Job.location,
            Job.salary_min, Job.salary_max, Job.currency, Job.is_featured, Job.posted_at, Job.expires_at,
            Company.name.label("company_name"), Company.logo_url.label("company_logo_url"),
        )
        .select_from(page)
        .join(Job, Job.id == page.c.id)
        .join(Company, Company.id == Job.company_id)
        .order_by(*_BY_POSTED_AT.order())
    )  # fmt: skip


def count_open_jobs(filters: JobFilters = NO_FILTERS) -> Select[int]:
    """Return the number of open jobs that meet the filters, at most one more than `COUNT_LIMIT`."""
    return capped_count(select(Job.id).where(is_open(), *filters.conditions()))


def employer_jobs(
    employer_id: int,
    *,
    status: JobStatus | None = None,
    after: Position | None = None,
    size: int = PAGE_SIZE,
) -> Rows:
    """Return a page of an employer's jobs, newest first, each with the number of its applications.

    Applications are counted for the jobs of the page alone.
    """
    jobs = select(
        Job.id, Job.title, Job.status, Job.job_type, Job.location_type, Job.location,
        Job.views_count, Job.posted_at, Job.expires_at, Job.created_at,
    ).where(Job.employer_id == employer_id)  # fmt: skip
    if status is not None:
        jobs = jobs.where(Job.status == constant(Job.status, status))
    page = _BY_CREATED_AT.page(jobs, after, size).subquery("page")
    applications = (
        select(func.count().label("applications")).where(JobApplication.job_id == page.c.id).lateral("applications")
    )
    return (
        select(page, applications.c.applications)
        .join(applications, true())
        .order_by(*NewestFirst(page.c.created_at, page.c.id).order())
    )


def job_detail(job_id: int) -> Rows:
    """Return a job with its company, whatever its status, and whether it is open."""
    return (
        select(
            Job.id, Job.title, Job.employer_id, Job.company_id, Job.job_type, Job.location_type, Job.location,
            Job.salary_min, Job.salary_max, Job.currency, Job.is_featured, Job.posted_at, Job.expires_at,
            Job.description, Job.requirements, Job.responsibilities, Job.benefits, Job.status,
            Company.name.label("company_name"), Company.logo_url.label("company_logo_url"),
            is_open().label("is_open"),
        )
        .join(Company, Company.id == Job.company_id)
        .where(Job.id == job_id)
    )  # fmt: skip


def job_to_change(job_id: int, employer_id: int) -> Select[Job]:
    """Return an employer's own job, locked until the transaction ends: two changes at once happen one by one."""
    return select(Job).where(Job.id == job_id, Job.employer_id == employer_id).with_for_update()


def count_jobs_since(moment: dt.datetime) -> Select[int]:
    """Return the number of open jobs posted since a moment, at most one more than `COUNT_LIMIT`."""
    return capped_count(select(Job.id).where(is_open(), Job.posted_at >= moment))


def count_applications(job_id: int) -> Select[int]:
    """Return the number of applications to a job."""
    return select(func.count()).where(JobApplication.job_id == job_id)
