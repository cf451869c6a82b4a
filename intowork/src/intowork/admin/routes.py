"""The administrator's endpoints."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from intowork.accounts.rules import normalized_email
from intowork.accounts.signed_in import Administrator
from intowork.admin import queries
from intowork.admin.schemas import AdministeredJob, AdministeredUser, PlatformNumbers, ToActivate
from intowork.kit.pagination import Position, cut
from intowork.kit.problems import BAD_CURSOR, FORBIDDEN, NOT_FOUND, NOT_SIGNED_IN, ON_ONESELF, Problem, documented
from intowork.kit.schemas import DEFAULT_PAGE_SIZE, Cursor, Key, Line, Page, PageSize
from intowork.kit.sessions import Session
from intowork.models import UserRole

router = APIRouter(prefix="/api/admin", tags=["administration"])

_ANY = documented(NOT_SIGNED_IN, FORBIDDEN)
_LIST = _ANY | documented(BAD_CURSOR)


@router.get("/stats", responses=_ANY)
async def get_numbers(user: Administrator, session: Session) -> PlatformNumbers:
    """Return what there is on the platform."""
    return PlatformNumbers.model_validate((await session.execute(queries.numbers())).one())


@router.get("/users", responses=_LIST)
async def list_users(
    user: Administrator,
    session: Session,
    role: UserRole | None = None,
    email: Annotated[Line | None, Query(description="the whole address")] = None,
    cursor: Cursor = None,
    size: PageSize = DEFAULT_PAGE_SIZE,
) -> Page[AdministeredUser]:
    """List users, newest first, each with the number of its applications."""
    after = None if cursor is None else Position.parse(cursor)
    address = None if email is None else normalized_email(email)
    statement = queries.users(role=role, email=address, after=after, size=size + 1)
    rows, following = cut((await session.execute(statement)).all(), size, "created_at")
    return Page(items=[AdministeredUser.model_validate(row) for row in rows], next=following)


@router.put("/users/{user_id}/active", status_code=204, responses=_ANY | documented(NOT_FOUND, ON_ONESELF))
async def activate_user(user_id: Key, body: ToActivate, user: Administrator, session: Session) -> None:
    """Let a user sign in or not; who may not is signed out everywhere."""
    if user_id == user.id:
        raise Problem(ON_ONESELF, "Ask another administrator")
    found = await session.scalar(queries.user_to_change(user_id))
    if found is None:
        raise Problem(NOT_FOUND)
    found.is_active = body.is_active
    if not body.is_active:
        await session.execute(queries.end_sessions(user_id))


@router.get("/jobs", responses=_LIST)
async def list_jobs(
    user: Administrator, session: Session, cursor: Cursor = None, size: PageSize = DEFAULT_PAGE_SIZE
) -> Page[AdministeredJob]:
    """List jobs in every status, newest first, each with its company and the number of its applications."""
    after = None if cursor is None else Position.parse(cursor)
    rows, following = cut((await session.execute(queries.jobs(after=after, size=size + 1))).all(), size, "created_at")
    return Page(items=[AdministeredJob.model_validate(row) for row in rows], next=following)
