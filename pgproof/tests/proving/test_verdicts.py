"""What an operation is called, where nothing measured decides: catalogs of a real server before and after it."""

from __future__ import annotations

import psycopg
import pytest

from pgproof.facts.read import read_facts
from pgproof.proving.changes import Cost, changes
from pgproof.proving.verdicts import Shown, judge

SCHEMA = """
    CREATE TABLE parent (id int PRIMARY KEY, code int, CONSTRAINT parent_code UNIQUE (code), active bool);
    CREATE TABLE child (a int, b int, parent_id int CONSTRAINT refers REFERENCES parent, note text,
        CONSTRAINT refers_again FOREIGN KEY (parent_id) REFERENCES parent, CONSTRAINT child_ab UNIQUE (a, b));
    CREATE UNIQUE INDEX child_ba ON child (b, a);
    CREATE UNIQUE INDEX child_a_open ON child (a) WHERE note IS NULL;
    CREATE UNIQUE INDEX child_note ON child (note);
    CREATE UNIQUE INDEX child_note_strict ON child (note) NULLS NOT DISTINCT;
"""
CASES = [
    ("ALTER TABLE child DROP CONSTRAINT child_ab", "helps", "child_ba says the same"),
    ("DROP INDEX child_ba", "helps", "MB and a write of each row less"),
    ("ALTER TABLE parent DROP CONSTRAINT parent_code", "harms", "the unique parent_code no longer holds"),
    ("DROP INDEX child_a_open", "harms", "its columns are no longer unique"),
    ("DROP INDEX child_note", "helps", "MB and a write of each row less"),
    ("DROP INDEX child_note_strict", "harms", "its columns are no longer unique"),
    ("ALTER TABLE child DROP CONSTRAINT refers_again", "helps", "refers says the same"),
    ("ALTER TABLE parent ALTER active SET NOT NULL", "integrity", "the column always has a value"),
    (
        "ALTER TABLE parent ALTER active SET NOT NULL, ALTER active SET DEFAULT true",
        "integrity",
        "the column always has a value",
    ),
    ("ALTER TABLE parent ALTER active SET DEFAULT true", "no-effect", "no statement of the workload"),
]


@pytest.mark.parametrize(("statement", "word", "why"), CASES)
def test_what_is_kept_by_another_rule_is_no_loss(database: str, statement: str, word: str, why: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(SCHEMA.encode())
        before = read_facts(connection).catalog
        connection.execute(statement.encode())
        after = read_facts(connection).catalog
    (change,) = changes(before, after, ())
    verdict = judge(change, Cost(None, 0, ()), Shown(before, after, (), ()))
    assert verdict.word == word
    assert why in verdict.why
