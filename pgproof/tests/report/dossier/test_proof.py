"""What reports show of a proof: which findings it mends, what it measured, and when it is not to be believed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from pgproof.audit import AuditOptions, examine
from pgproof.facts.migrations import Direction, Environment, Migrations, Operation, Relation, Revision
from pgproof.facts.model import Facts
from pgproof.facts.source_line import SourceLine
from pgproof.proving.demonstrations import Demonstration
from pgproof.proving.document import Document, RoundTripDocument
from pgproof.report.dossier.comparisons import LENGTH, comparisons
from pgproof.report.dossier.files import report_files
from pgproof.report.dossier.material import Material
from pgproof.report.dossier.mended import mendings
from pgproof.report.dossier.timeline import timeline
from pgproof.rules.discovery import all_rules

from .conftest import TODAY, Case, reported
from .proofs import COURSES, HOLDS, LOADS, failing

READ = ("analysis.md", "summary.txt", "checklist.md", "report.html")
"""Files that people read."""


def statuses(material: Material) -> dict[str, str]:
    """The status of each finding that is more than open, by its rule and its first object."""
    return {
        f"{each.rule} {each.objects[0].table}({','.join(each.objects[0].columns)})": material.mending(each).status
        for each in material.document.findings
        if material.mending(each).status != "open"
    }


MENDED = {
    "INT01 enrolments(student_id,course_id)": "proven",
    "IDX01 enrolments(course_id)": "proven",
    # The unique rule leads with its column.
    "IDX01 enrolments(student_id)": "proven",
    "IDX02 courses(id)": "proven",
    "INT15 students(active)": "proven",
}


def texts(material: Material) -> dict[str, str]:
    return {name: text.replace("\\", "") for name, text in report_files(material)}


def test_findings_are_proven_by_the_operations_that_mend_them(proven: Case) -> None:
    # Nothing that was measured reads the index of loads, and INT20 has no operation there.
    assert statuses(proven.material) == MENDED | {"IDX01 loads(student_id)": "in migration"}
    (loads,) = [each for each in proven.document.findings if each.rule == "IDX01" and each.objects[0].table == "loads"]
    assert [each.name for each in proven.material.mending(loads).operations] == [LOADS]


def test_efforts_and_risks_are_what_was_measured(proven: Case, ordinary: Case) -> None:
    issues = proven.text("analysis.md").replace("\\", "")
    moved = "162 ms measured, ACCESS EXCLUSIVE on public.enrolments held 8.2 ms and waited for 3 ms | proven |"
    assert f"quarantine duplicates, add unique constraint: {moved}" in issues
    summary = " ".join(proven.text("summary.txt").split())
    assert f"Long builds: at most 1.5 s on 60,092 rows ({COURSES})" in summary
    assert "held 8.2 ms and waited for 3 ms; a request waited 31 ms at most" in summary
    assert "in the proof 2 rows (56 kB) moved and the downgrade brought every row back" in summary
    assert "| public.enrolments | 2,002 | 2,000 | 2,002 |" in issues
    assert "| quarantine.public_enrolments_student_id_course_id |  | 2 |  |" in issues
    assert f"No gain: 1 of 7 operations had no effect that was measured: {LOADS}" in summary
    assert "A proven migration mends 1 of them" in summary
    assert "was not measured;" not in summary
    assert "was not measured" in ordinary.text("summary.txt")
    assert "none given" in ordinary.text("summary.txt")


def test_a_proof_ticks_what_it_ran(proven: Case, ordinary: Case) -> None:
    boxes = re.findall(r"^- \[(.)\] .*\(proof: (\w+)", proven.text("checklist.md").replace("\\", ""), re.MULTILINE)
    assert boxes == [("x", "held")] * 7 + [("x", "holds")]
    assert "12 kills; 30 statements were not killed at" in proven.text("checklist.md")
    assert "- [ ] up, down and up again leave every row" in ordinary.text("checklist.md")


def test_what_failed_stays_visible_as_failed(ordinary: Case) -> None:
    shown = reported(ordinary.audit, proof=failing())
    found = texts(shown)
    assert set(statuses(shown).values()) == {"in migration"}
    for name in READ:
        assert "The proof FAILS: b2, b3" in found[name] or name == "summary.txt"
    assert found["analysis.md"].count("- FAILED: ") == 7
    assert found["report.html"].count(">FAILED</span>") == 7
    assert "**harms**: drop index public.again" in found["analysis.md"]
    assert (
        "killed while it runs and run again, it goes on to the end (1 kill, 1 not: at CREATE INDEX 1"
        in found["analysis.md"]
    )
    assert "the longest 731 ms" in found["analysis.md"]
    assert not re.findall(r"\[x\].*proof", found["checklist.md"])
    assert found["checklist.md"].count("(proof: FAILED") == 7
    summary = " ".join(found["summary.txt"].split())
    assert "FAILS (harms, breaks traffic, harms" in summary
    assert "It does not hold for 7 more reasons" in summary
    assert "NOT all rows came back" in summary
    assert len(found["summary.txt"].splitlines()) <= 110


def test_what_a_proof_did_not_come_to_is_not_shown_as_held(ordinary: Case) -> None:
    stopped = replace(
        HOLDS,
        round_trip=RoundTripDocument(None, None, ()),
        from_empty=None,
        kills=(),
        kills_left_out=None,
        operations=(),
        statements=(),
        writes=(),
        traffic=None,
        scans=(),
        demonstrations=(),
        stopped="round trip: the disk is full",
        verdict="incomplete",
    )
    shown = reported(ordinary.audit, proof=stopped)
    found = texts(shown)
    assert statuses(shown) == {}
    assert found["analysis.md"].count("- not tried: ") == 7
    assert not re.findall(r"\[x\].*proof", found["checklist.md"])
    for name in READ:
        assert "INCOMPLETE" in found[name]
        assert "the disk is full" in found[name] or name == "checklist.md"
    assert (comparisons(stopped), timeline(stopped)) == ((), None)


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("database shop at db.example:5432", "this report of database shop at db.example:5432"),
        (None, "this report of a snapshot of database pgproof_scratch"),
    ],
)
def test_a_proof_of_another_database_proves_nothing_here(source: str | None, line: str, ordinary: Case) -> None:
    shown = reported(ordinary.audit, proof=HOLDS, source=source)
    found = texts(shown)
    assert set(statuses(shown).values()) == {"in migration"}
    assert not re.findall(r"\[x\].*proof", found["checklist.md"])
    for name in READ:
        assert line in " ".join(found[name].split()), name
    assert "was not measured;" not in found["analysis.md"]
    assert "for how long here was not measured" in " ".join(found["summary.txt"].split())


def test_a_snapshot_is_known_by_the_name_of_its_database(ordinary: Case) -> None:
    name = ordinary.audit.facts.database.name
    proof = replace(HOLDS, source=f"database {name} at db.example:5432")
    assert reported(ordinary.audit, proof=proof, source=None).doubts == ()


def migrations(*operations: Operation) -> Migrations:
    """A chain of two revisions, the second of which does something."""
    line = SourceLine("b.py", 1)
    nothing = Direction(line)
    return Migrations(
        "alembic.ini",
        "migrations",
        Environment("env.py", autocommit=True, limits_locks=True),
        (
            Revision("b2", (), (), (), "", line, Direction(line, operations), nothing),
            Revision("b3", ("b2",), (), (), "", line, nothing, nothing),
        ),
    )


def made(sql: str, name: str, *columns: str) -> Operation:
    return Operation("create_index", sql, table=Relation(None, "enrolments"), name=name, columns=columns)


def with_chain(facts: Facts, proof: Document | None, *operations: Operation) -> Material:
    audit = examine(replace(facts, migrations=migrations(*operations)), all_rules(), AuditOptions(today=TODAY))
    return reported(audit, proof=proof)


@pytest.mark.parametrize(
    ("sql", "columns", "mends"),
    [
        ("CREATE INDEX mine ON enrolments (course_id)", ("course_id",), True),
        ("CREATE INDEX mine ON enrolments USING btree (course_id, id)", ("course_id", "id"), True),
        ("CREATE INDEX mine ON enrolments (id, course_id)", ("id", "course_id"), False),
        ("CREATE INDEX mine ON enrolments USING brin (course_id)", ("course_id",), False),
        ("CREATE INDEX mine ON enrolments (course_id) WHERE id > 9", ("course_id",), False),
        ("CREATE INDEX mine ON enrolments (abs(course_id))", ("course_id",), False),
    ],
)
def test_an_index_under_another_name_is_known_by_its_columns(
    sql: str, columns: tuple[str, ...], mends: bool, ordinary_facts: Facts
) -> None:
    operation = made(sql, "mine", *columns)
    index = replace(HOLDS.operations[3], name="create index public.mine on public.enrolments")
    proof = replace(HOLDS, operations=(index,), scans=(), demonstrations=())
    expected = {"IDX01 enrolments(course_id)"} if mends else set()
    assert statuses(with_chain(ordinary_facts, proof, operation)) == dict.fromkeys(expected, "proven")
    assert statuses(with_chain(ordinary_facts, None, operation)) == dict.fromkeys(expected, "in migration")


@pytest.mark.parametrize(("columns", "mends"), [(("course_id", "id"), True), (("id", "course_id"), False)])
def test_an_index_that_a_statement_wants_begins_with_its_columns(
    columns: tuple[str, ...], mends: bool, ordinary_facts: Facts
) -> None:
    chain = migrations(made(f"CREATE INDEX mine ON enrolments ({', '.join(columns)})", "mine", *columns))
    audit = examine(replace(ordinary_facts, migrations=chain), all_rules(), AuditOptions(today=TODAY))
    (wanted,) = [each for each in audit.findings if each.rule == "IDX01" and each.objects[0].columns == ("course_id",)]
    asked = replace(audit, findings=(replace(wanted, rule="IDX09"),))
    assert [each.status for each in mendings(asked, None, "open").values()] == ["in migration"] * mends


def test_a_unique_rule_under_another_name_mends_the_duplicates(ordinary_facts: Facts) -> None:
    both = made("CREATE UNIQUE INDEX mine ON enrolments (course_id, student_id)", "mine", "course_id", "student_id")
    found = statuses(with_chain(ordinary_facts, None, both))
    assert found == dict.fromkeys(
        ("INT01 enrolments(student_id,course_id)", "IDX01 enrolments(course_id)"), "in migration"
    )


def test_a_finding_that_a_rule_no_longer_has_is_proven_whoever_mended_it_how(ordinary: Case) -> None:
    proof = replace(HOLDS, operations=(), scans=(), demonstrations=())
    assert statuses(reported(ordinary.audit, proof=proof)) == {}
    (int01,) = [each for each in ordinary.document.findings if each.rule == "INT01"]
    settled = reported(ordinary.audit, proof=replace(proof, settled=(int01.fingerprint,)))
    assert statuses(settled) == {"INT01 enrolments(student_id,course_id)": "proven"}
    assert "quarantine duplicates, lock ROW EXCLUSIVE" in texts(settled)["analysis.md"]
    # What an engine shows that is made otherwise, no migration mends.
    shown = Demonstration("INT01", int01.fingerprint, "", "", "", (), "engine_config.py")
    assert statuses(reported(ordinary.audit, proof=replace(proof, demonstrations=(shown,)))) == {}
    migration = replace(shown, mended_by="migration")
    assert statuses(reported(ordinary.audit, proof=replace(proof, demonstrations=(migration,)))) == statuses(settled)


def test_revisions_that_the_project_does_not_have_mend_nothing(ordinary_facts: Facts) -> None:
    shown = with_chain(ordinary_facts, replace(HOLDS, revisions=("zz",)))
    assert shown.doubts == ("the proof is of zz, which alembic.ini does not lead to: prove again",)
    assert statuses(shown) == {}
    later = with_chain(ordinary_facts, replace(HOLDS, revisions=("b2",)))
    assert later.doubts == ("pending too, and not proven: b3",)
    assert statuses(later) == MENDED | {"IDX01 loads(student_id)": "in migration"}


def test_the_shortest_bar_is_seen_beside_the_longest(proven: Case) -> None:
    times, blocks, inserts = comparisons(proven.material.proof)
    lengths = [one for pair in times.pairs for one in (pair.before, pair.after)]
    assert max(lengths) == LENGTH
    assert min(lengths) > LENGTH / 50
    assert times.axis == "milliseconds, logarithmic from 0.01 ms"
    # What became slower is told first.
    assert [(each.label.partition(":")[0], each.kind) for each in times.pairs] == [
        ("3 select courses", "worse"),
        ("1 select students", "same"),
        ("2 select enrolments", "better"),
    ]
    assert [each.after for each in blocks.pairs][-1] == 0
    (pair,) = inserts.pairs
    assert (pair.kind, inserts.axis) == ("worse", "rows per second, from 0")
    assert pair.after == pytest.approx(LENGTH * 1900 / 2639, abs=0.1)


def test_locks_lie_where_they_were_in_the_time_of_the_run(proven: Case) -> None:
    drawn = timeline(proven.material.proof)
    assert drawn is not None
    enrolments, students = sorted(drawn.lanes, key=lambda lane: lane.relation)
    assert (enrolments.longest_held, enrolments.longest_wait) == ("ACCESS EXCLUSIVE 8.2 ms", "ROW EXCLUSIVE 31 ms")
    assert students.longest_wait is None
    held = next(each for each in enrolments.spans if each.kind == "held")
    assert held.start == pytest.approx(380 * 750 / 1250, abs=0.1)
    assert all(each.start >= 0 and each.start + each.length <= 380 for lane in drawn.lanes for each in lane.spans)
    assert drawn.total == "1.25 s"
