"""Bars for the page: their lengths are computed here, the drawing is the template's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pgproof.report.dossier.material import Material
from pgproof.report.dossier.measured import bytes_text
from pgproof.rules.finding import SEVERITIES

LENGTH = 180
"""Of the longest bar, in units of the drawing."""
LARGEST = 10


@dataclass(frozen=True)
class Bar:
    """A bar with its label and what it says."""

    label: str
    text: str
    length: float
    kind: str = ""


@dataclass(frozen=True)
class Value:
    """What a bar is drawn for.

    Attributes:
        text: the amount as people read it.
        amount: in the chart's unit.
        kind: of the bar, for its colour.
    """

    label: str
    text: str
    amount: float
    kind: str = ""


@dataclass(frozen=True)
class Chart:
    """Bars with a title, and what the axis measures."""

    title: str
    axis: str
    bars: tuple[Bar, ...]


def charts(material: Material) -> tuple[Chart, ...]:
    """Return the charts of the page, without those that would be empty."""
    document = material.document
    scores = [(name, each.score) for name, each in document.score.categories.items() if each.score is not None]
    counts = Counter(finding.severity for finding in document.findings)
    # One schema goes without saying.
    schemas = {each.schema for each in material.tables}
    largest = sorted((each for each in material.tables if each.bytes), key=lambda each: -(each.bytes or 0))[:LARGEST]
    found = (
        Chart(
            "Score by category",
            "points of 100",
            _bars([Value(name, f"{value:.0f}", value) for name, value in scores], 100),
        ),
        Chart(
            "Findings by severity",
            "findings",
            _bars([Value(name, str(counts[name]), counts[name], name) for name in SEVERITIES if counts[name]]),
        ),
        Chart(
            "Largest tables",
            "size with indexes",
            _bars(
                [
                    Value(
                        each.name if len(schemas) == 1 else f"{each.schema}.{each.name}",
                        bytes_text(each.bytes),
                        each.bytes or 0,
                    )
                    for each in largest
                ]
            ),
        ),
    )
    return tuple(chart for chart in found if chart.bars)


def _bars(values: Sequence[Value], most: float | None = None) -> tuple[Bar, ...]:
    longest = most or max((each.amount for each in values), default=0)
    return tuple(
        Bar(each.label, each.text, round(LENGTH * each.amount / longest, 1) if longest else 0, each.kind)
        for each in values
    )
