"""proof.json, version 1: the fixed form of a proof, which reports are made from.

Consumers ignore unknown keys; additions keep the version.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Literal

from pydantic import TypeAdapter

from pgproof.facts.experiments import Experiments
from pgproof.proof.timing import Sample
from pgproof.proving.changes import LockSeen
from pgproof.proving.demonstrations import Demonstration
from pgproof.proving.round_trip import Problem
from pgproof.proving.verdicts import Scan, Word
from pgproof.rules.finding_document import FindingDocument

VERSION: Literal[1] = 1
Outcome = Literal["holds", "fails", "incomplete"]


@dataclass(frozen=True)
class ScratchDocument:
    """The server that the proof ran on; it is gone."""

    server_version: str


@dataclass(frozen=True)
class DataDocument:
    """The rows of the scratch copy.

    Attributes:
        mode: `synthetic` for rows made from the source's statistics, `copy` for its own.
        scale: times as many rows as the source has.
        holds: what its rows are, in one line.
        left_out: what of the source is not in the copy, a line each.
    """

    mode: Literal["synthetic", "copy"]
    scale: float
    rows: int
    holds: str
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class RoundTripDocument:
    """Up, down and up again.

    Attributes:
        catalog_equal: the downgrade left what was there, and both upgrades the same; null where nobody knows.
        rows_equal: the same of the rows.
        seconds: of each run that ended: upgrade, downgrade, second upgrade.
    """

    catalog_equal: bool | None
    rows_equal: bool | None
    seconds: tuple[float, ...]


@dataclass(frozen=True)
class FromEmptyDocument:
    """The whole chain on an empty database.

    Attributes:
        built: it ran to its end.
        why: it did not, in one line.
        differs: how its catalog differs from that of the migrated copy, in one line; null where it does not.
    """

    built: bool
    why: str | None
    differs: str | None


@dataclass(frozen=True)
class KillDocument:
    """One kill and the run after it.

    Attributes:
        statement: that the server had just got.
        mode: `client` for SIGKILL of the process, `backend` for pg_terminate_backend.
        rerun: `completes`, or what it did instead.
        command: what was running, and was run again.
    """

    statement: str
    mode: Literal["client", "backend"]
    rerun: str
    command: Literal["upgrade", "downgrade"] = "upgrade"


@dataclass(frozen=True)
class OperationDocument:
    """A change of the schema, what it took and what it is worth.

    Attributes:
        seconds: of its statements; null where no statement names it.
        bytes: that it added; below 0 where it freed them.
        locks: that keep writers out, on tables that were there before.
    """

    name: str
    seconds: float | None
    bytes: int
    locks: tuple[LockSeen, ...]
    verdict: Word
    why: str


@dataclass(frozen=True)
class StatementDocument:
    """A statement of the workload before and after.

    Attributes:
        calls: timed on each side.
        workload_calls: that the application was seen to make.
        speedup: median before divided by median after.
        noise: a speedup between 1 - noise and 1 + noise says nothing.
        before_plan: how the server answered it.
        after_plan: how it answers it now.
    """

    name: str
    sql: str
    calls: int
    workload_calls: int
    before: Sample
    after: Sample
    speedup: float
    noise: float
    before_plan: str
    after_plan: str


@dataclass(frozen=True)
class UnmeasuredDocument:
    """A statement of the workload that was not measured, and why."""

    sql: str
    why: str


@dataclass(frozen=True)
class WritesDocument:
    """Single-row INSERTs into a table, one after another, without their commits."""

    table: str
    before_rows_per_s: float
    after_rows_per_s: float
    noise: float


@dataclass(frozen=True)
class LatencyDocument:
    """Requests under one run of the traffic, in milliseconds from their intended start."""

    seconds: float
    requests: int
    rate: float
    write_share: float
    errors: tuple[str, ...]
    p50_ms: float
    p95_ms: float
    p999_ms: float
    max_ms: float


@dataclass(frozen=True)
class TimelineDocument:
    """A lock of the migration, or a request's wait for one.

    Attributes:
        kind: `held` by the migration, or `waited` for by a request.
        at_ms: since the migration began.
        ms: how long.
    """

    kind: Literal["held", "waited"]
    relation: str
    mode: str
    at_ms: float
    ms: float


@dataclass(frozen=True)
class TrafficDocument:
    """The migration beside traffic.

    Attributes:
        calm: the same traffic before it.
        beside: the traffic while it ran.
        longest_wait_ms: of a request, for what the migration held or had asked for.
        samples: looks at the lock table.
        median_gap_ms: between two of them.
    """

    calm: LatencyDocument
    beside: LatencyDocument
    seconds: float
    longest_wait_ms: float
    samples: int
    median_gap_ms: float
    timeline: tuple[TimelineDocument, ...]


@dataclass(frozen=True)
class MovedDocument:
    """A table whose number of rows a migration changed.

    Attributes:
        before: rows; null where there was no such table.
        after: the upgrade; null where there is none any more.
        back: after the downgrade; null where there is none, or where it did not come to its end.
    """

    table: str
    before: int | None
    after: int | None
    back: int | None


@dataclass(frozen=True)
class StageDocument:
    """A part of the proof and how long it took."""

    name: str
    seconds: float


@dataclass(frozen=True)
class Document:
    """A proof as proof.json holds it.

    Attributes:
        source: the database, without user and password.
        revisions: that were proven, in order.
        problems: why it does not hold, each by its name.
        kills_left_out: what was not killed, in one line; null where nothing was left out.
        not_measured: statements of the workload without a measurement.
        scans: what deleting a parent reads of the tables that refer to it.
        stopped: why the proof did not come to its end, in one line; null where it did.
        stages: that were done.
        experiments: what was seen of each revision, for `--proof` of other commands.
        findings: of the rules of migrations, about the revisions that were proven; worst first.
        moved: tables whose number of rows changed: rows that were deleted, set aside and brought back.
        settled: fingerprints of findings that the copy had before, and whose rules find nothing after the upgrade.
    """

    version: Literal[1]
    taken_at: datetime
    source: str
    scratch: ScratchDocument
    data: DataDocument
    revisions: tuple[str, ...]
    round_trip: RoundTripDocument
    from_empty: FromEmptyDocument | None
    kills: tuple[KillDocument, ...]
    kills_left_out: str | None
    operations: tuple[OperationDocument, ...]
    statements: tuple[StatementDocument, ...]
    not_measured: tuple[UnmeasuredDocument, ...]
    writes: tuple[WritesDocument, ...]
    traffic: TrafficDocument | None
    scans: tuple[Scan, ...]
    demonstrations: tuple[Demonstration, ...]
    problems: tuple[Problem, ...]
    stopped: str | None
    stages: tuple[StageDocument, ...]
    verdict: Outcome
    experiments: Experiments | None = None
    findings: tuple[FindingDocument, ...] = ()
    moved: tuple[MovedDocument, ...] = ()
    settled: tuple[str, ...] = ()


@cache
def adapter() -> TypeAdapter[Document]:
    """Return what turns a document into JSON, and JSON back into one."""
    return TypeAdapter(Document)


def to_json(document: Document) -> str:
    """Return a document as proof.json holds it; names are escaped to ASCII, so that none acts on a terminal."""
    return json.dumps(adapter().dump_python(document, mode="json"), indent=2) + "\n"


def from_json(text: str | bytes) -> Document:
    """Return the document that a proof.json holds.

    Raises:
        pydantic.ValidationError: it is none, or of another version.
    """
    return adapter().validate_json(text)


def json_schema() -> str:
    """Return the JSON Schema of proof.json, as schemas/proof.schema.json of `pgproof.report` ships it."""
    schema = adapter().json_schema(mode="serialization")
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"
