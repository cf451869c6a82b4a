"""Answers of the endpoints about notifications."""

from __future__ import annotations

import datetime as dt

from intowork.kit.schemas import Answer
from intowork.models import NotificationType


class MyNotification(Answer):
    """A notification of one's own."""

    id: int
    type: NotificationType
    title: str
    message: str
    related_job_id: int | None
    related_application_id: int | None
    is_read: bool | None
    read_at: dt.datetime | None
    created_at: dt.datetime | None
