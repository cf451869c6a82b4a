"""The endpoints about applications: the candidate's own, and those to an employer's jobs."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Query, Response

from intowork.accounts.signed_in import Applicant, Recruiter, RecruitingUser
from intowork.applications import queries
from intowork.applications.rules import may_become
from intowork.applications.schemas import (
    Applied,
    MyApplication,
    MyApplicationDetail,
    ReceivedApplication,
    ReceivedApplicationDetail,
    ToApply,
    ToChangeStatus,
    ToNote,
)
from intowork.kit.pagination import Position, cut
from intowork.kit.problems import (
    ALREADY_APPLIED,
    BAD_CURSOR,
    FORBIDDEN,
    ILLEGAL_TRANSITION,
    INVALID,
    JOB_NOT_OPEN,
    NOT_FOUND,
    NOT_SIGNED_IN,
    Problem,
    documented,
)
from intowork.kit.schemas import DEFAULT_PAGE_SIZE, LARGEST_INTEGER, Cursor, Key, Page, PageSize
from intowork.kit.sessions import Session
from intowork.models import ApplicationStatus, JobApplication

router = APIRouter(prefix="/api", tags=["applications"])

_LIST = documented(NOT_SIGNED_IN, FORBIDDEN, BAD_CURSOR, INVALID)
_ONE = documented(NOT_SIGNED_IN, FORBIDDEN, NOT_FOUND)


@router.post(
    "/jobs/{job_id}/applications",
    status_code=201,
    responses=_ONE | documented(ALREADY_APPLIED, JOB_NOT_OPEN, INVALID),
)
async def apply(job_id: Key, body: ToApply, user: Applicant, session: Session, response: Response) -> Applied:
    """Apply to an open job; one candidate applies once to a job, also when two requests race."""
    sent = (await session.execute(queries.apply(user.candidate_id, job_id, body.cover_letter))).one_or_none()
    if sent is None:
        why = (await session.execute(queries.why_not_applied(user.candidate_id, job_id))).one_or_none()
        if why is None:
            raise Problem(NOT_FOUND)
        raise Problem(ALREADY_APPLIED if why.has_applied else JOB_NOT_OPEN)
    await session.execute(queries.notify_employer(sent.id))
    response.headers["Location"] = f"/api/applications/{sent.id}"
    return Applied.model_validate(sent)


@router.get("/applications", responses=_LIST)
async def list_my_applications(
    user: Applicant,
    session: Session,
    status: ApplicationStatus | None = None,
    cursor: Cursor = None,
    size: PageSize = DEFAULT_PAGE_SIZE,
) -> Page[MyApplication]:
    """List one's own applications, newest first."""
    after = None if cursor is None else Position.parse(cursor)
    statement = queries.my_applications(user.candidate_id, status=status, after=after, size=size + 1)
    rows, following = cut((await session.execute(statement)).all(), size, "applied_at")
    return Page(items=[MyApplication.model_validate(row) for row in rows], next=following)


@router.get("/applications/{application_id}", responses=_ONE)
async def get_my_application(application_id: Key, user: Applicant, session: Session) -> MyApplicationDetail:
    """Return one of one's own applications."""
    row = (await session.execute(queries.my_application(user.candidate_id, application_id))).one_or_none()
    if row is None:
        raise Problem(NOT_FOUND)
    return MyApplicationDetail.model_validate(row)


@router.get("/received-applications", responses=_LIST)
async def list_received_applications(
    user: Recruiter,
    session: Session,
    job_id: Annotated[int | None, Query(ge=1, le=LARGEST_INTEGER)] = None,
    status: ApplicationStatus | None = None,
    cursor: Cursor = None,
    size: PageSize = DEFAULT_PAGE_SIZE,
) -> Page[ReceivedApplication]:
    """List the applications to one's own jobs, newest first."""
    _require_candidates(user)
    after = None if cursor is None else Position.parse(cursor)
    statement = queries.employer_applications(
        user.employer_id, job_id=job_id, status=status, after=after, size=size + 1
    )
    rows, following = cut((await session.execute(statement)).all(), size, "applied_at")
    return Page(items=[ReceivedApplication.model_validate(row) for row in rows], next=following)


@router.post("/received-applications/{application_id}/view", responses=_ONE)
async def view_application(application_id: Key, user: Recruiter, session: Session) -> ReceivedApplicationDetail:
    """Open an application to one's own job: the first time, the candidate learns that it was viewed."""
    application = await _received(application_id, user, session)
    application.viewed_at = application.viewed_at or dt.datetime.now(dt.UTC)
    if application.status is ApplicationStatus.APPLIED:
        await _change(application, ApplicationStatus.VIEWED, session)
    return await _detail(application, session)


@router.get("/received-applications/{application_id}", responses=_ONE)
async def get_received_application(application_id: Key, user: Recruiter, session: Session) -> ReceivedApplicationDetail:
    """Return an application to one's own job, and leave it as it is."""
    return await _detail(await _received(application_id, user, session), session)


@router.put("/received-applications/{application_id}/status", responses=_ONE | documented(ILLEGAL_TRANSITION, INVALID))
async def change_status(
    application_id: Key, body: ToChangeStatus, user: Recruiter, session: Session
) -> ReceivedApplicationDetail:
    """Take an application to its next status; the candidate is told."""
    application = await _received(application_id, user, session)
    if not may_become(application.status, body.status):
        raise Problem(ILLEGAL_TRANSITION, f"An application that is {application.status} cannot become {body.status}")
    await _change(application, body.status, session)
    return await _detail(application, session)


@router.put("/received-applications/{application_id}/notes", responses=_ONE | documented(INVALID))
async def note(application_id: Key, body: ToNote, user: Recruiter, session: Session) -> ReceivedApplicationDetail:
    """Write what the candidate never sees."""
    application = await _received(application_id, user, session)
    application.notes = body.notes
    return await _detail(application, session)


def _require_candidates(user: RecruitingUser) -> None:
    if not user.can_manage_candidates:
        raise Problem(FORBIDDEN, "Your company does not let you manage candidates")


async def _received(application_id: int, user: RecruitingUser, session: Session) -> JobApplication:
    _require_candidates(user)
    application = await session.scalar(queries.application_to_change(user.employer_id, application_id))
    if application is None:
        raise Problem(NOT_FOUND)
    return application


async def _change(application: JobApplication, status: ApplicationStatus, session: Session) -> None:
    application.status = status
    await session.flush()
    await session.execute(queries.notify_candidate(application.id))


async def _detail(application: JobApplication, session: Session) -> ReceivedApplicationDetail:
    await session.flush()
    row = (await session.execute(queries.received_application(application.id))).one()
    return ReceivedApplicationDetail.model_validate(row)
