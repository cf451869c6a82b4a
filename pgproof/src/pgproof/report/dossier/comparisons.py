"""Pairs of bars, before and after a migration, on a scale that shows both a second and a hundredth of a millisecond."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pgproof.proving.document import Document, StatementDocument
from pgproof.report.dossier.measured import duration

LENGTH = 300
"""Of the longest bar, in units of the drawing."""
SHOWN = 12
"""Pairs of a chart; the table below it has all."""
_SAME_BLOCKS = 0.1
"""Of the blocks of a call: a cache that is in another state makes as much."""
_LOG_FROM = 50
"""Times that the largest is of the smallest, from which on a linear scale would hide the small."""


@dataclass(frozen=True)
class Pair:
    """What was, and what is.

    Attributes:
        before: length of its bar.
        after: the same.
        before_text: the amount as people read it.
        after_text: the same.
        kind: `better` or `worse` beyond noise, or `same`.
    """

    label: str
    before: float
    after: float
    before_text: str
    after_text: str
    kind: str


@dataclass(frozen=True)
class Comparison:
    """Pairs with a title, and what the axis measures.

    Attributes:
        left_out: pairs that are in the table alone.
    """

    title: str
    axis: str
    pairs: tuple[Pair, ...]
    left_out: int


@dataclass(frozen=True)
class _Amounts:
    label: str
    before: float
    after: float
    kind: str


def comparisons(proof: Document | None) -> tuple[Comparison, ...]:
    """Return the charts of a proof, without those that would be empty."""
    if proof is None:
        return ()
    statements = by_time(proof)
    found = (
        _comparison("Statements, median time", "milliseconds", list(_times(statements)), duration),
        _comparison("Statements, blocks of a call", "blocks of 8 kB", list(_blocks(statements)), _count),
        _comparison("Single-row inserts", "rows per second", list(_inserts(proof)), _count),
    )
    return tuple(each for each in found if each.pairs)


def by_time(proof: Document) -> tuple[StatementDocument, ...]:
    """Return the statements of a proof: the slower ones first, then by the time they took the application before."""
    return tuple(
        sorted(
            proof.statements,
            key=lambda each: (_kind(each.speedup, each.noise) != "worse", -each.workload_calls * each.before.median_ms),
        )
    )


def _times(statements: Sequence[StatementDocument]) -> Iterator[_Amounts]:
    for each in statements:
        yield _Amounts(_label(each), each.before.median_ms, each.after.median_ms, _kind(each.speedup, each.noise))


def _blocks(statements: Sequence[StatementDocument]) -> Iterator[_Amounts]:
    for each in statements:
        before, after = each.before.buffers, each.after.buffers
        yield _Amounts(_label(each), before, after, _kind(before / after if after else 1 + before, _SAME_BLOCKS))


def _label(each: StatementDocument) -> str:
    """With the name that verdicts call it by."""
    return f"{each.name}: {each.sql}"


def _inserts(proof: Document) -> Iterator[_Amounts]:
    for each in proof.writes:
        before, after = each.before_rows_per_s, each.after_rows_per_s
        yield _Amounts(each.table, before, after, _kind(after / before if before else 1, each.noise))


def _kind(speedup: float, noise: float) -> str:
    if speedup > 1 + noise:
        return "better"
    return "worse" if speedup * (1 + noise) < 1 else "same"


def _comparison(title: str, unit: str, amounts: Sequence[_Amounts], text: Callable[[float], str]) -> Comparison:
    shown = amounts[:SHOWN]
    length, axis = _scale([one for each in shown for one in (each.before, each.after)], unit, text)
    pairs = tuple(
        Pair(each.label, length(each.before), length(each.after), text(each.before), text(each.after), each.kind)
        for each in shown
    )
    return Comparison(title, axis, pairs, len(amounts) - len(shown))


def _scale(amounts: Sequence[float], unit: str, text: Callable[[float], str]) -> tuple[Callable[[float], float], str]:
    """How long the bar of an amount is, and what to say of the axis."""
    there = [each for each in amounts if each > 0 and math.isfinite(each)]
    if not there:
        return lambda amount: 0.0, unit
    low, high = min(there), max(there)
    if high / low < _LOG_FROM:
        return lambda amount: round(LENGTH * _within(amount, 0, high) / high, 1), f"{unit}, from 0"
    # From the power of ten below the smallest, so that the smallest has a bar too.
    start = 10.0 ** math.floor(math.log10(low) - 0.1)
    span = math.log(high / start)

    def length(amount: float) -> float:
        return round(LENGTH * math.log(_within(amount, start, high) / start) / span, 1)

    return length, f"{unit}, logarithmic from {text(start)}"


def _within(amount: float, low: float, high: float) -> float:
    return min(max(amount, low), high) if math.isfinite(amount) else high


def _count(amount: float) -> str:
    return f"{amount:,.0f}"
