"""The endpoints about notifications: each user's own."""

from __future__ import annotations

from fastapi import APIRouter

from intowork.accounts.signed_in import Someone
from intowork.kit.pagination import Position, cut
from intowork.kit.problems import BAD_CURSOR, NOT_FOUND, NOT_SIGNED_IN, Problem, documented
from intowork.kit.schemas import DEFAULT_PAGE_SIZE, Count, Cursor, Key, Page, PageSize
from intowork.kit.sessions import Session
from intowork.notifications import queries
from intowork.notifications.schemas import MyNotification

router = APIRouter(prefix="/api/notifications", tags=["notifications"])

_OWN = documented(NOT_SIGNED_IN, NOT_FOUND)


@router.get("", responses=documented(NOT_SIGNED_IN, BAD_CURSOR))
async def list_notifications(
    user: Someone,
    session: Session,
    unread_only: bool = False,
    cursor: Cursor = None,
    size: PageSize = DEFAULT_PAGE_SIZE,
) -> Page[MyNotification]:
    """List one's own notifications, newest first."""
    after = None if cursor is None else Position.parse(cursor)
    statement = queries.notifications(user.id, unread_only=unread_only, after=after, size=size + 1)
    rows, following = cut((await session.execute(statement)).all(), size, "created_at")
    return Page(items=[MyNotification.model_validate(row) for row in rows], next=following)


@router.get("/unread-count", responses=documented(NOT_SIGNED_IN))
async def count_unread(user: Someone, session: Session) -> Count:
    """Count one's own unread notifications."""
    return Count.of(await session.scalar(queries.count_unread(user.id)) or 0)


@router.post("/read-all", status_code=204, responses=documented(NOT_SIGNED_IN))
async def read_all(user: Someone, session: Session) -> None:
    """Mark all of one's own notifications read."""
    await session.execute(queries.mark_all_read(user.id))


@router.post("/{notification_id}/read", status_code=204, responses=_OWN)
async def read(notification_id: Key, user: Someone, session: Session) -> None:
    """Mark one of one's own notifications read; a second time changes nothing."""
    if await session.scalar(queries.mark_read(user.id, notification_id)) is None:
        raise Problem(NOT_FOUND)


@router.delete("/{notification_id}", status_code=204, responses=_OWN)
async def delete_notification(notification_id: Key, user: Someone, session: Session) -> None:
    """Delete one of one's own notifications."""
    if await session.scalar(queries.remove(user.id, notification_id)) is None:
        raise Problem(NOT_FOUND)
