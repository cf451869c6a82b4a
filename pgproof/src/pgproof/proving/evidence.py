"""What the stages of a proof have gathered so far, and the document that comes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pgproof.facts.catalog import QualifiedName
from pgproof.facts.experiments import Experiments, FromEmpty, TakenBack
from pgproof.facts.model import Facts
from pgproof.proof.locks import HeldLock
from pgproof.proof.scratch import ScratchCopy
from pgproof.proof.traffic import TrafficReport
from pgproof.proving import document as documents
from pgproof.proving.changes import Change, Cost, cost
from pgproof.proving.demonstrations import Demonstration
from pgproof.proving.experiments import (
    Direction,
    Sent,
    TableFile,
    by_revision,
    failed,
    held,
    not_rerun,
    rewritten,
    stamped,
    written,
)
from pgproof.proving.findings import findings_of, with_rule
from pgproof.proving.killing import Killed, problem_of
from pgproof.proving.load import Loaded, problems_of
from pgproof.proving.measuring import Measured
from pgproof.proving.round_trip import Problem, RoundTrip
from pgproof.proving.verdicts import Shown, Verdict, judge
from pgproof.proving.workload import Undrawn
from pgproof.proving.writes import WriteRates
from pgproof.rules.finding_document import finding_document

_LONGEST_TIMELINE = 400
_NOT_REACHED = documents.RoundTripDocument(None, None, ())


@dataclass
class Evidence:
    """What was found until now; every stage adds its part.

    Attributes:
        before: facts of the copy, with the chain and the answers that its rules want.
        built: whether the chain builds an empty database.
        held: locks of the migration in the run without traffic.
        sent: statements of the same run with their revisions.
        files: tables before and after it, by oid.
        taken_back: what the downgrade left otherwise; None where it did not come to its end.
        shown: both catalogs with what was measured on them; None until both are there.
        settled: fingerprints of findings that are gone after the upgrade.
        stages: each that ended, with its seconds.
        stopped: why the proof went no further.
    """

    source: str
    revisions: tuple[str, ...]
    scratch: ScratchCopy | None = None
    before: Facts | None = None
    from_empty: documents.FromEmptyDocument | None = None
    built: FromEmpty | None = None
    round_trip: RoundTrip | None = None
    held: tuple[HeldLock, ...] = ()
    sent: tuple[Sent, ...] = ()
    files: tuple[Mapping[int, TableFile], Mapping[int, TableFile]] = ({}, {})
    taken_back: tuple[TakenBack, ...] | None = None
    loaded: Loaded | None = None
    kills: tuple[Killed, ...] | None = None
    kills_left_out: str | None = None
    changes: tuple[Change, ...] = ()
    shown: Shown | None = None
    undrawn: tuple[Undrawn, ...] = ()
    writes: tuple[WriteRates, ...] = ()
    demonstrations: tuple[Demonstration, ...] = ()
    settled: tuple[str, ...] = ()
    problems: list[Problem] = field(default_factory=list)
    stages: list[documents.StageDocument] = field(default_factory=list)
    stopped: str | None = None

    def document(self) -> documents.Document:
        """Return the proof as proof.json holds it."""
        operations = tuple(self._operations())
        experiments = self.experiments()
        findings = findings_of(self.before, experiments) if self.before and experiments else ()
        problems = tuple(with_rule(each, findings) for each in self._problems(operations))
        return documents.Document(
            version=documents.VERSION,
            taken_at=datetime.now(UTC),
            source=self.source,
            scratch=documents.ScratchDocument(self.scratch.server_version if self.scratch else ""),
            data=self._data(),
            revisions=self.revisions,
            round_trip=self._round_trip(),
            from_empty=self.from_empty,
            kills=tuple(
                documents.KillDocument(each.statement, each.mode.value, each.problem or "completes", each.command)
                for each in self.kills or ()
            ),
            kills_left_out=self.kills_left_out,
            operations=operations,
            statements=tuple(_statement(each) for each in self._measured() if each.timing is not None),
            not_measured=tuple(documents.UnmeasuredDocument(each.text, each.why) for each in self.undrawn),
            writes=tuple(
                documents.WritesDocument(str(each.table), each.before_rows_per_s, each.after_rows_per_s, each.noise)
                for each in self.writes
            ),
            traffic=_traffic(self.loaded) if self.loaded else None,
            scans=tuple(self.shown.scans) if self.shown else (),
            demonstrations=self.demonstrations,
            problems=problems,
            stopped=self.stopped,
            stages=tuple(self.stages),
            verdict="fails" if problems else "incomplete" if self.stopped else "holds",
            experiments=experiments,
            findings=tuple(map(finding_document, findings)),
            moved=tuple(_moved(self.round_trip)) if self.round_trip else (),
            settled=self.settled,
        )

    def experiments(self) -> Experiments | None:
        """Return what was seen of each revision; None where none ran."""
        trip = self.round_trip
        if self.scratch is None or trip is None:
            return None
        tables = {each.name for each in self.files[0].values()}
        ran = trip.upgraded is not None
        ways: tuple[Direction, ...] = ("upgrade", "downgrade", "upgrade")
        quiet = tuple(held(self.held, None, tables, self.sent)) if ran else None
        busy = self.loaded
        kills = None if self.kills is None else [each for each in self.kills if each.command == "upgrade"]
        return Experiments(
            server_version=self.scratch.server_version,
            rows=self.scratch.rows,
            revisions=self.revisions,
            upgraded=tuple(each for each in stamped(trip.runs[0]) if each in self.revisions),
            downgraded=tuple(
                each for run in trip.runs[1:2] for each in stamped(run, "downgrade") if each in self.revisions
            ),
            failed=tuple(
                found
                for run, direction in zip(trip.runs, ways, strict=False)
                if (found := failed(run, direction, self.revisions)) is not None
            ),
            from_empty=self.built,
            taken_back=self.taken_back,
            rewritten=tuple(rewritten(*self.files, self.sent)) if ran else None,
            held=quiet
            if busy is None
            else tuple(held(busy.held, busy.waits, tables, by_revision(busy.run, self.revisions))),
            written=tuple(written(*self.files, self.sent)) if ran else None,
            kills=None if kills is None else len(kills),
            not_rerun=tuple(not_rerun(kills or (), self.sent)),
            stopped=self.stopped,
        )

    def _data(self) -> documents.DataDocument:
        if self.scratch is None:
            return documents.DataDocument("synthetic", 0, 0, "", ())
        return documents.DataDocument(
            self.scratch.mode, self.scratch.scale, self.scratch.rows, self.scratch.holds, self.scratch.left_out
        )

    def _round_trip(self) -> documents.RoundTripDocument:
        trip = self.round_trip
        if trip is None:
            return _NOT_REACHED
        seconds = tuple(each.seconds for each in trip.runs if each.problem is None)
        return documents.RoundTripDocument(trip.catalog_equal, trip.rows_equal, seconds)

    def _measured(self) -> tuple[Measured, ...]:
        return tuple(self.shown.measured) if self.shown else ()

    def _operations(self) -> Iterator[documents.OperationDocument]:
        if self.shown is None or self.round_trip is None:
            return
        for change in self.changes:
            taken = self._cost(change, self.shown)
            verdict: Verdict = judge(change, taken, self.shown)
            yield documents.OperationDocument(
                change.title, taken.seconds, taken.bytes, taken.locks, verdict.word, verdict.why
            )

    def _cost(self, change: Change, shown: Shown) -> Cost:
        """What an operation took: its time without traffic, its locks beside traffic where there was any."""
        assert self.round_trip is not None
        there = {str(table.qualified_name) for table in shown.before.tables}
        size = _table_bytes(shown, change.table) if change.kind == "table" else 0
        referenced = change.constraint.referenced if change.constraint else None
        catalog = shown.before if change.how == "drop" else shown.after
        table = catalog.table(referenced) if referenced is not None else None
        parent = str(table.qualified_name) if table else None
        quiet = cost(change, self.round_trip.runs[0], _on(there, self.held), (), size, parent)
        if self.loaded is None:
            return quiet
        busy = cost(change, self.loaded.run, _on(there, self.loaded.held), self.loaded.waits, size, parent)
        return Cost(quiet.seconds, quiet.bytes, busy.locks)

    def _problems(self, operations: tuple[documents.OperationDocument, ...]) -> Iterator[Problem]:
        yield from self.problems
        if self.round_trip is not None:
            yield from self.round_trip.problems
        if self.loaded is not None:
            yield from problems_of(self.loaded)
        if (killed := problem_of(self.kills or ())) is not None:
            yield killed
        for each in self._measured():
            if each.error is not None:
                yield Problem(
                    "breaks the workload",
                    f"after the migration {each.statement.name} no longer runs: {each.error}",
                    "let the application stop using what goes before it goes",
                )
        for operation in operations:
            if operation.verdict == "harms":
                name = "blocking lock" if operation.why.startswith("it held ") else "harms"
                yield Problem(name, f"{operation.name}: {operation.why}", _remedy(name))


def _moved(trip: RoundTrip) -> Iterator[documents.MovedDocument]:
    states = (trip.before, trip.upgraded, trip.back)
    before, after, back = (
        {f"{each.schema}.{each.table}": each.rows for each in state.rows} if state is not None else {}
        for state in states
    )
    for table in sorted(before.keys() | after.keys()) if trip.upgraded is not None else ():
        if before.get(table, 0) != after.get(table, 0):
            yield documents.MovedDocument(table, before.get(table), after.get(table), back.get(table))


def _remedy(name: str) -> str:
    if name == "blocking lock":
        return (
            "build indexes concurrently, add constraints NOT VALID and validate them apart, and take strong locks in "
            "short transactions with lock_timeout and retries"
        )
    return "leave the operation out"


def _on(tables: set[str], held: tuple[HeldLock, ...]) -> tuple[HeldLock, ...]:
    """Locks of tables that were there before: nobody waits for a table that is being made."""
    return tuple(each for each in held if each.relation in tables)


def _table_bytes(shown: Shown, name: QualifiedName | None) -> int:
    if name is None:
        return 0
    table = shown.after.named(name) or shown.before.named(name)
    return (table.bytes or 0) + sum(index.bytes or 0 for index in table.indexes) if table else 0


def _statement(each: Measured) -> documents.StatementDocument:
    timing = each.timing
    assert timing is not None
    return documents.StatementDocument(
        name=each.statement.name,
        sql=each.statement.text,
        calls=timing.calls,
        workload_calls=each.statement.calls,
        before=timing.before,
        after=timing.after,
        speedup=timing.speedup,
        noise=timing.noise,
        before_plan=each.before[0].shape if each.before else "",
        after_plan=each.after[0].shape if each.after else "",
    )


def _traffic(loaded: Loaded) -> documents.TrafficDocument:
    started = loaded.run.started
    timeline = [
        documents.TimelineDocument("held", each.relation, each.mode, (each.since - started) * 1000, each.held_ms)
        for each in loaded.held
    ] + [
        documents.TimelineDocument(
            "waited", each.relation or each.lock_type, each.mode, (each.since - started) * 1000, each.waited_ms
        )
        for each in loaded.waits
    ]
    longest = sorted(timeline, key=lambda each: -each.ms)[:_LONGEST_TIMELINE]
    return documents.TrafficDocument(
        calm=_latency(loaded.calm),
        beside=_latency(loaded.traffic),
        seconds=loaded.run.seconds,
        longest_wait_ms=max((each.waited_ms for each in loaded.waits), default=0.0),
        samples=loaded.locks.samples,
        median_gap_ms=loaded.locks.median_gap_ms,
        timeline=tuple(sorted(longest, key=lambda each: each.at_ms)),
    )


def _latency(report: TrafficReport) -> documents.LatencyDocument:
    return documents.LatencyDocument(
        seconds=report.seconds,
        requests=report.requests,
        rate=report.rate,
        write_share=report.write_share,
        errors=report.errors,
        p50_ms=report.p50_ms,
        p95_ms=report.p95_ms,
        p999_ms=report.p999_ms,
        max_ms=report.max_ms,
    )
