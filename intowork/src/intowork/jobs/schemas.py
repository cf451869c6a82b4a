"""Bodies and answers of the endpoints about jobs."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Annotated, Self

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from intowork.jobs.rules import salary_fault
from intowork.kit.schemas import Amount, Answer, Body, Line, RichText
from intowork.models import JobLocation, JobStatus, JobType

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


class JobSort(enum.StrEnum):
    """The orders of a list of jobs."""

    NEWEST = "newest"


class ListedCompany(Answer):
    """The company of a job, as lists show it."""

    id: int
    name: str
    logo_url: str | None


class ListedJob(Answer):
    """A job as lists show it."""

    id: int
    title: str = Field(examples=["Data Engineer"])
    company: ListedCompany
    job_type: JobType
    location_type: JobLocation
    location: str | None = Field(examples=["Lyon"])
    salary_min: int | None
    salary_max: int | None
    currency: str | None
    is_featured: bool | None
    posted_at: dt.datetime | None
    expires_at: dt.datetime | None


class JobDetail(ListedJob):
    """A job with all that a candidate reads."""

    description: str
    requirements: str | None
    responsibilities: str | None
    benefits: str | None
    status: JobStatus
    is_open: bool = Field(description="takes applications now")


class MyJob(Answer):
    """A job of one's own, as the employer's list shows it."""

    id: int
    title: str
    status: JobStatus
    job_type: JobType
    location_type: JobLocation
    location: str | None
    views_count: int | None
    posted_at: dt.datetime | None
    expires_at: dt.datetime | None
    created_at: dt.datetime | None
    applications: int


class JobToCreate(Body):
    """A job as an employer writes it; it becomes a draft."""

    title: Line = Field(examples=["Data Engineer"])
    description: RichText = Field(examples=["<p>You build our pipelines.</p>"], description="HTML")
    requirements: RichText | None = None
    responsibilities: RichText | None = None
    benefits: RichText | None = None
    job_type: JobType = JobType.FULL_TIME
    location_type: JobLocation = JobLocation.ON_SITE
    location: Line | None = Field(None, examples=["Lyon"])
    salary_min: Amount | None = Field(None, examples=[42_000])
    salary_max: Amount | None = Field(None, examples=[55_000])
    currency: Currency = "EUR"
    expires_at: AwareDatetime | None = Field(None, description="in the future; null for a job that does not expire")

    @model_validator(mode="after")
    def _salary_is_a_range(self) -> Self:
        if fault := salary_fault(self.salary_min, self.salary_max):
            raise ValueError(fault)
        return self


class JobToUpdate(Body):
    """What changes of a job; what is not named stays."""

    title: Line | None = None
    description: RichText | None = None
    requirements: RichText | None = None
    responsibilities: RichText | None = None
    benefits: RichText | None = None
    job_type: JobType | None = None
    location_type: JobLocation | None = None
    location: Line | None = None
    salary_min: Amount | None = None
    salary_max: Amount | None = None
    currency: Currency | None = None
    expires_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _required_stay(self) -> Self:
        for name in ("title", "description", "job_type", "location_type", "currency"):
            if name in self.model_fields_set and getattr(self, name) is None:
                raise ValueError(f"{name} cannot be null: leave it out to keep it")
        return self
