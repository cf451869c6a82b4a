"""Bodies and answers of the endpoints about an employer's own record."""

from __future__ import annotations

from pydantic import Field

from intowork.kit.schemas import Answer, Body, Line


class EmployerToUpdate(Body):
    """What changes of one's own record; company and permissions are others' to give."""

    position: Line | None = Field(None, examples=["Talent Partner"])
    department: Line | None = Field(None, examples=["People"])
    phone: Line | None = Field(None, examples=["+33 4 72 00 00 00"])


class MyEmployer(Answer):
    """One's own record."""

    id: int
    company_id: int | None
    position: str | None
    department: str | None
    phone: str | None
    can_create_jobs: bool
    can_manage_candidates: bool
    is_admin: bool = Field(description="of the company: may change it and what colleagues may do")
