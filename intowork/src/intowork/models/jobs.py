"""Jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from intowork.models.base import Base, CreatedAt, LongText, PrimaryKey, Timestamp, UpdatedAt, Varchar, labels
from intowork.models.enums import JobLocation, JobStatus, JobType

if TYPE_CHECKING:
    from intowork.models.applications import JobApplication
    from intowork.models.companies import Company, Employer

# A literal that the planner can prove from the statements, which render the status as the same literal.
PUBLISHED = text("status = 'published'")


class Job(Base):
    """A job that an employer offers for a company."""

    __tablename__ = "jobs"
    __table_args__ = (
        # What the filters and the expiry look at is included, so that a page or a count reads the index alone.
        Index(
            "idx_jobs_published_posted_at",
            text("posted_at DESC"), text("id DESC"),
            postgresql_include=["expires_at", "salary_min", "location_type", "job_type"], postgresql_where=PUBLISHED,
        ),
        Index(
            "idx_jobs_status_job_type",
            "job_type", text("posted_at DESC"), text("id DESC"),
            postgresql_include=["expires_at", "salary_min", "location_type"], postgresql_where=PUBLISHED,
        ),
        Index(
            "idx_jobs_published_location",
            text("lower(location)"), text("posted_at DESC"), text("id DESC"),
            postgresql_include=["expires_at", "salary_min", "location_type", "job_type", "location"],
            postgresql_where=PUBLISHED,
        ),
        Index(
            "idx_jobs_published_salary_min",
            "salary_min",
            postgresql_include=["expires_at", "location_type", "job_type", "posted_at", "id"],
            postgresql_where=PUBLISHED,
        ),
        Index("idx_jobs_company_id_status", "company_id", "status", text("posted_at DESC"), text("id DESC")),
        Index("idx_jobs_employer_id_status", "employer_id", "status", postgresql_include=["id"]),
        Index("idx_jobs_created_at", "created_at", "id"),
    )  # fmt: skip

    id: Mapped[PrimaryKey]
    employer_id: Mapped[int] = mapped_column(ForeignKey("employers.id"))
    company_id: Mapped[int] = mapped_column(ForeignKey("companies.id"))
    title: Mapped[Varchar]
    description: Mapped[LongText]
    requirements: Mapped[LongText | None]
    responsibilities: Mapped[LongText | None]
    benefits: Mapped[LongText | None]
    job_type: Mapped[JobType] = mapped_column(labels(JobType, "jobtype"), default=JobType.FULL_TIME)
    location_type: Mapped[JobLocation] = mapped_column(labels(JobLocation, "joblocation"), default=JobLocation.ON_SITE)
    location: Mapped[Varchar | None]
    salary_min: Mapped[int | None]
    salary_max: Mapped[int | None]
    currency: Mapped[Varchar | None] = mapped_column(default="EUR")
    status: Mapped[JobStatus] = mapped_column(labels(JobStatus, "jobstatus"), default=JobStatus.DRAFT)
    is_featured: Mapped[bool | None] = mapped_column(default=False)
    views_count: Mapped[int | None] = mapped_column(default=0)
    applications_count: Mapped[int | None] = mapped_column(default=0)
    posted_at: Mapped[Timestamp | None]
    expires_at: Mapped[Timestamp | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    employer: Mapped[Employer] = relationship(back_populates="jobs")
    company: Mapped[Company] = relationship(back_populates="jobs")
    applications: Mapped[list[JobApplication]] = relationship(back_populates="job")
