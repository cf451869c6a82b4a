"""Every statement about users and how they sign in."""

from __future__ import annotations

from sqlalchemy import Delete, Select, delete, func, select
from sqlalchemy.sql.dml import ReturningDelete

from intowork.kit.sql import Rows
from intowork.models import Candidate, Employer, Session, User


def user_by_email(email: str) -> Select[User]:
    """Return the user with an e-mail address."""
    return select(User).where(User.email == email)


def user_by_session_token(token: str) -> Rows:
    """Return the active user of a session that has not expired, with what the user may act as.

    One statement, since every signed-in request runs it.

    Args:
        token: as it is kept: the digest of what the browser or program holds.
    """
    return (
        select(
            User.id, User.email, User.role, User.first_name, User.last_name,
            Candidate.id.label("candidate_id"), Employer.id.label("employer_id"), Employer.company_id,
            Employer.can_create_jobs, Employer.can_manage_candidates,
            Session.id.label("session_id"), Session.expires,
        )
        .select_from(Session)
        .join(User, User.id == Session.user_id)
        .outerjoin(Candidate, Candidate.user_id == User.id)
        .outerjoin(Employer, Employer.user_id == User.id)
        .where(Session.session_token == token, Session.expires > func.now(), User.is_active.is_(True))
    )  # fmt: skip


def sessions_of(user_id: int) -> Select[Session]:
    """Return a user's sessions that have not expired, newest first."""
    return select(Session).where(Session.user_id == user_id, Session.expires > func.now()).order_by(Session.id.desc())


def end_session(user_id: int, session_id: int) -> ReturningDelete[int]:
    """Delete a session of a user, and return its key if there was one."""
    return delete(Session).where(Session.id == session_id, Session.user_id == user_id).returning(Session.id)


def end_other_sessions(user_id: int, session_id: int) -> Delete:
    """Delete all sessions of a user but one."""
    return delete(Session).where(Session.user_id == user_id, Session.id != session_id)
