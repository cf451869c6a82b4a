"""What rules about statements leave unsaid: examples hold what they find, not what they could not check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from pgproof.examples import Placed, examined, facts_of
from pgproof.rules import given
from pgproof.rules.checking import Checked
from pgproof.rules.discovery import all_rules
from pgproof.rules.rule import Example
from pgproof.rules.workload._recorded import Run, recorded

_BY_DAY = "FROM events WHERE made::date = $1"


@pytest.fixture
def events(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE events (id int PRIMARY KEY, made timestamptz)")
        connection.execute("INSERT INTO events SELECT n, now() + n * interval '1 h' FROM generate_series(1, 4000) n")
        connection.execute("CREATE INDEX ON events (made)")
        connection.execute("ANALYZE events")
        yield connection


def said(connection: psycopg.Connection[Any], code: str, statement: str, recording: str = "") -> Checked:
    rules = tuple(rule for rule in all_rules() if rule.code == code)
    example = Example("real", given=(given.workload((statement, 10, 5.0)),), recording=recording)
    return examined(connection, Placed(example, "public", {}), rules, facts_of(connection))


def test_a_write_is_not_asked_for_a_plan_that_it_cannot_have(events: psycopg.Connection[Any]) -> None:
    assert len(said(events, "WRK07", f"SELECT id {_BY_DAY}").findings) == 1
    assert said(events, "WRK07", f"DELETE {_BY_DAY}") == Checked((), ())


def test_a_count_that_locks_rows_is_listed_and_not_planned(events: psycopg.Connection[Any]) -> None:
    (unchecked,) = said(
        events, "WRK09", "SELECT count(*) FROM (SELECT id FROM events FOR UPDATE) AS locked"
    ).not_checked
    assert "planning it would lock its table" in unchecked.detail.needs


def test_a_page_that_was_recorded_is_surer_than_one_that_was_planned(events: psycopg.Connection[Any]) -> None:
    events.execute("INSERT INTO events SELECT n, now() FROM generate_series(4001, 20000) n")
    events.execute("ANALYZE events")
    page = "SELECT id FROM events ORDER BY id LIMIT $1 OFFSET $2"
    (planned,) = said(events, "WRK05", page).findings
    (measured,) = said(events, "WRK05", page, recorded(Run(page, "l o", skipped=1000))).findings
    assert (planned.confidence, measured.confidence) == ("plan", "measured")
