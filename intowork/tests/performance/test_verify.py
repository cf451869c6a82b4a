from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Column, Index, Integer, MetaData, String, Table, UniqueConstraint, text

from intowork.models import Base
from intowork.performance.verify import RuleState, VerifiedRule, expected_rules, verify_rules
from pgproof.proof.measuring import Session, open_session


@pytest.fixture
def head(head_database: str) -> Iterator[Session]:
    with open_session(head_database, "test") as session:
        yield session


def broken(session: Session) -> list[VerifiedRule]:
    return [rule for rule in verify_rules(session, Base.metadata) if rule.state is not RuleState.PRESENT]


def named(session: Session, name: str) -> VerifiedRule:
    (found,) = (each for each in verify_rules(session, Base.metadata) if each.rule.name == name)
    return found


def test_every_rule_of_the_models_is_found_in_the_schema_that_they_make(head: Session) -> None:
    assert len(expected_rules(Base.metadata)) > 30
    assert broken(head) == []


def test_a_dropped_index_is_missing(head: Session) -> None:
    head.execute("DROP INDEX idx_sessions_expires")
    (found,) = broken(head)
    assert (found.rule.name, found.state, found.index) == ("idx_sessions_expires", RuleState.MISSING, None)


def test_an_index_whose_build_was_interrupted_is_invalid(head: Session) -> None:
    head.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_sessions_expires'::regclass")
    (found,) = broken(head)
    assert (found.rule.name, found.state) == ("idx_sessions_expires", RuleState.INVALID)


def test_a_valid_twin_makes_up_for_an_invalid_index(head: Session) -> None:
    head.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_sessions_expires'::regclass")
    head.execute("CREATE INDEX built_again ON sessions (expires)")
    assert named(head, "idx_sessions_expires").index == "built_again"
    assert broken(head) == []


def test_a_unique_index_enforces_a_rule_as_the_constraint_does(head: Session) -> None:
    head.execute("ALTER TABLE job_applications DROP CONSTRAINT unique_candidate_job_application")
    assert named(head, "unique_candidate_job_application").state is RuleState.MISSING
    head.execute("CREATE UNIQUE INDEX another_name ON job_applications (candidate_id, job_id)")
    found = named(head, "unique_candidate_job_application")
    assert (found.state, found.index) == (RuleState.PRESENT, "another_name")


@pytest.mark.parametrize(
    "definition",
    [
        "INDEX unique_candidate_skill ON skills (candidate_id, lower(name))",
        "UNIQUE INDEX unique_candidate_skill ON skills (candidate_id, name)",
        "UNIQUE INDEX unique_candidate_skill ON skills (lower(name), candidate_id)",
        "UNIQUE INDEX unique_candidate_skill ON skills (candidate_id, lower(name)) WHERE level > 1",
    ],
)
def test_an_index_of_the_right_name_that_enforces_something_else_is_different(head: Session, definition: str) -> None:
    head.execute("DROP INDEX unique_candidate_skill")
    head.execute(f"CREATE {definition}".encode())
    assert named(head, "unique_candidate_skill").state is RuleState.DIFFERENT


@pytest.mark.parametrize(
    "definition",
    [
        "(posted_at, id) WHERE status = 'published'",
        "(posted_at DESC, id DESC) WHERE status = 'draft'",
        "(posted_at DESC, id DESC)",
    ],
)
def test_direction_and_predicate_belong_to_an_index(head: Session, definition: str) -> None:
    head.execute("DROP INDEX idx_jobs_published_posted_at")
    head.execute(f"CREATE INDEX idx_jobs_published_posted_at ON jobs {definition}".encode())
    assert named(head, "idx_jobs_published_posted_at").state is RuleState.DIFFERENT


def test_the_expected_rules_are_those_of_the_models_and_no_other() -> None:
    metadata = MetaData()
    table = Table(
        "things",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("name", String),
        Column("place", String, unique=True),
        UniqueConstraint("name", "place", name="one_name_a_place"),
    )
    Index("things_by_name", text("lower(name) DESC"), table.c.id, postgresql_where=text("place IS NOT NULL"))
    rules = {rule.name: (rule.keys, rule.is_unique, rule.predicate) for rule in expected_rules(metadata)}
    assert rules == {
        "things_by_name": (("lower(name) DESC", "id"), False, "place IS NOT NULL"),
        "one_name_a_place": (("name", "place"), True, None),
        "things_place_key": (("place",), True, None),
    }
