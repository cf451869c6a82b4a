"""What a performance test found, as values; the documents made of it are in the modules beside this one."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
from dataclasses import dataclass

from intowork.database.pool import PoolStatistics
from intowork.performance.suites import Claim
from intowork.performance.verify import RuleState, VerifiedRule
from pgproof.proof.timing import Sample

VERSION = 1


class Target(enum.StrEnum):
    """Whether a case reached its target."""

    HELD = "held"
    MISSED = "missed"
    NONE = "none"


@dataclass(frozen=True)
class DatabaseSize:
    """A database that was measured.

    Attributes:
        name: its name.
        server_version: PostgreSQL's.
        revision: the schema's revision, None where no migration made it.
        rows: the rows of each measured table, as the planner estimates them.
    """

    name: str
    server_version: str
    revision: str | None
    rows: tuple[tuple[str, int], ...]

    def rows_of(self, table: str) -> int:
        """Return the rows of a measured table."""
        return dict(self.rows)[table]


@dataclass(frozen=True)
class CaseResult:
    """A case on one database or on two.

    Attributes:
        suite: what it belongs to.
        name: what it answers.
        calls: timed calls of the platform's statements on each database.
        ours: the platform's statements, None where there are none yet.
        analysed: the analysed platform's, None where it had none.
        ours_against: the platform's statements on the other database.
        analysed_against: the analysed platform's on the other database.
        target_ms: what the 95th percentile of `ours` must stay below.
        claim: what the executive summary says.
    """

    suite: str
    name: str
    calls: int
    ours: Sample | None
    analysed: Sample | None
    ours_against: Sample | None
    analysed_against: Sample | None
    target_ms: float | None
    claim: Claim | None

    @property
    def target(self) -> Target:
        """Whether the target was reached; without statements of the platform it was not."""
        if self.target_ms is None:
            return Target.NONE
        return Target.HELD if self.ours is not None and self.ours.p95_ms < self.target_ms else Target.MISSED

    @property
    def factor(self) -> float | None:
        """How many times faster the platform's statements are than the analysed ones, by the medians."""
        analysed = self.analysed_against or self.analysed
        if analysed is None or self.ours is None:
            return None
        return analysed.median_ms / self.ours.median_ms


@dataclass(frozen=True)
class ConcurrencyResult:
    """What many users at a time got.

    Attributes:
        users: users at a time.
        seconds: how long they asked.
        requests: requests answered.
        p50_ms: median, waiting for a connection included.
        p95_ms: 95th percentile, by the nearest rank.
        max_ms: the longest.
        errors: what went wrong and how often.
        pool: the pool at the end, with its counts.
    """

    users: int
    seconds: float
    requests: int
    p50_ms: float
    p95_ms: float
    max_ms: float
    errors: tuple[tuple[str, int], ...]
    pool: PoolStatistics

    @property
    def throughput(self) -> float:
        """Requests answered in a second."""
        return self.requests / self.seconds


@dataclass(frozen=True)
class PerformanceReport:
    """The result of one performance test.

    Attributes:
        version: of this form.
        taken_at: when it began, UTC.
        machine: processors and operating system of the client.
        seed: which draw of parameters was used.
        draws: parameter sets of each case that has parameters.
        iterations: timed passes over them.
        database: what was measured.
        against: the other database, None where there was none.
        rules: the expected indexes and rules of `database`.
        cases: the measurements.
        concurrency: the result of many users at a time, None where it was not asked for.
    """

    version: int
    taken_at: dt.datetime
    machine: str
    seed: int
    draws: int
    iterations: int
    database: DatabaseSize
    against: DatabaseSize | None
    rules: tuple[VerifiedRule, ...]
    cases: tuple[CaseResult, ...]
    concurrency: ConcurrencyResult | None

    @property
    def missed(self) -> tuple[CaseResult, ...]:
        """The cases that did not reach their target."""
        return tuple(case for case in self.cases if case.target is Target.MISSED)

    @property
    def broken_rules(self) -> tuple[VerifiedRule, ...]:
        """The expected indexes and rules that are not there as they should be."""
        return tuple(verified for verified in self.rules if verified.state is not RuleState.PRESENT)


def to_json(report: PerformanceReport) -> str:
    """Return the report as a JSON document, with what follows from the measurements."""
    document = dataclasses.asdict(report)
    for entry, case in zip(document["cases"], report.cases, strict=True):
        entry["target"] = case.target
        entry["factor"] = case.factor
    return json.dumps(document, indent=2, default=_plain, ensure_ascii=False) + "\n"


def _plain(value: object) -> str:
    assert isinstance(value, dt.datetime)
    return value.isoformat()
