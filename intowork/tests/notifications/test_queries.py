from __future__ import annotations

import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from intowork.kit.pagination import COUNT_LIMIT, Position
from intowork.models import Notification, NotificationType
from intowork.notifications.queries import count_unread, notifications
from intowork.testing import Factory, ago


@pytest.mark.parametrize("unread_only", [False, True])
def test_pages_hold_each_of_a_users_notifications_once_newest_first(
    platform: Session, factory: Factory, unread_only: bool
) -> None:
    user, other = factory.user(), factory.user()
    own = [
        factory.notification(user, created_at=ago(days=number // 3), is_read=(False, True, None)[number % 3])
        for number in range(10)
    ]
    factory.notification(other)
    expected = sorted(
        (row for row in own if not unread_only or row.is_read is not True),
        key=lambda row: (row.created_at, row.id),
        reverse=True,
    )
    walked: list[int] = []
    after = None
    while page := platform.execute(notifications(user.id, unread_only=unread_only, after=after, size=2)).all():
        walked.extend(row.id for row in page)
        after = Position(page[-1].created_at, page[-1].id)
    assert walked == [row.id for row in expected]


def test_a_notification_never_marked_counts_as_unread(platform: Session, factory: Factory) -> None:
    user, other = factory.user(), factory.user()
    for is_read in (None, False, True):
        factory.notification(user, is_read=is_read)
    factory.notification(other, is_read=False)
    assert platform.scalar(count_unread(user.id)) == 2


def test_unread_notifications_are_counted_to_the_limit(platform: Session, factory: Factory) -> None:
    user = factory.user()
    row = {"user_id": user.id, "type": NotificationType.SYSTEM, "title": "News", "message": "", "is_read": False}
    platform.execute(insert(Notification), [row] * (COUNT_LIMIT + 500))
    assert platform.scalar(count_unread(user.id)) == COUNT_LIMIT + 1
