"""Answers of the dashboards."""

from __future__ import annotations

import datetime as dt

from pydantic import Field

from intowork.kit.schemas import Answer, Count


class EmployerDashboard(Answer):
    """An employer's numbers and latest events."""

    jobs: int
    published_jobs: int
    open_jobs: int
    applications: int
    new_applications: int
    answered_applications: int
    interviews: int
    last_job_title: str | None
    last_job_at: dt.datetime | None
    last_application_title: str | None
    last_application_at: dt.datetime | None
    last_interview_title: str | None
    last_interview_at: dt.datetime | None


class CandidateDashboard(Answer):
    """A candidate's numbers."""

    applications: int
    interviews: int
    last_application_at: dt.datetime | None
    profile_percent: int = Field(description="how complete the profile is", examples=[71])
    open_jobs: Count = Field(description="jobs one could apply to")
