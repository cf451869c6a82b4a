from __future__ import annotations

import pytest
from sqlalchemy.orm import Session as DatabaseSession

from intowork.accounts.queries import user_by_email, user_by_session_token
from intowork.models import Session
from intowork.testing import Factory, ago


def test_a_user_is_found_by_the_exact_address(platform: DatabaseSession, factory: Factory) -> None:
    user = factory.user(email="ada@example.com")
    factory.user(email="bda@example.com")
    assert platform.scalars(user_by_email("ada@example.com")).all() == [user]
    assert platform.scalars(user_by_email("ada@example.org")).all() == []


def test_a_session_leads_to_its_user_and_what_the_user_acts_as(platform: DatabaseSession, factory: Factory) -> None:
    employer, candidate = factory.employer(), factory.candidate()
    for row, token in ((employer, "employer's"), (candidate, "candidate's")):
        platform.add(Session(user=row.user, session_token=token, expires=ago(days=-1)))
    platform.flush()
    found = platform.execute(user_by_session_token("employer's")).one()
    assert (found.id, found.employer_id, found.company_id, found.candidate_id) == (
        employer.user_id, employer.id, employer.company_id, None,
    )  # fmt: skip
    found = platform.execute(user_by_session_token("candidate's")).one()
    assert (found.id, found.employer_id, found.candidate_id) == (candidate.user_id, None, candidate.id)


@pytest.mark.parametrize(
    ("expires", "is_active"), [(ago(seconds=1), True), (ago(days=-1), False), (ago(days=-1), None)]
)
def test_an_expired_session_or_an_inactive_user_is_nobody(
    platform: DatabaseSession, factory: Factory, expires: object, is_active: bool | None
) -> None:
    user = factory.user()
    user.is_active = is_active
    platform.add(Session(user=user, session_token="token", expires=expires))
    platform.flush()
    assert platform.execute(user_by_session_token("token")).all() == []
