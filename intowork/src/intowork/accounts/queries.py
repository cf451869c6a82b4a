"""Every statement about users and how they sign in."""

from __future__ import annotations

from sqlalchemy import Select, func, select

from intowork.kit.sql import Rows
from intowork.models import Candidate, Employer, Session, User


def user_by_email(email: str) -> Select[User]:
    """Return the user with an e-mail address."""
    return select(User).where(User.email == email)


def user_by_session_token(token: str) -> Rows:
    """Return the active user of a session that has not expired, with what the user may act as.

    One statement, since every signed-in request runs it.
    """
    return (
        select(
            User.id, User.email, User.role, User.first_name, User.last_name,
            Candidate.id.label("candidate_id"), Employer.id.label("employer_id"), Employer.company_id,
            Session.id.label("session_id"), Session.expires,
        )
        .select_from(Session)
        .join(User, User.id == Session.user_id)
        .outerjoin(Candidate, Candidate.user_id == User.id)
        .outerjoin(Employer, Employer.user_id == User.id)
        .where(Session.session_token == token, Session.expires > func.now(), User.is_active.is_(True))
    )  # fmt: skip
