"""Bodies and answers of the administrator's endpoints."""

from __future__ import annotations

import datetime as dt

from intowork.kit.schemas import Answer, Body
from intowork.models import JobStatus, UserRole


class PlatformNumbers(Answer):
    """What there is on the platform."""

    users: int
    active_users: int
    candidates: int
    employers: int
    companies: int
    jobs: int
    open_jobs: int
    applications: int


class AdministeredUser(Answer):
    """A user as administrators see him."""

    id: int
    email: str
    first_name: str
    last_name: str
    role: UserRole
    is_active: bool | None
    created_at: dt.datetime | None
    applications: int


class AdministeredJob(Answer):
    """A job as administrators see it."""

    id: int
    title: str
    company_id: int
    company_name: str
    status: JobStatus
    posted_at: dt.datetime | None
    created_at: dt.datetime | None
    applications: int


class ToActivate(Body):
    """Whether a user may sign in."""

    is_active: bool
