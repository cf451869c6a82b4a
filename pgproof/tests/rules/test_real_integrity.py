"""Rules of integrity where rights, samples and what refers to a table decide; and that what they move comes back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from pgproof.examples import examined, facts_of, placed_examples
from pgproof.facts.collect import CollectOptions, collect_answers
from pgproof.facts.questions import Orphans
from pgproof.proof.rows import hash_rows
from pgproof.remedy.quarantine import QuarantineAndValidate, QuarantineCopies, QuarantineDuplicates
from pgproof.rules.checking import Checked, check, questions_of
from pgproof.rules.discovery import all_rules
from pgproof.rules.rule import Rule
from pgproof.server import Server

Connection = psycopg.Connection[Any]
RULES = {rule.code: rule for rule in all_rules()}
MOVING = ("INT01", "INT02", "INT04", "INT06")
SCHEMA = """
    CREATE TABLE jobs (id int PRIMARY KEY);
    CREATE TABLE people (id int PRIMARY KEY, email text NOT NULL, password text, pay_min int, pay_max int);
    CREATE TABLE saved (job int NOT NULL REFERENCES jobs, person int NOT NULL REFERENCES people);
    CREATE TABLE notes (
        id int PRIMARY KEY, person int NOT NULL REFERENCES people, word text NOT NULL, extent int NOT NULL
    );
    INSERT INTO people SELECT n, 'person ' || n, 'x', 1, 2 FROM generate_series(1, 400) n;
    INSERT INTO notes SELECT n, n, 'word ' || n % 30, n % 30 FROM generate_series(1, 400) n;
    CREATE TABLE lost (id int PRIMARY KEY, job int);
    ALTER TABLE lost ADD FOREIGN KEY (job) REFERENCES jobs NOT VALID;
    ANALYZE;
"""
ABOUT = {
    "INT01": ("saved", True),
    "INT02": ("people", True),
    "INT04": ("notes", False),
    "INT06": ("lost", False),
    "INT16": ("people", True),
}
"""By rule, the table it must name as not checked, and whether the catalog alone shows a fault of it."""


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with psycopg.connect(database, autocommit=True) as opened:
        yield opened


def checked(connection: Connection, code: str, options: CollectOptions | None = None) -> Checked:
    facts = facts_of(connection)
    answers = collect_answers(connection, facts, questions_of((RULES[code],), facts), options)
    return check((RULES[code],), facts.with_answers(answers))


def names(said: Checked) -> tuple[list[str], list[str]]:
    return (
        [finding.objects[0].name for finding in said.findings],
        [subject.name for each in said.not_checked for subject in each.detail.objects],
    )


@pytest.mark.parametrize("code", ABOUT)
@pytest.mark.parametrize(
    ("options", "needs"),
    [
        (CollectOptions(data="none"), "switched off"),
        (CollectOptions(largest_bytes=-1), "a count of the whole table (--data exact)"),
        (None, "permission denied"),
    ],
    ids=["not asked", "a sample that shows nothing", "no right"],
)
def test_what_nobody_counted_is_listed_beside_the_finding(
    connection: Connection, code: str, options: CollectOptions | None, needs: str
) -> None:
    connection.execute(SCHEMA.encode())
    table, found = ABOUT[code]
    if options is None:
        connection.execute("CREATE ROLE pgproof_reader; GRANT USAGE ON SCHEMA public TO pgproof_reader")
        connection.execute("GRANT pg_read_all_stats TO pgproof_reader; GRANT SELECT ON jobs TO pgproof_reader")
    try:
        facts = facts_of(connection)
        if options is None:
            connection.execute("SET ROLE pgproof_reader")
        answers = collect_answers(connection, facts, questions_of((RULES[code],), facts), options)
        said = check((RULES[code],), facts.with_answers(answers))
    finally:
        if options is None:
            connection.execute("RESET ROLE; DROP OWNED BY pgproof_reader; DROP ROLE pgproof_reader")
    assert names(said) == ([table] if found else [], [table])
    assert needs in said.not_checked[0].detail.needs
    assert all(finding.confidence == "catalog" and not finding.remedy.operations for finding in said.findings)  # type: ignore[union-attr]


@pytest.mark.parametrize("code", ABOUT)
def test_what_was_counted_is_not_listed(connection: Connection, code: str) -> None:
    connection.execute(SCHEMA.encode())
    assert checked(connection, code).not_checked == ()


@pytest.mark.parametrize("code", ["INT01", "INT02", "INT16"])
def test_what_no_row_breaks_is_mended_at_once(connection: Connection, code: str) -> None:
    connection.execute(SCHEMA.encode())
    findings = checked(connection, code).findings
    assert findings
    assert all(finding.remedy is not None and finding.remedy.operations for finding in findings)


def test_only_texts_are_asked_about(connection: Connection) -> None:
    connection.execute(SCHEMA.encode())
    facts = facts_of(connection)
    for code, text in (("INT04", "word"), ("INT26", "email")):
        asked = questions_of((RULES[code],), facts)
        assert [question for question in asked if text in str(question)]
        assert not [question for question in asked if "extent" in str(question) or "lost" in str(question)]


def test_only_foreign_keys_that_may_have_orphans_are_asked_about(connection: Connection) -> None:
    connection.execute(SCHEMA.encode())
    asked = questions_of((RULES["INT06"],), facts_of(connection))
    assert [question.table.name for question in asked if isinstance(question, Orphans)] == ["lost"]


@pytest.mark.parametrize("code", MOVING)
def test_rows_that_a_remedy_moves_come_back(code: str, server: Server) -> None:
    rule = RULES[code]
    moved = 0
    with placed_examples(server, tuple(each for each in rule.bad if not each.alone)) as (connection, placed):
        before = hash_rows(connection)
        facts = facts_of(connection)
        operations = [
            operation
            for each in placed
            for finding in examined(connection, each, (rule,), facts).findings
            if finding.remedy is not None
            for operation in finding.remedy.operations
        ]
        for operation in operations:
            for statement in operation.forward():
                connection.execute(statement.encode())
        for operation in reversed(operations):
            for statement in operation.reverse():
                connection.execute(statement.encode())
            moved += isinstance(operation, QuarantineDuplicates | QuarantineCopies | QuarantineAndValidate)
        assert hash_rows(connection) == before
    assert moved >= 2


LINK = """
    CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY);
    INSERT INTO a VALUES (1); INSERT INTO b VALUES (1);
    CREATE TABLE joined ({key}, a int NOT NULL REFERENCES a, b int NOT NULL REFERENCES b);
    INSERT INTO joined (a, b) VALUES (1, 1), (1, 1);
    CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN coalesce(NEW, OLD); END';
"""
SERIAL = "id serial PRIMARY KEY"


@pytest.mark.parametrize(
    ("key", "more", "moves"),
    [
        (SERIAL, "", True),
        (SERIAL, "CREATE TABLE c (id int PRIMARY KEY, j int REFERENCES joined ON DELETE CASCADE)", True),
        ("id uuid PRIMARY KEY DEFAULT gen_random_uuid(), created_at date NOT NULL DEFAULT now()", "", True),
        ("id uuid PRIMARY KEY DEFAULT gen_random_uuid()", "", False),
        ("id uuid PRIMARY KEY DEFAULT gen_random_uuid(), created_at date", "", False),
        ("id serial, day date DEFAULT now(), PRIMARY KEY (id, day)", "", False),
        (SERIAL, "CREATE TRIGGER t AFTER DELETE ON joined FOR EACH ROW EXECUTE FUNCTION f()", False),
        (SERIAL, "ALTER TABLE joined FORCE ROW LEVEL SECURITY", False),
        (SERIAL, "CREATE TABLE c () INHERITS (joined)", False),
        (SERIAL, "CREATE TABLE c (id int PRIMARY KEY, j int UNIQUE REFERENCES joined)", False),
        (SERIAL, "CREATE TABLE c (j int REFERENCES joined)", False),
        (SERIAL, "CREATE TABLE c (id int, n int, j int REFERENCES joined, PRIMARY KEY (id, n))", False),
        (SERIAL, "CREATE TABLE c (id int PRIMARY KEY, j int REFERENCES joined) PARTITION BY RANGE (id)", False),
        (
            SERIAL + ", created_at timestamptz UNIQUE",
            "CREATE TABLE c (id int PRIMARY KEY, j timestamptz REFERENCES joined (created_at))",
            False,
        ),
        (
            "id timestamptz PRIMARY KEY DEFAULT clock_timestamp(), created_at date NOT NULL DEFAULT now(),"
            " updated_at timestamptz REFERENCES joined",
            "",
            False,
        ),
        (
            "id timestamptz PRIMARY KEY DEFAULT clock_timestamp(), created_at date NOT NULL DEFAULT now(),"
            " updated_at timestamptz",
            "",
            True,
        ),
        (
            SERIAL,
            "CREATE TABLE c (id int PRIMARY KEY, j int REFERENCES joined);"
            "CREATE TRIGGER t AFTER UPDATE ON c FOR EACH ROW EXECUTE FUNCTION f()",
            False,
        ),
    ],
)
def test_rows_move_where_they_can_be_told_apart_and_brought_back(
    connection: Connection, key: str, more: str, moves: bool
) -> None:
    connection.execute((LINK.format(key=key) + more).encode())
    (finding,) = [each for each in checked(connection, "INT01").findings if each.objects[0].name == "joined"]
    assert finding.remedy is not None
    assert bool(finding.remedy.operations) == moves
    assert ("Unless you decide otherwise the oldest stays" in finding.remedy.summary) == moves


@pytest.mark.parametrize(
    ("more", "moves"),
    [
        ("", True),
        ("CREATE TABLE c (id int PRIMARY KEY, l int REFERENCES lost)", False),
        ("CREATE TRIGGER t AFTER DELETE ON lost FOR EACH ROW EXECUTE FUNCTION f()", False),
        ("ALTER TABLE lost DROP CONSTRAINT lost_pkey", False),
        ("ALTER TABLE lost DISABLE TRIGGER ALL", False),
    ],
)
def test_orphans_move_where_nothing_else_follows(connection: Connection, more: str, moves: bool) -> None:
    connection.execute("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
    connection.execute(SCHEMA.replace("ALTER TABLE lost", "INSERT INTO lost VALUES (1, 9); ALTER TABLE lost").encode())
    connection.execute(more.encode())
    (finding,) = checked(connection, "INT06").findings
    assert finding.remedy is not None
    assert [type(each) for each in finding.remedy.operations] == ([QuarantineAndValidate] if moves else [])


def test_a_match_full_key_is_left_to_people(connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE p (a int, b int, PRIMARY KEY (a, b)); CREATE TABLE c (id int PRIMARY KEY, a int, b int)"
    )
    connection.execute("INSERT INTO c VALUES (1, 1, 1), (2, 1, NULL)")
    connection.execute("ALTER TABLE c ADD FOREIGN KEY (a, b) REFERENCES p MATCH FULL NOT VALID")
    (finding,) = checked(connection, "INT06").findings
    assert finding.remedy is not None
    assert finding.remedy.operations == ()


def shown(rule: Rule, server: Server) -> dict[str, object]:
    """The counter-examples of a rule's bad examples, by the example's name; plain schemas alone."""
    with placed_examples(server, tuple(each for each in rule.bad if not each.alone)) as (connection, placed):
        facts = facts_of(connection)
        return {
            each.example.name: finding.counter_example
            for each in placed
            if not each.odd
            for finding in examined(connection, each, (rule,), facts).findings
        }


def test_a_race_is_shown_unless_foreign_keys_share_a_column(embedded_server: Server) -> None:
    without = [name for name, example in shown(RULES["INT01"], embedded_server).items() if example is None]
    assert without == ["a tenant's members, by composite references"]
