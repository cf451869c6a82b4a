"""Bodies and answers of the endpoints about companies."""

from __future__ import annotations

import datetime as dt
import enum

from pydantic import Field

from intowork.kit.schemas import KEPT, Answer, Body, Count, Line, LongText, WebAddress


class CompanySize(enum.StrEnum):
    """How many people work for a company."""

    UP_TO_10 = "1-10"
    UP_TO_50 = "11-50"
    UP_TO_200 = "51-200"
    UP_TO_500 = "201-500"
    MORE = "500+"


class CompanyToUpdate(Body):
    """What changes of a company; what is not named stays."""

    name: Line = KEPT
    description: LongText | None = None
    industry: Line | None = Field(None, examples=["Logistics"])
    size: CompanySize | None = None
    website_url: WebAddress | None = Field(None, examples=["https://acme.example"])
    linkedin_url: WebAddress | None = None
    address: Line | None = None
    city: Line | None = Field(None, examples=["Lyon"])
    country: Line | None = Field(None, examples=["France"])
    logo_url: WebAddress | None = None


class CompanyToCreate(CompanyToUpdate):
    """A company as its first employer describes it."""

    name: Line = Field(examples=["Acme"])


class CompanyDetail(Answer):
    """A company."""

    id: int
    name: str
    description: str | None
    industry: str | None
    size: str | None = Field(examples=["11-50"])
    website_url: str | None
    linkedin_url: str | None
    address: str | None
    city: str | None
    country: str | None
    logo_url: str | None


class PublicCompany(CompanyDetail):
    """A company as everybody sees it."""

    open_jobs: Count


class CompanyNumbers(Answer):
    """The numbers of a company."""

    employers: int
    jobs: int = Field(description="in every status")
    draft_jobs: int
    open_jobs: int
    applications: int
    new_applications: int = Field(description="nobody has looked at them yet")
    accepted_applications: int


class Permissions(Answer):
    """What an employer may do."""

    id: int
    can_create_jobs: bool
    can_manage_candidates: bool


class Colleague(Permissions):
    """An employer of one's own company."""

    first_name: str
    last_name: str
    email: str
    position: str | None
    department: str | None
    phone: str | None
    is_admin: bool
    created_at: dt.datetime | None


class PermissionsToUpdate(Body):
    """What changes of a colleague's permissions; what is not named stays."""

    can_create_jobs: bool = KEPT
    can_manage_candidates: bool = KEPT
