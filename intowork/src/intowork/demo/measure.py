"""Columns: the analysed statement on phase 2, the same after the critical migration and after fix, ours on head."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from intowork.demo.phase2.statements import Request
from intowork.performance.measuring import rendered
from intowork.performance.suites import Case
from pgproof.proof.measuring import nearest_rank
from pgproof.proof.timing import Sample, TimedStatement, Variant, VariantTiming, time_variants

PHASE_2, CRITICAL, FIXED, HEAD = "phase 2", "critical migration", "pgproof fix", "head"

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Columns:
    """One case on the four databases.

    Attributes:
        case: what was measured.
        before: the analysed statement on phase 2.
        after: the same statement after the critical migration.
        fixed: the same statement after what `pgproof fix` wrote.
        head: the platform's statement on head; the analysed one where there is no other yet.
    """

    case: Case
    before: Sample
    after: Sample
    fixed: Sample
    head: Sample

    @property
    def factor(self) -> float:
        """How many times shorter the median is on head than on phase 2."""
        return self.before.median_ms / self.head.median_ms


@dataclass(frozen=True)
class Growth:
    """One of the platform's statements on a tenth of the data and on all of it."""

    case: Case
    tenth: Sample
    whole: Sample

    @property
    def ratio(self) -> float:
        """How many times longer the median is on ten times the data."""
        return self.whole.median_ms / self.tenth.median_ms


def columns_of(
    cases: Sequence[Case], *, phase_2: str, critical: str, fixed: str, head: str, calls: int, progress: Progress
) -> tuple[Columns, ...]:
    """Time every case that the analysed platform had, interleaved on the four databases, draw by draw.

    Args:
        cases: those without an analysed statement are left out.
        phase_2: libpq URL of the database as analysed.
        critical: libpq URL of the same data after the critical migration.
        fixed: libpq URL of the same data after what `pgproof fix` wrote.
        head: libpq URL of the same data at head.
        calls: timed calls of each case on each database at least; every draw is called once at least.
        progress: is told how far the measurement is.
    """
    compared = [case for case in cases if case.analysed]
    columns = []
    for done, case in enumerate(compared):
        progress(f"{case.suite}: {case.name}", done, len(compared))
        timings = []
        for analysed, ours in zip(case.analysed, case.ours or case.analysed, strict=True):
            before = _timed(case.name, analysed)
            variants = (
                Variant(PHASE_2, phase_2, before),
                Variant(CRITICAL, critical, before),
                Variant(FIXED, fixed, before),
                Variant(HEAD, head, _timed(case.name, ours)),
            )
            timings.append(time_variants(variants, iterations=_iterations(case, calls), warmup=1))
        columns.append(Columns(case, *(_merged(side) for side in zip(*timings, strict=True))))
    progress("measured", len(compared), len(compared))
    return tuple(columns)


def grow(
    tenth_cases: Sequence[Case],
    tenth: str,
    whole_cases: Sequence[Case],
    whole: str,
    *,
    calls: int,
    progress: Progress,
) -> tuple[Growth, ...]:
    """Time the platform's statements on a tenth of the data and on all of it, interleaved, draw by draw.

    Args:
        tenth_cases: the cases with what was drawn from the smaller database.
        tenth: its libpq URL.
        whole_cases: the cases with what was drawn from the larger one.
        whole: its libpq URL.
        calls: timed calls of each case on each database at least; every draw is called once at least.
        progress: is told how far the measurement is.
    """
    smaller = {(case.suite, case.name): case for case in tenth_cases}
    both = [
        (smaller[case.suite, case.name], case)
        for case in whole_cases
        if (case.suite, case.name) in smaller and case.ours
    ]
    growth = []
    for done, (small, large) in enumerate(both):
        progress(f"{large.suite}: {large.name}", done, len(both))
        timings = [
            time_variants(
                (
                    Variant("tenth", tenth, _timed(small.name, asked_of_tenth)),
                    Variant("whole", whole, _timed(large.name, asked_of_whole)),
                ),
                iterations=_iterations(large, calls),
                warmup=1,
            )
            for asked_of_tenth, asked_of_whole in zip(small.ours, large.ours, strict=False)
        ]
        growth.append(Growth(large, *(_merged(side) for side in zip(*timings, strict=True))))
    progress("measured", len(both), len(both))
    return tuple(growth)


def every_other_draw(case: Case) -> Case:
    """Return a case with half of its draws, in the published proportions: analysed statements take their time."""
    return dataclasses.replace(case, ours=case.ours[::2], analysed=case.analysed[::2])


def _iterations(case: Case, calls: int) -> int:
    return -(-calls // max(len(case.ours), len(case.analysed)))


def _timed(name: str, request: Request) -> TimedStatement:
    sent = rendered(request)
    return TimedStatement(name, sent.sql, (sent.parameters,))


def _merged(timings: Iterable[VariantTiming]) -> Sample:
    """Return one sample for all draws of a case."""
    all_timings = list(timings)
    calls = sorted(call for timing in all_timings for call in timing.calls_ms)
    return Sample(
        median_ms=statistics.median(calls),
        p95_ms=nearest_rank(calls, 0.95),
        buffers=statistics.mean(timing.sample.buffers for timing in all_timings),
    )
