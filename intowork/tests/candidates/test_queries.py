from __future__ import annotations

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from intowork.candidates.queries import profile
from intowork.models import CandidateCV, Education, Experience, Skill, SkillCategory
from intowork.testing import Factory


@pytest.mark.parametrize("rows", [0, 1, 7])
def test_a_profile_takes_five_statements_however_many_rows_it_has(
    platform: Session, factory: Factory, rows: int
) -> None:
    candidate = factory.candidate()
    for number in range(rows):
        name = f"{number}"
        platform.add_all(
            (
                Experience(candidate=candidate, title=name, company="C", start_date="2020-01"),
                Education(candidate=candidate, degree=name, school="S", start_date="2020", end_date="2021"),
                Skill(candidate=candidate, name=name, level=1, category=SkillCategory.SOFT),
                CandidateCV(candidate=candidate, filename=name, file_path=name),
            )
        )
    platform.flush()
    user_id = candidate.user_id
    platform.expunge_all()
    statements: list[str] = []
    engine = platform.get_bind()
    event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    found = platform.scalars(profile(user_id)).one()
    loaded = (len(found.experiences), len(found.educations), len(found.skills), len(found.cvs))
    assert loaded == (rows, rows, rows, rows)
    assert found.user.id == user_id
    assert len(statements) == 5
