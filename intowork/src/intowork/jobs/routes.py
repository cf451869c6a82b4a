"""The endpoints about jobs."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from sqlalchemy import Row

from intowork.accounts.signed_in import Maybe, Recruiter
from intowork.jobs import queries
from intowork.jobs.queries import JobFilters
from intowork.jobs.rules import expiry_fault, may_become, salary_fault
from intowork.jobs.schemas import JobDetail, JobSort, JobToCreate, JobToUpdate, ListedCompany, ListedJob, MyJob
from intowork.kit.pagination import Position, cut
from intowork.kit.problems import (
    BAD_CURSOR,
    FORBIDDEN,
    ILLEGAL_TRANSITION,
    INVALID,
    NO_COMPANY,
    NOT_FOUND,
    NOT_SIGNED_IN,
    Problem,
    documented,
    invalid,
)
from intowork.kit.schemas import DEFAULT_PAGE_SIZE, Amount, Count, Cursor, Key, Line, Page, PageSize
from intowork.kit.sessions import Reading, Session
from intowork.models import Job, JobLocation, JobStatus, JobType

router = APIRouter(prefix="/api/jobs", tags=["jobs"])

_RECENT = dt.timedelta(days=7)
_OWN = documented(NOT_SIGNED_IN, FORBIDDEN, NOT_FOUND, INVALID)


@router.get("", responses=documented(BAD_CURSOR, INVALID))
async def list_jobs(
    session: Reading,
    location_type: JobLocation | None = None,
    job_type: JobType | None = None,
    salary_min: Annotated[Amount | None, Query()] = None,
    location: Annotated[Line | None, Query()] = None,
    company_id: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    sort: JobSort = JobSort.NEWEST,
    cursor: Cursor = None,
    size: PageSize = DEFAULT_PAGE_SIZE,
) -> Page[ListedJob]:
    """List the open jobs, newest first; the first page says how many there are."""
    filters = JobFilters(location_type, job_type, salary_min, location, company_id)
    after = None if cursor is None else Position.parse(cursor)
    found = (await session.execute(queries.open_jobs(filters, after=after, size=size + 1))).all()
    rows, following = cut(found, size, "posted_at")
    count = None
    if after is None:
        # A first page that nothing follows is all there is.
        counted = await session.scalar(queries.count_open_jobs(filters)) if following else len(rows)
        count = Count.of(counted or 0)
    return Page(items=[_listed(row) for row in rows], next=following, count=count)


@router.get("/recent-count")
async def count_recent_jobs(session: Reading) -> Count:
    """Count the open jobs of the last seven days."""
    since = dt.datetime.now(dt.UTC) - _RECENT
    return Count.of(await session.scalar(queries.count_jobs_since(since)) or 0)


@router.get("/mine", responses=documented(NOT_SIGNED_IN, FORBIDDEN, BAD_CURSOR))
async def list_my_jobs(
    user: Recruiter,
    session: Session,
    status: JobStatus | None = None,
    cursor: Cursor = None,
    size: PageSize = DEFAULT_PAGE_SIZE,
) -> Page[MyJob]:
    """List one's own jobs in every status, newest first, each with the number of its applications."""
    after = None if cursor is None else Position.parse(cursor)
    rows = (await session.execute(queries.employer_jobs(user.employer_id, status=status, after=after, size=size))).all()
    last = Position(rows[-1].created_at, rows[-1].id).cursor() if len(rows) == size else None
    return Page(items=[MyJob.model_validate(row) for row in rows], next=last)


@router.get("/{job_id}", responses=documented(NOT_FOUND))
async def get_job(job_id: Key, user: Maybe, session: Session) -> JobDetail:
    """Return a job that is open, or one's own in any status."""
    row = (await session.execute(queries.job_detail(job_id))).one_or_none()
    if row is None or not (row.is_open or (user is not None and user.employer_id == row.employer_id)):
        raise Problem(NOT_FOUND)
    return JobDetail(
        **_listed(row).model_dump(exclude={"company"}),
        company=_company(row),
        **{name: getattr(row, name) for name in JobDetail.model_fields.keys() - ListedJob.model_fields.keys()},
    )


@router.post("", status_code=201, responses=documented(NOT_SIGNED_IN, FORBIDDEN, NO_COMPANY, INVALID))
async def create_job(body: JobToCreate, user: Recruiter, session: Session, response: Response) -> MyJob:
    """Create a draft for one's company."""
    if not user.can_create_jobs:
        raise Problem(FORBIDDEN, "Your company does not let you create jobs")
    if user.company_id is None:
        raise Problem(NO_COMPANY, "Create your company, or accept an invitation to one, first")
    if fault := expiry_fault(body.expires_at, dt.datetime.now(dt.UTC)):
        raise invalid("body.expires_at", fault)
    job = Job(**body.model_dump(), employer_id=user.employer_id, company_id=user.company_id, status=JobStatus.DRAFT)
    session.add(job)
    await session.flush()
    await session.refresh(job, ["created_at"])
    response.headers["Location"] = f"/api/jobs/{job.id}"
    return _mine(job)


@router.patch("/{job_id}", responses=_OWN)
async def update_job(job_id: Key, body: JobToUpdate, user: Recruiter, session: Session) -> MyJob:
    """Change what the body names of one's own job."""
    job = await _own(job_id, user, session)
    for name in body.model_fields_set:
        setattr(job, name, getattr(body, name))
    if fault := salary_fault(job.salary_min, job.salary_max):
        raise invalid("body.salary_min", fault)
    if "expires_at" in body.model_fields_set and (fault := expiry_fault(body.expires_at, dt.datetime.now(dt.UTC))):
        raise invalid("body.expires_at", fault)
    return await _changed(job, session)


@router.post("/{job_id}/publish", responses=_OWN | documented(ILLEGAL_TRANSITION))
async def publish_job(job_id: Key, user: Recruiter, session: Session) -> MyJob:
    """Open one's own job to applications: a draft, or one that was closed."""
    job = await _in_status(job_id, JobStatus.PUBLISHED, user, session)
    now = dt.datetime.now(dt.UTC)
    if fault := expiry_fault(job.expires_at, now):
        raise invalid("expires_at", fault)
    # A job that opens again keeps its place: it is not news.
    job.posted_at = job.posted_at or now
    return await _changed(job, session)


@router.post("/{job_id}/close", responses=_OWN | documented(ILLEGAL_TRANSITION))
async def close_job(job_id: Key, user: Recruiter, session: Session) -> MyJob:
    """End applications to one's own job; it can be published again."""
    return await _changed(await _in_status(job_id, JobStatus.CLOSED, user, session), session)


@router.post("/{job_id}/archive", responses=_OWN | documented(ILLEGAL_TRANSITION))
async def archive_job(job_id: Key, user: Recruiter, session: Session) -> MyJob:
    """Put one's own draft or closed job away for good."""
    return await _changed(await _in_status(job_id, JobStatus.ARCHIVED, user, session), session)


async def _own(job_id: int, user: Recruiter, session: Session) -> Job:
    job = await session.scalar(queries.job_to_change(job_id, user.employer_id))
    if job is None:
        raise Problem(NOT_FOUND)
    return job


async def _in_status(job_id: int, wanted: JobStatus, user: Recruiter, session: Session) -> Job:
    job = await _own(job_id, user, session)
    if not may_become(job.status, wanted):
        raise Problem(ILLEGAL_TRANSITION, f"A job that is {job.status} cannot become {wanted}")
    job.status = wanted
    return job


async def _changed(job: Job, session: Session) -> MyJob:
    await session.flush()
    return _mine(job, await session.scalar(queries.count_applications(job.id)) or 0)


def _mine(job: Job, applications: int = 0) -> MyJob:
    columns = {name: getattr(job, name) for name in MyJob.model_fields if name != "applications"}
    return MyJob(**columns, applications=applications)


def _listed(row: Row[*tuple[Any, ...]]) -> ListedJob:
    columns = {name: getattr(row, name) for name in ListedJob.model_fields if name != "company"}
    return ListedJob(**columns, company=_company(row))


def _company(row: Row[*tuple[Any, ...]]) -> ListedCompany:
    return ListedCompany(id=row.company_id, name=row.company_name, logo_url=row.company_logo_url)
