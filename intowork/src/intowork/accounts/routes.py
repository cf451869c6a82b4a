"""The endpoints about signing up, in and out."""

from __future__ import annotations

import datetime as dt

from fastapi import APIRouter, Request, Response
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from intowork.accounts import queries
from intowork.accounts.schemas import Me, MyAccount, OwnSession, SignedIn, ToSignIn, ToSignUp
from intowork.accounts.security import csrf_token, digest, hash_password, is_password, new_token
from intowork.accounts.signed_in import COOKIE, SECURE_COOKIE, Someone, session_cookie
from intowork.kit.problems import (
    BAD_CREDENTIALS,
    EMAIL_TAKEN,
    FORBIDDEN,
    INVALID,
    NOT_FOUND,
    NOT_SIGNED_IN,
    Problem,
    documented,
)
from intowork.kit.schemas import Key
from intowork.kit.sessions import DatabaseOfProcess
from intowork.kit.sessions import Session as DatabaseSession
from intowork.models import Candidate, Employer, Session, User, UserRole
from intowork.settings import Settings

router = APIRouter(prefix="/api/auth", tags=["accounts"])


@router.post("/sign-up", status_code=201, responses=documented(EMAIL_TAKEN, INVALID))
async def sign_up(body: ToSignUp, request: Request, response: Response, database: DatabaseOfProcess) -> SignedIn:
    """Make an account and sign in; one address has one account."""
    # Before a connection is taken: it is half a second of a core, and nobody should wait for a connection meanwhile.
    hashed = await hash_password(body.password.get_secret_value())
    user = User(
        email=body.email,
        password_hash=hashed,
        first_name=body.first_name,
        last_name=body.last_name,
        role=UserRole(body.role),
    )
    if user.role is UserRole.CANDIDATE:
        user.candidate = Candidate()
    else:
        user.employer = Employer()
    async with database.session() as session:
        session.add(user)
        try:
            await session.flush()
        except IntegrityError:
            raise Problem(EMAIL_TAKEN, "Sign in, or ask for a new password") from None
        signed_in = await _begin(user, session, request, response)
        await session.commit()
    return signed_in


@router.post("/sign-in", responses=documented(BAD_CREDENTIALS, FORBIDDEN, INVALID))
async def sign_in(body: ToSignIn, request: Request, response: Response, database: DatabaseOfProcess) -> SignedIn:
    """Begin a session."""
    async with database.session() as session:
        user = await session.scalar(queries.user_by_email(body.email))
    # No connection is held meanwhile: checking is meant to take long.
    if not await is_password(user.password_hash if user else None, body.password.get_secret_value()) or user is None:
        raise Problem(BAD_CREDENTIALS)
    if user.is_active is False:
        raise Problem(FORBIDDEN, "This account is not active: write to us")
    async with database.session() as session:
        signed_in = await _begin(await session.merge(user, load=False), session, request, response)
        await session.commit()
    return signed_in


@router.post("/sign-out", status_code=204, responses=documented(NOT_SIGNED_IN))
async def sign_out(user: Someone, session: DatabaseSession, response: Response) -> None:
    """End the session the request came with."""
    await session.execute(queries.end_session(user.id, user.session_id))
    for name in (COOKIE, SECURE_COOKIE):
        response.delete_cookie(name, secure=name == SECURE_COOKIE, httponly=True, samesite="lax")


@router.get("/me", responses=documented(NOT_SIGNED_IN))
async def get_me(user: Someone, request: Request) -> MyAccount:
    """Return who is signed in."""
    cookie = session_cookie(request)
    return MyAccount(**vars(Me.model_validate(user)), csrf_token=csrf_token(cookie) if cookie else None)


@router.get("/sessions", responses=documented(NOT_SIGNED_IN))
async def list_sessions(user: Someone, session: DatabaseSession) -> list[OwnSession]:
    """List where one is signed in, newest first."""
    found = (await session.scalars(queries.sessions_of(user.id))).all()
    return [
        OwnSession(id=each.id, created_at=each.created_at, expires=each.expires, is_current=each.id == user.session_id)
        for each in found
    ]


@router.delete("/sessions/{session_id}", status_code=204, responses=documented(NOT_SIGNED_IN, NOT_FOUND))
async def end_session(session_id: Key, user: Someone, session: DatabaseSession) -> None:
    """End one of one's own sessions."""
    if await session.scalar(queries.end_session(user.id, session_id)) is None:
        raise Problem(NOT_FOUND)


@router.delete("/sessions", status_code=204, responses=documented(NOT_SIGNED_IN))
async def end_other_sessions(user: Someone, session: DatabaseSession) -> None:
    """End all of one's sessions but the one the request came with."""
    await session.execute(queries.end_other_sessions(user.id, user.session_id))


async def _begin(user: User, session: AsyncSession, request: Request, response: Response) -> SignedIn:
    """Begin a session of a user, and give the browser its cookie."""
    settings: Settings = request.app.state.settings
    token = new_token()
    expires = dt.datetime.now(dt.UTC) + dt.timedelta(days=settings.session_days)
    session.add(Session(user_id=user.id, session_token=digest(token), expires=expires))
    await session.flush()
    row = (await session.execute(queries.user_by_session_token(digest(token)))).one()
    secure = settings.is_production()
    response.set_cookie(
        SECURE_COOKIE if secure else COOKIE,
        token,
        max_age=settings.session_days * 86_400,
        secure=secure,
        httponly=True,
        samesite="lax",
    )
    return SignedIn(user=Me.model_validate(row), token=token, csrf_token=csrf_token(token), expires=expires)
