"""Every failure that the API answers, as a problem document (RFC 9457), from one list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from intowork.errors import DatabaseBusy, DatabaseUnavailable, StatementTimeout
from intowork.kit.pagination import CursorError

MEDIA_TYPE = "application/problem+json"

log = structlog.get_logger("intowork.api")


@dataclass(frozen=True)
class Kind:
    """A kind of failure.

    Attributes:
        slug: its name in the `type` of the document, `/problems/<slug>`.
        status: the HTTP status.
        title: the same sentence for each of its kind.
    """

    slug: str
    status: HTTPStatus
    title: str

    @property
    def type(self) -> str:
        """The reference that tells programs which kind it is (RFC 9457, section 3.1.1)."""
        return f"/problems/{self.slug}"


NOT_JSON = Kind("not-json", HTTPStatus.BAD_REQUEST, "The body is not JSON")
BAD_CURSOR = Kind("bad-cursor", HTTPStatus.BAD_REQUEST, "No page starts at this cursor")
NOT_SIGNED_IN = Kind("not-signed-in", HTTPStatus.UNAUTHORIZED, "Sign in first")
BAD_CREDENTIALS = Kind("bad-credentials", HTTPStatus.UNAUTHORIZED, "Address or password is wrong")
FORBIDDEN = Kind("forbidden", HTTPStatus.FORBIDDEN, "Your account may not do this")
BAD_CSRF_TOKEN = Kind("bad-csrf-token", HTTPStatus.FORBIDDEN, "The request does not come from a page of ours")
NOT_FOUND = Kind("not-found", HTTPStatus.NOT_FOUND, "There is no such thing, or not for you")
METHOD_NOT_ALLOWED = Kind("method-not-allowed", HTTPStatus.METHOD_NOT_ALLOWED, "Not with this method")
TOO_LARGE = Kind("too-large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large")
NOT_A_JSON_TYPE = Kind("not-a-json-type", HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send the body as application/json")
INVALID = Kind("invalid", HTTPStatus.UNPROCESSABLE_ENTITY, "A value is not acceptable")
EMAIL_TAKEN = Kind("email-taken", HTTPStatus.CONFLICT, "An account with this address exists")
ALREADY_APPLIED = Kind("already-applied", HTTPStatus.CONFLICT, "You have applied to this job already")
JOB_NOT_OPEN = Kind("job-not-open", HTTPStatus.CONFLICT, "The job takes no applications now")
ILLEGAL_TRANSITION = Kind("illegal-transition", HTTPStatus.CONFLICT, "The status cannot change that way")
NO_COMPANY = Kind("no-company", HTTPStatus.CONFLICT, "You recruit for no company yet")
SKILL_LISTED = Kind("skill-listed", HTTPStatus.CONFLICT, "Your profile lists this skill already")
LIST_FULL = Kind("list-full", HTTPStatus.CONFLICT, "This list of your profile is full")
ALREADY_IN_COMPANY = Kind("already-in-company", HTTPStatus.CONFLICT, "You recruit for a company already")
ON_ONESELF = Kind("on-oneself", HTTPStatus.CONFLICT, "Nobody does this to his own account here")
INTERNAL = Kind("internal", HTTPStatus.INTERNAL_SERVER_ERROR, "The platform failed; it has been noted")
BUSY = Kind("busy", HTTPStatus.SERVICE_UNAVAILABLE, "Too many requests at the moment")
UNAVAILABLE = Kind("unavailable", HTTPStatus.SERVICE_UNAVAILABLE, "The database cannot be reached")
TOO_SLOW = Kind("too-slow", HTTPStatus.GATEWAY_TIMEOUT, "The answer took too long")

KINDS = {kind.slug: kind for kind in list(vars().values()) if isinstance(kind, Kind)}
"""All of them, for the page that `type` leads to."""

_OF_STATUS = {400: NOT_JSON, 404: NOT_FOUND, 405: METHOD_NOT_ALLOWED, 413: TOO_LARGE}
_RETRY_SECONDS = 5


class FieldError(BaseModel):
    """What is wrong with one value."""

    field: str = Field(description="where the value stands: its place and its name", examples=["body.salary_min"])
    message: str = Field(examples=["Input should be greater than or equal to 0"])


class ProblemDocument(BaseModel):
    """A failure (RFC 9457)."""

    type: str = Field(examples=["/problems/job-not-open"])
    title: str = Field(examples=["The job takes no applications now"])
    status: int = Field(examples=[409])
    detail: str | None = Field(None, description="what happened this time, and what to do")
    errors: list[FieldError] | None = Field(None, description="the values that were not acceptable")
    request_id: str | None = Field(None, description="names this request in the platform's log")


class Problem(Exception):
    """A failure to answer with; whatever the transaction did is rolled back."""

    def __init__(
        self,
        kind: Kind,
        detail: str | None = None,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Keep what the document will say.

        Args:
            kind: of the list above.
            detail: what happened this time, and what to do; None where the title says it all.
            errors: values that were not acceptable.
            headers: of the answer.
        """
        super().__init__(detail or kind.title)
        self.kind, self.detail, self.errors, self.headers = kind, detail, tuple(errors), dict(headers or {})


def invalid(field: str, message: str) -> Problem:
    """Return the problem of one value that breaks a rule which its type does not know.

    Args:
        field: its place and name, `body.salary_max`.
        message: what it must be.
    """
    return Problem(INVALID, f"{field}: {message}", errors=[FieldError(field=field, message=message)])


def documented(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of the problems that an endpoint answers with.

    Args:
        kinds: beside those that every endpoint may answer.
    """
    by_status: dict[int, list[Kind]] = {}
    for kind in kinds:
        by_status.setdefault(int(kind.status), []).append(kind)
    return {
        status: {
            "description": " or ".join(kind.title.lower() for kind in of_status),
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/ProblemDocument"},
                    "example": {"type": of_status[0].type, "title": of_status[0].title, "status": status},
                }
            },
        }
        for status, of_status in by_status.items()
    }


def answer(request: Request, problem: Problem) -> JSONResponse:
    """Return the response of a problem.

    Args:
        request: whose id the document names.
        problem: what went wrong.
    """
    document = ProblemDocument(
        type=problem.kind.type,
        title=problem.kind.title,
        status=int(problem.kind.status),
        detail=problem.detail,
        errors=list(problem.errors) or None,
        request_id=request.scope.get("state", {}).get("request_id"),
    )
    return JSONResponse(
        document.model_dump(exclude_none=True),
        status_code=problem.kind.status,
        headers=problem.headers,
        media_type=MEDIA_TYPE,
    )


def install(app: FastAPI) -> None:
    """Let the application answer every failure with a problem document.

    Args:
        app: before its first request.
    """
    app.add_exception_handler(Exception, _failed)
    app.add_exception_handler(Problem, _as_it_is)
    app.add_exception_handler(RequestValidationError, _not_acceptable)
    app.add_exception_handler(HTTPException, _of_the_framework)
    app.add_exception_handler(CursorError, _bad_cursor)
    for error in (DatabaseBusy, DatabaseUnavailable, StatementTimeout):
        app.add_exception_handler(error, _of_the_database)


async def _as_it_is(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return answer(request, error)


async def _not_acceptable(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [_field_error(each) for each in error.errors()]
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return answer(request, Problem(NOT_JSON, f"The body breaks off as JSON: {first['ctx']['error']}"))
    if first["loc"] == ("body",) and isinstance(first.get("input"), bytes):
        return answer(request, Problem(NOT_A_JSON_TYPE))
    detail = "; ".join(f"{each.field}: {each.message}" for each in errors[:3])
    return answer(request, Problem(INVALID, detail, errors=errors))


def _field_error(error: Mapping[str, Any]) -> FieldError:
    message = str(error["msg"]).removeprefix("Value error, ")
    return FieldError(field=".".join(str(part) for part in error["loc"]), message=message)


async def _of_the_framework(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    kind = _OF_STATUS.get(error.status_code)
    if kind is None:
        status = HTTPStatus(error.status_code)
        kind = Kind(
            "about-the-request" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "internal", status, status.phrase
        )
    return answer(request, Problem(kind, headers=error.headers))


async def _bad_cursor(request: Request, error: Exception) -> JSONResponse:
    return answer(request, Problem(BAD_CURSOR, "Start again without a cursor"))


async def _of_the_database(request: Request, error: Exception) -> JSONResponse:
    log.warning("request failed at the database", error=str(error))
    if isinstance(error, StatementTimeout):
        return answer(request, Problem(TOO_SLOW, "Ask for less, or try later"))
    if isinstance(error, DatabaseBusy):
        return answer(request, Problem(BUSY, headers={"Retry-After": str(error.retry_after)}))
    return answer(request, Problem(UNAVAILABLE, headers={"Retry-After": str(_RETRY_SECONDS)}))


async def _failed(request: Request, error: Exception) -> JSONResponse:
    # The server's log has the traceback; neither shows values, which are people's.
    log.error("request failed", error=type(error).__name__, path=request.url.path)
    return answer(request, Problem(INTERNAL))
