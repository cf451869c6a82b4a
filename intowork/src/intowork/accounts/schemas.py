"""Bodies and answers of the endpoints about accounts."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, EmailStr, Field, SecretStr, StringConstraints, model_validator

from intowork.accounts.rules import LONGEST_PASSWORD, normalized_email, password_fault
from intowork.kit.schemas import Answer, Body, Line
from intowork.models import UserRole

Email = Annotated[EmailStr, StringConstraints(max_length=254), AfterValidator(normalized_email)]
Password = Annotated[SecretStr, Field(min_length=1, max_length=LONGEST_PASSWORD)]


class ToSignUp(Body):
    """A new account."""

    email: Email = Field(examples=["ada@example.com"])
    password: Password = Field(examples=["a long sentence nobody knows"])
    first_name: Line = Field(examples=["Ada"])
    last_name: Line = Field(examples=["Lovelace"])
    role: Literal["candidate", "employer"] = Field(description="administrators are made by administrators")

    @model_validator(mode="after")
    def _password_is_strong(self) -> Self:
        if fault := password_fault(self.password.get_secret_value(), self.email):
            raise ValueError(f"password {fault}")
        return self


class ToSignIn(Body):
    """Who wants in."""

    email: Email = Field(examples=["ada@example.com"])
    password: Password = Field(examples=["a long sentence nobody knows"])


class Me(Answer):
    """Who is signed in, and what he may act as."""

    id: int
    email: str
    role: UserRole
    first_name: str
    last_name: str
    candidate_id: int | None
    employer_id: int | None
    company_id: int | None


class MyAccount(Me):
    """Who is signed in, and what a page needs."""

    csrf_token: str | None = Field(description="for browsers; null for a program, which needs none")


class SignedIn(Answer):
    """A session that just began."""

    user: Me
    token: str = Field(description="for programs: `Authorization: Bearer <token>`; browsers have it as a cookie")
    csrf_token: str = Field(description="for browsers: `X-CSRF-Token` of every request that changes something")
    expires: dt.datetime


class OwnSession(Answer):
    """A session of one's own."""

    id: int
    created_at: dt.datetime | None
    expires: dt.datetime
    is_current: bool
