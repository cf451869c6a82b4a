"""Who sends a request: by the session cookie of a browser or the bearer token of a program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from intowork.accounts.queries import user_by_session_token
from intowork.accounts.security import digest, is_csrf_token
from intowork.kit.problems import BAD_CSRF_TOKEN, FORBIDDEN, NOT_SIGNED_IN, Problem
from intowork.kit.sessions import Session
from intowork.models import UserRole

COOKIE = "intowork-session"
SECURE_COOKIE = "__Host-intowork-session"
"""Where TLS is: a browser takes it from the host itself alone."""
CSRF_HEADER = "X-CSRF-Token"

_SAFE = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class CurrentUser:
    """A signed-in user, with what he may act as.

    Attributes:
        session_id: of the session the request came with.
    """

    id: int
    email: str
    role: UserRole
    first_name: str
    last_name: str
    candidate_id: int | None
    employer_id: int | None
    company_id: int | None
    can_create_jobs: bool
    can_manage_candidates: bool
    session_id: int


@dataclass(frozen=True)
class RecruitingUser(CurrentUser):
    """A user who is an employer."""

    employer_id: int


@dataclass(frozen=True)
class CandidateUser(CurrentUser):
    """A user who is a candidate."""

    candidate_id: int


def session_token(request: Request) -> str | None:
    """Return the token that a request carries; a cookie alone changes nothing without the token of a page of ours.

    Raises:
        Problem: a cookie came with a request that changes something and without its CSRF token.
    """
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and given.strip():
        return given.strip()
    cookie = session_cookie(request)
    if cookie and request.method not in _SAFE and not is_csrf_token(request.headers.get(CSRF_HEADER, ""), cookie):
        raise Problem(BAD_CSRF_TOKEN, f"Send {CSRF_HEADER} with the csrf_token of /api/auth/me")
    return cookie


def session_cookie(request: Request) -> str | None:
    """Return the token of a browser's cookie."""
    return request.cookies.get(SECURE_COOKIE) or request.cookies.get(COOKIE) or None


async def _maybe(request: Request, session: Session) -> CurrentUser | None:
    token = session_token(request)
    if token is None:
        return None
    row = (await session.execute(user_by_session_token(digest(token)))).one_or_none()
    if row is None:
        return None
    return CurrentUser(
        row.id, row.email, row.role, row.first_name, row.last_name,
        row.candidate_id, row.employer_id, row.company_id,
        # A null, written outside the ORM, is what a new employer gets.
        row.can_create_jobs is not False, row.can_manage_candidates is not False, row.session_id,
    )  # fmt: skip


Maybe = Annotated[CurrentUser | None, Depends(_maybe, scope="function")]
"""Who is signed in; None for a guest."""


async def _someone(user: Maybe) -> CurrentUser:
    if user is None:
        raise Problem(NOT_SIGNED_IN, headers={"WWW-Authenticate": "Bearer"})
    return user


Someone = Annotated[CurrentUser, Depends(_someone, scope="function")]
"""Who is signed in."""


async def _recruiter(user: Someone) -> RecruitingUser:
    if user.role is not UserRole.EMPLOYER or user.employer_id is None:
        raise Problem(FORBIDDEN, "This is for employers")
    return RecruitingUser(**vars(user))


async def _candidate(user: Someone) -> CandidateUser:
    if user.role is not UserRole.CANDIDATE or user.candidate_id is None:
        raise Problem(FORBIDDEN, "This is for candidates")
    return CandidateUser(**vars(user))


async def _administrator(user: Someone) -> CurrentUser:
    if user.role is not UserRole.ADMIN:
        raise Problem(FORBIDDEN, "This is for administrators")
    return user


Recruiter = Annotated[RecruitingUser, Depends(_recruiter, scope="function")]
"""Who is signed in as an employer."""
Applicant = Annotated[CandidateUser, Depends(_candidate, scope="function")]
"""Who is signed in as a candidate."""
Administrator = Annotated[CurrentUser, Depends(_administrator, scope="function")]
"""Who is signed in as an administrator."""
