"""pgproof reads IntoWork's own chain: its lock-safe revisions and the phase 2 they started from."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from intowork.operations.migrate import HEAD, PHASE_2, upgrade
from pgproof.facts.collect import collect_answers
from pgproof.facts.migrations import Migrations
from pgproof.facts.model import Facts
from pgproof.facts.project.child import Project, ask_project
from pgproof.facts.project.gather import ProjectOptions, with_project
from pgproof.facts.read import read_facts
from pgproof.rules.checking import Checked, check, questions_of
from pgproof.rules.discovery import all_rules

from .conftest import engine_of

_PROJECT = Project(Path(__file__).parents[2])
_RULES = tuple(rule for rule in all_rules() if rule.metadata.family == "migrations")


def examined(url: str) -> Checked:
    with psycopg.connect(url, autocommit=True) as connection:
        facts: Facts = with_project(read_facts(connection), _PROJECT, ProjectOptions(alembic=Path("alembic.ini")))
        assert facts.migrations is not None, facts.missing
        return check(_RULES, facts.with_answers(tuple(collect_answers(connection, facts, questions_of(_RULES, facts)))))


def test_what_needs_no_database_is_read_and_the_rest_is_told_with_its_line() -> None:
    chain = ask_project(_PROJECT, "migrations", ("alembic.ini",), Migrations)
    assert [each.id for each in chain.revisions] == ["g7b1c5d4e3f2", "h8c2d6e5f4g3", "i9d3e7f6a5b4", "j0e4f8a7b6c5"]
    assert [each.id for each in chain.heads] == ["j0e4f8a7b6c5"]
    phase_2, critical, redundant, remaining = chain.revisions
    assert sum(each.kind == "create_table" for each in phase_2.upgrade.operations) == 15
    assert phase_2.upgrade.unread is None
    assert all(each.concurrently for each in redundant.upgrade.operations if each.kind == "drop_index")
    assert (redundant.upgrade.unread, remaining.downgrade.unread) == (None, None)
    stop = critical.upgrade.unread
    assert stop is not None
    assert stop.reason.startswith("it reads the answer to SELECT pg_catalog.pg_get_indexdef")
    assert stop.line is not None
    assert stop.line.file == "src/intowork/migrations/versions/h8c2d6e5f4g3_critical_indexes_and_constraints.py"


@pytest.mark.parametrize("revision", [None, PHASE_2, HEAD])
def test_no_rule_says_anything_of_it(database: str, revision: str | None) -> None:
    if revision is not None:
        upgrade(engine_of(database), revision)
    checked = examined(database)
    assert [finding.message for finding in checked.findings] == []
    unchecked = {subject.name for each in checked.not_checked for subject in each.detail.objects}
    coming = {"g7b1c5d4e3f2", "h8c2d6e5f4g3", "i9d3e7f6a5b4", "j0e4f8a7b6c5"} - ({PHASE_2} if revision else set())
    # Each of them has a direction that looks at what it finds.
    assert unchecked == (set() if revision == HEAD else coming)
