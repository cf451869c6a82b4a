"""Notifications."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from intowork.models.base import Base, CreatedAt, LongText, PrimaryKey, Timestamp, Varchar, labels
from intowork.models.enums import NotificationType


class Notification(Base):
    """A message that the platform shows to one user."""

    __tablename__ = "notifications"
    __table_args__ = (
        Index("idx_notifications_user_id_created_at", "user_id", text("created_at DESC"), text("id DESC")),
        Index("idx_notifications_user_is_read", "user_id", postgresql_where=text("is_read IS NOT TRUE")),
        Index("idx_notifications_related_application_id", "related_application_id"),
        Index("idx_notifications_related_job_id", "related_job_id"),
    )

    id: Mapped[PrimaryKey]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    type: Mapped[NotificationType] = mapped_column(labels(NotificationType, "notificationtype"))
    title: Mapped[Varchar]
    message: Mapped[LongText]
    related_job_id: Mapped[int | None] = mapped_column(ForeignKey("jobs.id"))
    related_application_id: Mapped[int | None] = mapped_column(ForeignKey("job_applications.id"))
    is_read: Mapped[bool | None] = mapped_column(default=False)
    read_at: Mapped[Timestamp | None]
    created_at: Mapped[CreatedAt] = mapped_column(index=True)
