"""A proof of what mends the ordinary schema, with all that one can hold; written down, since a real one takes long."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from pgproof.proof.timing import Sample
from pgproof.proving.changes import LockSeen
from pgproof.proving.demonstrations import Demonstration
from pgproof.proving.document import (
    DataDocument,
    Document,
    FromEmptyDocument,
    KillDocument,
    LatencyDocument,
    MovedDocument,
    OperationDocument,
    RoundTripDocument,
    ScratchDocument,
    StageDocument,
    StatementDocument,
    TimelineDocument,
    TrafficDocument,
    UnmeasuredDocument,
    WritesDocument,
)
from pgproof.proving.round_trip import Problem
from pgproof.proving.verdicts import Scan

SOURCE = "database school at db.example:5432"
HARMS = Problem("harms", "drop index public.again on public.courses: slower without it", "leave the operation out")
EXCLUSIVE = LockSeen("public.enrolments", "AccessExclusiveLock", 8.2, 3.0)
UNIQUE = "create unique uq_enrolments_student_id_course_id on public.enrolments"
COURSES = "create index public.idx_enrolments_course_id on public.enrolments"
LOADS = "create index public.idx_loads_student_id on public.loads"


def _statement(name: str, sql: str, before: tuple[float, float], after: tuple[float, float]) -> StatementDocument:
    one, other = (Sample(ms, 2 * ms, blocks) for ms, blocks in (before, after))
    return StatementDocument(name, sql, 40, 100, one, other, before[0] / after[0], 0.2, "Seq Scan", "Index Scan")


_CALM = LatencyDocument(4.0, 400, 100.0, 0.2, (), 1.5, 6.0, 20.0, 25.0)
HOLDS = Document(
    version=1,
    taken_at=datetime(2026, 1, 1, 9, 30, tzinfo=UTC),
    source=SOURCE,
    scratch=ScratchDocument("18.6"),
    data=DataDocument("copy", 1.0, 60_092, "every row as it is", ("extension hstore: not there",)),
    revisions=("b2", "b3"),
    round_trip=RoundTripDocument(True, True, (1.2, 0.7, 0.6)),
    from_empty=FromEmptyDocument(True, None, None),
    kills=tuple(KillDocument(f"CREATE INDEX {number}", "client", "completes") for number in range(12)),
    kills_left_out="30 statements were not killed at",
    operations=(
        OperationDocument("create schema quarantine", 4.0, 0, (), "integrity", "it keeps the rows"),
        OperationDocument(
            "create table quarantine.public_enrolments_student_id_course_id", 0.113, 57_344, (), "integrity", "it keeps"
        ),
        OperationDocument(UNIQUE, 0.049, 466_944, (EXCLUSIVE,), "integrity", "rows are told apart by it"),
        OperationDocument(COURSES, 1.5, 466_944, (), "helps", "2 select enrolments: 1.31 to 0.30 ms"),
        OperationDocument(LOADS, 0.002, 8_192, (), "no-effect", "none of the 3 measured statements reads it"),
        OperationDocument("drop index public.again on public.courses", None, -466_944, (), "helps", "0.5 MB less"),
        OperationDocument("change column public.students.active (not null)", 0.003, 0, (), "integrity", "a value"),
    ),
    statements=(
        _statement("1 select students", "SELECT name FROM students WHERE id > $1", (1200.0, 2226), (1190.0, 2226)),
        _statement("2 select enrolments", "SELECT count(*) FROM enrolments", (1.31, 109), (0.03, 0)),
        _statement("3 select courses", "SELECT title FROM courses", (0.5, 12), (0.9, 30)),
    ),
    not_measured=(UnmeasuredDocument("SELECT 1 FROM gone", "there is no table gone"),),
    writes=(WritesDocument("public.enrolments", 2639.0, 1900.0, 0.06),),
    traffic=TrafficDocument(
        _CALM,
        replace(_CALM, max_ms=40.0),
        1.25,
        31.0,
        600,
        5.0,
        (
            TimelineDocument("held", "public.enrolments", "AccessExclusiveLock", 750.0, 8.2),
            TimelineDocument("waited", "public.enrolments", "RowExclusiveLock", 751.0, 31.0),
            TimelineDocument("held", "public.students", "ShareLock", 1249.0, 0.2),
        ),
    ),
    scans=(Scan("enrolments_course_id_fkey", "public.courses", "public.enrolments", 1, 0, 2002, 0),),
    demonstrations=(Demonstration("INT01", "0" * 64, "may hold", "it holds two rows", "the second was refused", ()),),
    problems=(),
    stopped=None,
    stages=(StageDocument("round trip", 3.0),),
    verdict="holds",
    moved=(
        MovedDocument("public.enrolments", 2002, 2000, 2002),
        MovedDocument("quarantine.public_enrolments_student_id_course_id", None, 2, None),
    ),
)


def failing() -> Document:
    """The same where nothing went well but most operations."""
    traffic = HOLDS.traffic
    assert traffic is not None
    beside = replace(traffic.beside, errors=('column "nick" does not exist (x3)',))
    return replace(
        HOLDS,
        round_trip=RoundTripDocument(False, False, (1.2, 0.7, 0.6)),
        from_empty=FromEmptyDocument(False, "relation there is none", None),
        kills=(KillDocument("CREATE INDEX 1", "backend", "ends with an error"),),
        operations=(*HOLDS.operations[:-1], replace(HOLDS.operations[-1], verdict="harms")),
        traffic=replace(traffic, longest_wait_ms=731.0, beside=beside),
        problems=(HARMS, Problem("breaks traffic", "requests failed", "go on"), *(HARMS,) * 8),
        verdict="fails",
    )


def named(text: str) -> Document:
    """The same with a text in every place that holds one."""
    lock = replace(EXCLUSIVE, relation=text, mode=text)
    traffic = HOLDS.traffic
    assert traffic is not None
    return replace(
        HOLDS,
        source=text,
        revisions=(text,),
        scratch=ScratchDocument(text),
        data=replace(HOLDS.data, holds=text, left_out=(text,)),
        from_empty=FromEmptyDocument(False, text, text),
        kills=(KillDocument(text, "client", text),),
        kills_left_out=text,
        operations=tuple(replace(each, name=text, locks=(lock,), why=text) for each in HOLDS.operations),
        statements=tuple(
            replace(each, name=text, sql=text, before_plan=text, after_plan=text * 2) for each in HOLDS.statements
        ),
        writes=tuple(replace(each, table=text) for each in HOLDS.writes),
        traffic=replace(
            traffic,
            beside=replace(traffic.beside, errors=(text,)),
            timeline=tuple(replace(each, relation=text, mode=text) for each in traffic.timeline),
        ),
        scans=tuple(replace(each, constraint=text, parent=text, child=text) for each in HOLDS.scans),
        demonstrations=(Demonstration(text, "0" * 64, text, text, text, (text,)),),
        problems=(Problem(text, text, text),),
        stopped=text,
        moved=tuple(replace(each, table=text) for each in HOLDS.moved),
        verdict="fails",
    )
