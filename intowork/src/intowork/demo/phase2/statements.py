"""The statements of the analysed platform, request by request, as its ORM sent them.

Each function returns what one request sends, in order. Whole rows are loaded where a few columns are shown, every list
counts all its rows first, pages are reached by OFFSET, and what a row refers to is loaded when the page is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, false, func, literal, or_, select

from intowork.demo.phase2.models import Candidate, Company, Job, JobApplication, Notification, User
from intowork.kit.sql import Rows

Request = tuple[Rows, ...]

_JOBS_ON_A_PAGE = 10
_NOTIFICATIONS_ON_A_PAGE = 20
_ANSWERED = ("rejected", "accepted", "interview", "shortlisted", "viewed")


@dataclass(frozen=True)
class ShownApplication:
    """What an application on a page refers to, by primary key."""

    job_id: int
    company_id: int
    candidate_id: int
    user_id: int


def job_list(
    *,
    location: str | None = None,
    job_type: str | None = None,
    location_type: str | None = None,
    salary_min: int | None = None,
    search: str | None = None,
    page: int = 1,
) -> Request:
    """Return the job list: a count of all matches, then the page."""
    jobs = select(Job, Company).join(Company, Job.company_id == Company.id).where(Job.status == "published")
    if search is not None:
        pattern = f"%{search}%"
        jobs = jobs.where(or_(Job.title.ilike(pattern), Job.description.ilike(pattern), Company.name.ilike(pattern)))
    if location is not None:
        jobs = jobs.where(Job.location.ilike(f"%{location}%"))
    if job_type is not None:
        jobs = jobs.where(Job.job_type == job_type)
    if location_type is not None:
        jobs = jobs.where(Job.location_type == location_type)
    if salary_min is not None:
        jobs = jobs.where(literal(salary_min) <= Job.salary_min)
    return _counted_page(jobs, Job.posted_at.desc(), page, _JOBS_ON_A_PAGE)


def applied_jobs(candidate_id: int) -> Request:
    """Return which jobs a candidate has applied to: all of them, to mark ten."""
    return (select(JobApplication.job_id).where(JobApplication.candidate_id == candidate_id),)


def duplicate_check(candidate_id: int, job_id: int) -> Request:
    """Return the look for an earlier application, the only guard against a second one."""
    return (select(JobApplication).where(JobApplication.job_id == job_id, JobApplication.candidate_id == candidate_id),)


def my_applications(candidate_id: int, shown: Sequence[ShownApplication], *, page: int = 1) -> Request:
    """Return a candidate's applications: the count, the page, then each job and each company by itself.

    Args:
        candidate_id: whose applications.
        shown: what the rows of the page refer to; the session loads nothing twice.
        page: the number of the page, from 1.
    """
    applications = select(JobApplication).where(JobApplication.candidate_id == candidate_id)
    return (
        *_counted_page(applications, JobApplication.applied_at.desc(), page, _JOBS_ON_A_PAGE),
        *(select(Job).where(Job.id == key) for key in _once(row.job_id for row in shown)),
        *(select(Company).where(Company.id == key) for key in _once(row.company_id for row in shown)),
    )


def employer_applications(
    employer_id: int,
    shown: Sequence[ShownApplication],
    *,
    status: str | None = None,
    job_id: int | None = None,
    page: int = 1,
) -> Request:
    """Return an employer's applications: the count, the page, then each job, candidate and user by itself."""
    applications = select(JobApplication).join(Job).where(Job.employer_id == employer_id)
    if status is not None:
        applications = applications.where(JobApplication.status == status)
    if job_id is not None:
        applications = applications.where(JobApplication.job_id == job_id)
    return (
        *_counted_page(applications, JobApplication.applied_at.desc(), page, 2 * _JOBS_ON_A_PAGE),
        *(select(Job).where(Job.id == key) for key in _once(row.job_id for row in shown)),
        *(select(Candidate).where(Candidate.id == key) for key in _once(row.candidate_id for row in shown)),
        *(select(User).where(User.id == key) for key in _once(row.user_id for row in shown)),
    )


def employer_jobs(employer_id: int, *, status: str | None = None, page: int = 1) -> Request:
    """Return an employer's jobs: the count, then the page."""
    jobs = select(Job, Company).join(Company, Job.company_id == Company.id).where(Job.employer_id == employer_id)
    if status is not None:
        jobs = jobs.where(Job.status == status)
    return _counted_page(jobs, Job.posted_at.desc(), page, _JOBS_ON_A_PAGE)


def employer_dashboard(employer_id: int) -> Request:
    """Return an employer's dashboard: eight statements, the third a repetition of the second.

    They are: published jobs (all rows, counted in Python), applications, applications again for the rate of answers,
    interviews, answered applications, last job, last application, last interview.
    """
    applications = select(JobApplication).join(Job).where(Job.employer_id == employer_id)
    interviews = applications.where(JobApplication.status == "interview")
    answered = applications.where(JobApplication.status.in_(_ANSWERED))
    jobs = select(Job).where(Job.employer_id == employer_id)
    return (
        jobs.where(Job.status == "published"),
        _count(applications),
        _count(applications),
        _count(interviews),
        _count(answered),
        jobs.order_by(Job.created_at.desc()).limit(1),
        applications.order_by(JobApplication.applied_at.desc()).limit(1),
        interviews.order_by(JobApplication.updated_at.desc()).limit(1),
    )


def notifications(user_id: int, *, page: int = 1) -> Request:
    """Return a user's notifications: all counted, the unread counted, then the page."""
    mine: ColumnElement[bool] = Notification.user_id == user_id
    return (
        select(func.count()).select_from(Notification).where(mine),
        unread_count(user_id)[0],
        select(Notification)
        .where(mine)
        .order_by(Notification.created_at.desc())
        .offset((page - 1) * _NOTIFICATIONS_ON_A_PAGE)
        .limit(_NOTIFICATIONS_ON_A_PAGE),
    )


def unread_count(user_id: int) -> Request:
    """Return the number of unread notifications, which leaves out those whose mark is null."""
    return (
        select(func.count())
        .select_from(Notification)
        .where(Notification.user_id == user_id, Notification.is_read == false()),
    )


def _counted_page(rows: Rows, order: ColumnElement[object], page: int, size: int) -> Request:
    return _count(rows), rows.order_by(order).offset((page - 1) * size).limit(size)


def _count(rows: Rows) -> Rows:
    return select(func.count()).select_from(rows.subquery())


def _once(keys: Iterable[int]) -> Iterable[int]:
    return dict.fromkeys(keys)
