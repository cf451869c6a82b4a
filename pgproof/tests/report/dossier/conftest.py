"""Reports of real audits: a bad schema, with a proof too, hostile names, nothing, much, cycles, what people decided."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest

from pgproof.audit import INTERRUPTED, Audit, AuditOptions, Known, Suppression, examine, gather
from pgproof.commands.report import write_report
from pgproof.facts.model import Facts
from pgproof.facts.questions import Answer
from pgproof.proving.document import Document as ProofDocument
from pgproof.report.document import Document, document
from pgproof.report.dossier.material import Material, TimedStatement, material
from pgproof.rules.discovery import all_rules
from pgproof.server import Server

from ..conftest import HOSTILE as HOSTILE  # noqa: TID252 - the folder above is in no package with a name
from .proofs import HOLDS, SOURCE, named

TODAY = date(2026, 1, 1)
EVERYTHING = " ".join([*HOSTILE.values(), '"""; raise SystemExit("run"); """', "\\"])
"""All attacks in one name, longer than a real one may be, with what ends a string of Python."""

ORDINARY = """
    CREATE EXTENSION pg_stat_statements;
    CREATE TABLE courses (id int PRIMARY KEY, title text, code varchar(9), starts date, ends date);
    CREATE TABLE students (id int PRIMARY KEY, name text, active boolean);
    CREATE TABLE enrolments (
        id int PRIMARY KEY, student_id int NOT NULL REFERENCES students, course_id int NOT NULL REFERENCES courses
    );
    INSERT INTO courses SELECT n, 'c' || n, 'x' || n % 7, '2026-01-02', '2026-01-01' FROM generate_series(1, 2000) n;
    INSERT INTO students SELECT n, 's' || n, true FROM generate_series(1, 2000) n;
    INSERT INTO enrolments SELECT n, n, n FROM generate_series(1, 2000) n;
    INSERT INTO enrolments VALUES (2001, 1, 1), (2002, 1, 1);
    CREATE INDEX again ON courses (id);
    CREATE TABLE loads (line text, student_id int);
    ALTER TABLE loads ADD FOREIGN KEY (student_id) REFERENCES students NOT VALID;
    INSERT INTO loads SELECT n FROM generate_series(1, 30) n;
    ANALYZE;
"""
MANY = "".join(
    f"CREATE TABLE t{number} (id int PRIMARY KEY, up int {f'REFERENCES t{number - 1}' if number % 9 else ''});"
    for number in range(70)
)
CYCLES = """
    CREATE TABLE self (id int PRIMARY KEY, parent int REFERENCES self);
    CREATE TABLE hen (id int PRIMARY KEY, egg int);
    CREATE TABLE egg (id int PRIMARY KEY, hen int REFERENCES hen);
    ALTER TABLE hen ADD FOREIGN KEY (egg) REFERENCES egg;
    CREATE TABLE chick (id int PRIMARY KEY, egg int REFERENCES egg);
"""
CASES = ("ordinary", "proven", "hostile", "empty", "many", "cycles", "partial", "decided")


@dataclass(frozen=True)
class Case:
    """An audit, its material, and the folder of its report."""

    audit: Audit
    material: Material
    folder: Path

    @property
    def document(self) -> Document:
        """What findings.json holds."""
        return self.material.document

    def text(self, name: str) -> str:
        """A file of the report."""
        return (self.folder / name).read_text(encoding="utf-8")


def exercise(url: str) -> None:
    """Send what an application would: reads with and without parameters, and writes."""
    with psycopg.connect(url, autocommit=True) as connection:
        for number in range(1, 6):
            connection.execute("SELECT title FROM courses WHERE code = %s ORDER BY id LIMIT %s", (f"x{number}", 5))
            connection.execute("SELECT count(*) FROM enrolments")
            connection.execute("SELECT name FROM students WHERE id > %s", (1990,))
            connection.execute("UPDATE students SET name = name WHERE id = %s", (number,))
            connection.execute("INSERT INTO loads VALUES (%s)", (f"line {number}",))


@contextmanager
def prepared(server: Server, sql: str) -> Iterator[str]:
    """The URL of a database that these statements made."""
    with server.scratch_database() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.encode())
        yield url


def gathered(url: str) -> Facts:
    with psycopg.connect(url, autocommit=True) as connection:
        return gather(connection, all_rules())


def reported(
    audit: Audit,
    processes: int | None = None,
    proof: ProofDocument | None = None,
    source: str | None = SOURCE,
    **options: str,
) -> Material:
    made = document(audit, options=options, timing={"facts": 0.1}, versions={"pgproof": "0.1", "python": "3.11"})
    return material(audit, made, processes=processes, proof=proof, source=source)


def _hostile(audit: Audit) -> Material:
    """The hostile audit, its database and its statements named as badly as its tables."""
    facts = audit.facts
    badly_named = replace(audit, facts=replace(facts, database=replace(facts.database, name=EVERYTHING)))
    shown = reported(badly_named, proof=named(EVERYTHING))
    return replace(
        shown,
        statements=tuple(replace(each, query=EVERYTHING) for each in shown.statements or ()),
        timed=(TimedStatement(EVERYTHING, (EVERYTHING, 1)),),
    )


def _decided(facts: Facts) -> Audit:
    """With a baseline of which one finding is gone and one is known, a suppression, and a selection."""
    first = examine(facts, all_rules(), AuditOptions(today=TODAY))
    known = next(each for each in first.findings if each.rule == "INT01")
    gone = Known("0" * 64, "IDX02", "index again of public.courses repeats courses_pkey", known.objects)
    return examine(
        facts,
        all_rules(),
        AuditOptions(
            today=TODAY,
            ignore=("OPS09",),
            suppressions=(Suppression("INT22", "public.loads", "loaded as a whole", TODAY + timedelta(days=30)),),
            baseline=(Known(known.fingerprint, known.rule, known.message, known.objects), gone),
        ),
    )


@pytest.fixture(scope="session")
def ordinary_facts(embedded_server: Server) -> Facts:
    with prepared(embedded_server, ORDINARY) as url:
        exercise(url)
        return gathered(url)


@pytest.fixture(scope="session")
def cases(
    embedded_server: Server,
    ordinary_facts: Facts,
    hostile_audit: Audit,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Case]:
    """Every report by the name of its case."""

    def audit_of(sql: str) -> Audit:
        with prepared(embedded_server, sql) as url:
            return examine(gathered(url), all_rules(), AuditOptions(today=TODAY))

    # What an interrupt leaves: half of the questions without an answer.
    half = len(ordinary_facts.answers) // 2
    unanswered = (Answer(each.question, "", refused=INTERRUPTED) for each in ordinary_facts.answers[half:])
    partial = replace(ordinary_facts, answers=(*ordinary_facts.answers[:half], *unanswered))
    ordinary = examine(ordinary_facts, all_rules(), AuditOptions(today=TODAY))
    audits = {
        "ordinary": ordinary,
        "proven": ordinary,
        "hostile": hostile_audit,
        "empty": audit_of("SELECT"),
        "many": audit_of(MANY),
        "cycles": audit_of(CYCLES),
        "partial": examine(partial, all_rules(), AuditOptions(today=TODAY)),
        "decided": _decided(ordinary_facts),
    }
    folder = tmp_path_factory.mktemp("reports")
    found = {}
    for name in CASES:
        if name == "hostile":
            shown = _hostile(audits[name])
        elif name == "decided":
            shown = reported(audits[name], baseline="known.json", ignore="OPS09")
        else:
            shown = reported(
                audits[name],
                processes=4 if name == "ordinary" else None,
                proof=HOLDS if name == "proven" else None,
            )
        assert {file.name for file in write_report(shown, folder / name)} == {
            file.name for file in (folder / name).iterdir()
        }
        found[name] = Case(audits[name], shown, folder / name)
    return found


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, cases: dict[str, Case]) -> Case:
    """Each report in turn."""
    return cases[request.param]


@pytest.fixture(scope="session")
def ordinary(cases: dict[str, Case]) -> Case:
    return cases["ordinary"]


@pytest.fixture(scope="session")
def proven(cases: dict[str, Case]) -> Case:
    return cases["proven"]


@pytest.fixture(scope="session")
def hostile_case(cases: dict[str, Case]) -> Case:
    return cases["hostile"]
