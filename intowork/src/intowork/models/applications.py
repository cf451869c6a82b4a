"""Applications of candidates to jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from intowork.models.base import Base, LongText, PrimaryKey, Timestamp, UpdatedAt, Varchar, labels
from intowork.models.enums import ApplicationStatus

if TYPE_CHECKING:
    from intowork.models.candidates import Candidate
    from intowork.models.jobs import Job


class JobApplication(Base):
    """A candidate's application to a job: one row per candidate and job, for ever."""

    __tablename__ = "job_applications"
    __table_args__ = (
        UniqueConstraint("candidate_id", "job_id", name="unique_candidate_job_application"),
        Index(
            "idx_job_applications_job_id_status",
            "job_id", "status", text("applied_at DESC"), text("id DESC"),
        ),
        Index(
            "idx_job_applications_candidate_id_applied_at",
            "candidate_id", text("applied_at DESC"), text("id DESC"),
        ),
    )  # fmt: skip

    id: Mapped[PrimaryKey]
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"))
    candidate_id: Mapped[int] = mapped_column(ForeignKey("candidates.id"))
    status: Mapped[ApplicationStatus] = mapped_column(
        labels(ApplicationStatus, "applicationstatus"), default=ApplicationStatus.APPLIED
    )
    cover_letter: Mapped[LongText | None]
    cover_letter_url: Mapped[Varchar | None]
    cv_url: Mapped[Varchar | None]
    notes: Mapped[LongText | None]
    applied_at: Mapped[Timestamp | None] = mapped_column(server_default=func.now())
    viewed_at: Mapped[Timestamp | None]
    updated_at: Mapped[UpdatedAt]

    job: Mapped[Job] = relationship(back_populates="applications")
    candidate: Mapped[Candidate] = relationship()
