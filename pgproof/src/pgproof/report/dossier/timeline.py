"""When a migration held locks, and when requests waited for them: bars over the time of its run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pgproof.proving.document import Document, TimelineDocument
from pgproof.report.dossier.measured import duration, lock_mode

LENGTH = 380
"""Of the whole run, in units of the drawing."""
SHOWN = 12
"""Tables that are drawn, those with the longest locks and waits."""
_LEAST = 1.5
"""Of a bar, so that a millisecond of a minute is seen."""


@dataclass(frozen=True)
class Span:
    """A lock or a wait as a bar."""

    kind: Literal["held", "waited"]
    start: float
    length: float
    text: str


@dataclass(frozen=True)
class Lane:
    """A table with all that was held and waited for on it.

    Attributes:
        longest_held: in words; None where no lock was seen.
        longest_wait: the same.
    """

    relation: str
    spans: tuple[Span, ...]
    longest_held: str | None
    longest_wait: str | None


@dataclass(frozen=True)
class Timeline:
    """Lanes over the time of a migration.

    Attributes:
        total: of the run, in words.
        left_out: tables that are not drawn.
        sampled: how it was seen.
    """

    lanes: tuple[Lane, ...]
    total: str
    left_out: int
    sampled: str


def timeline(proof: Document | None) -> Timeline | None:
    """Return the locks of a migration over its time; None where it was not watched beside traffic."""
    traffic = proof.traffic if proof is not None else None
    if traffic is None:
        return None
    total = max([traffic.seconds * 1000, *(each.at_ms + each.ms for each in traffic.timeline)]) or 1.0
    relations: dict[str, list[TimelineDocument]] = {}
    for each in sorted(traffic.timeline, key=lambda each: -each.ms):
        relations.setdefault(each.relation, []).append(each)
    lanes = tuple(_lane(relation, seen, total) for relation, seen in relations.items())
    return Timeline(
        lanes[:SHOWN],
        duration(total),
        max(len(lanes) - SHOWN, 0),
        f"{traffic.samples:,} looks at the lock table, {duration(traffic.median_gap_ms)} apart",
    )


def _lane(relation: str, seen: list[TimelineDocument], total: float) -> Lane:
    return Lane(relation, tuple(_span(each, total) for each in seen), _longest("held", seen), _longest("waited", seen))


def _longest(kind: str, seen: list[TimelineDocument]) -> str | None:
    """The first of a kind: they come longest first."""
    longest = next((each for each in seen if each.kind == kind), None)
    return None if longest is None else f"{lock_mode(longest.mode)} {duration(longest.ms)}"


def _span(each: TimelineDocument, total: float) -> Span:
    length = max(LENGTH * each.ms / total, _LEAST)
    start = min(max(LENGTH * each.at_ms / total, 0), LENGTH - length)
    text = f"{lock_mode(each.mode)} on {each.relation} {each.kind} {duration(each.ms)} at {duration(each.at_ms)}"
    return Span(each.kind, round(start, 1), round(length, 1), text)
