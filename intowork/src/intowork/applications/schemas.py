"""Bodies and answers of the endpoints about applications."""

from __future__ import annotations

import datetime as dt

from pydantic import Field

from intowork.kit.schemas import Answer, Body, LongText
from intowork.models import ApplicationStatus, JobLocation, JobStatus, JobType


class ToApply(Body):
    """What a candidate says to the employer."""

    cover_letter: LongText | None = Field(None, examples=["I have built such pipelines for five years."])


class Applied(Answer):
    """An application that has just been sent."""

    id: int
    job_id: int
    status: ApplicationStatus
    applied_at: dt.datetime | None


class MyApplication(Applied):
    """An application of one's own, with its job and company."""

    job_title: str
    job_type: JobType
    location_type: JobLocation
    location: str | None
    salary_min: int | None
    salary_max: int | None
    currency: str | None
    job_status: JobStatus
    company_id: int
    company_name: str


class MyApplicationDetail(Applied):
    """An application of one's own, as it was sent; the employer's notes are not the candidate's."""

    cover_letter: str | None
    viewed_at: dt.datetime | None
    job_title: str
    company_id: int
    company_name: str


class ReceivedApplication(Applied):
    """An application to one's own job."""

    viewed_at: dt.datetime | None
    candidate_id: int
    job_title: str
    first_name: str
    last_name: str
    email: str
    candidate_title: str | None


class ReceivedApplicationDetail(ReceivedApplication):
    """An application to one's own job with all that it holds."""

    cover_letter: str | None
    notes: str | None


class ToChangeStatus(Body):
    """What an application becomes."""

    status: ApplicationStatus


class ToNote(Body):
    """What the employer remarks for himself; null removes it."""

    notes: LongText | None
