"""Every statement about candidates and their profiles."""

from __future__ import annotations

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload, selectinload

from intowork.models import Candidate


def profile(user_id: int) -> Select[Candidate]:
    """Return a user's candidate profile with all that belongs to it.

    Five statements however many rows: one for the candidate with its user, one for each of the four lists. One join
    of all of them would multiply their rows.
    """
    return (
        select(Candidate)
        .where(Candidate.user_id == user_id)
        .options(
            joinedload(Candidate.user, innerjoin=True),
            selectinload(Candidate.experiences),
            selectinload(Candidate.educations),
            selectinload(Candidate.skills),
            selectinload(Candidate.cvs),
        )
    )
