from __future__ import annotations

from sqlalchemy.orm import Session

from intowork.admin.queries import jobs, users
from intowork.kit.pagination import Position
from intowork.models import JobStatus
from intowork.testing import Factory, ago


def test_users_come_newest_first_with_the_number_of_their_applications(platform: Session, factory: Factory) -> None:
    employer = factory.employer()
    candidate = factory.candidate()
    for at, user in ((ago(days=3), employer.user), (ago(days=2), candidate.user)):
        user.created_at = at
    for _ in range(2):
        factory.application(candidate, factory.job(employer))
    assert [(row.id, row.applications) for row in platform.execute(users())] == [
        (candidate.user_id, 2),
        (employer.user_id, 0),
    ]
    second = platform.execute(users(after=Position(candidate.user.created_at, candidate.user_id))).all()
    assert [row.id for row in second] == [employer.user_id]


def test_jobs_come_newest_first_in_every_status_with_the_applications_there_really_are(
    platform: Session, factory: Factory
) -> None:
    employer = factory.employer()
    draft = factory.job(employer, status=JobStatus.DRAFT, created_at=ago(days=2), applications_count=99)
    applied = factory.job(employer, created_at=ago(days=3))
    factory.application(factory.candidate(), applied)
    rows = platform.execute(jobs()).all()
    assert [(row.id, row.applications) for row in rows] == [(draft.id, 0), (applied.id, 1)]
    assert employer.company is not None
    assert rows[0].company_name == employer.company.name
    assert [row.id for row in platform.execute(jobs(size=1))] == [draft.id]
    assert [row.id for row in platform.execute(jobs(after=Position(draft.created_at, draft.id)))] == [applied.id]
