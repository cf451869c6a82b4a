"""Every statement about notifications."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, Update, delete, func, select, update
from sqlalchemy.sql.dml import ReturningDelete, ReturningUpdate

from intowork.kit.pagination import PAGE_SIZE, NewestFirst, Position, capped_count
from intowork.kit.sql import Rows
from intowork.models import Notification

_BY_CREATED_AT = NewestFirst(Notification.created_at, Notification.id)


def is_unread() -> ColumnElement[bool]:
    """Return what makes a notification unread; a null, written outside the ORM, counts as unread."""
    return Notification.is_read.is_not(True)


def notifications(
    user_id: int, *, unread_only: bool = False, after: Position | None = None, size: int = PAGE_SIZE
) -> Rows:
    """Return a page of a user's notifications, newest first."""
    statement = select(
        Notification.id, Notification.type, Notification.title, Notification.message,
        Notification.related_job_id, Notification.related_application_id,
        Notification.is_read, Notification.read_at, Notification.created_at,
    ).where(Notification.user_id == user_id)  # fmt: skip
    if unread_only:
        statement = statement.where(is_unread())
    return _BY_CREATED_AT.page(statement, after, size)


def count_unread(user_id: int) -> Select[int]:
    """Return the number of a user's unread notifications, at most one more than `COUNT_LIMIT`."""
    return capped_count(select(Notification.id).where(Notification.user_id == user_id, is_unread()))


def mark_read(user_id: int, notification_id: int) -> ReturningUpdate[int]:
    """Mark a user's notification read, once: the first moment stays. It returns its key if there is one."""
    return _read(Notification.id == notification_id, Notification.user_id == user_id).returning(Notification.id)


def mark_all_read(user_id: int) -> Update:
    """Mark all unread notifications of a user read."""
    return _read(Notification.user_id == user_id, is_unread())


def _read(*conditions: ColumnElement[bool]) -> Update:
    read_at = func.coalesce(Notification.read_at, func.now())
    return update(Notification).where(*conditions).values(is_read=True, read_at=read_at)


def remove(user_id: int, notification_id: int) -> ReturningDelete[int]:
    """Delete a user's notification, and return its key if there was one."""
    conditions = (Notification.id == notification_id, Notification.user_id == user_id)
    return delete(Notification).where(*conditions).returning(Notification.id)
