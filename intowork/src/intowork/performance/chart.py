"""A performance report as a chart: one line for each request, milliseconds on a logarithmic scale."""

from __future__ import annotations

import math
from collections.abc import Iterable
from xml.sax.saxutils import escape

from intowork.performance.report import CaseResult, PerformanceReport, Target

_LABELS, _PLOT, _MARGIN, _ROW, _TOP = 390, 520, 24, 22, 74
_WIDTH = _LABELS + _PLOT + 3 * _MARGIN
_LEAST_MS = 0.1
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2933 }
.title { font-size: 16px; font-weight: 600 }
.number { font-variant-numeric: tabular-nums }
.grid { stroke: #d9dee3 }
.ours { fill: #1d6fb8 }
.analysed { fill: #b0562a }
.target { stroke: #1f2933; stroke-width: 2 }
.between { stroke: #9aa5b1 }
"""


def to_svg(report: PerformanceReport) -> str:
    """Return the 95th percentiles of the platform's and of the analysed statements, with the targets.

    A point is a measurement and a stroke a target, so the two colours are not needed to tell them apart: ours is a
    circle, the analysed platform's a square.
    """
    decades = _decades(report.cases)
    height = _TOP + _ROW * len(report.cases) + 56
    bottom = _TOP + _ROW * len(report.cases)
    title = f"Database time of each request on {report.database.name}, 95th percentile"
    scale = f"{report.database.rows_of('jobs'):,} jobs, {report.database.rows_of('job_applications'):,} applications"
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
            'aria-labelledby="title description">',
            f'<title id="title">{escape(title)}</title>',
            f'<desc id="description">{escape(_description(report))}</desc>',
            f"<style>{_STYLE}</style>",
            f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
            f'<text class="title" x="{_MARGIN}" y="26">{escape(title)}</text>',
            f'<text x="{_MARGIN}" y="46">{escape(scale)}</text>',
            *_legend(),
            *_axis(decades, bottom),
            *(line for number, case in enumerate(report.cases) for line in _line(case, number, decades)),
            "</svg>",
            "",
        )
    )


def _decades(cases: Iterable[CaseResult]) -> int:
    """Return how many powers of ten the axis spans above its least value."""
    measured = [
        sample.p95_ms for case in cases for sample in (case.ours, case.analysed_against or case.analysed) if sample
    ]
    return max(2, math.ceil(math.log10(max(measured, default=1) / _LEAST_MS)))


def _x(ms: float, decades: int) -> float:
    share = math.log10(max(ms, _LEAST_MS) / _LEAST_MS) / decades
    return round(_LABELS + _MARGIN + _PLOT * min(share, 1.0), 1)


def _legend() -> Iterable[str]:
    x = _LABELS + _MARGIN
    yield f'<circle class="ours" cx="{x}" cy="58" r="5"/><text x="{x + 10}" y="62">ours</text>'
    yield f'<rect class="analysed" x="{x + 65}" y="53" width="10" height="10"/>'
    yield f'<text x="{x + 80}" y="62">analysed platform</text>'
    yield f'<line class="target" x1="{x + 205}" x2="{x + 205}" y1="51" y2="65"/>'
    yield f'<text x="{x + 212}" y="62">target</text>'


def _axis(decades: int, bottom: int) -> Iterable[str]:
    for power in range(decades + 1):
        ms = _LEAST_MS * 10**power
        x = _x(ms, decades)
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP}" y2="{bottom}"/>'
        yield f'<text class="number" x="{x}" y="{bottom + 18}" text-anchor="middle">{ms:g}</text>'
    middle = _LABELS + _MARGIN + _PLOT / 2
    yield f'<text x="{middle}" y="{bottom + 40}" text-anchor="middle">milliseconds (logarithmic)</text>'


def _line(case: CaseResult, number: int, decades: int) -> Iterable[str]:
    y = _TOP + _ROW * number + _ROW / 2
    mark = " (missed)" if case.target is Target.MISSED else ""
    yield f'<text x="{_LABELS + _MARGIN - 10}" y="{y + 4}" text-anchor="end">{escape(case.name + mark)}</text>'
    analysed = case.analysed_against or case.analysed
    if case.ours is not None and analysed is not None:
        ends = _x(case.ours.p95_ms, decades), _x(analysed.p95_ms, decades)
        yield f'<line class="between" x1="{ends[0]}" x2="{ends[1]}" y1="{y}" y2="{y}"/>'
    if analysed is not None:
        yield (
            f'<rect class="analysed" x="{_x(analysed.p95_ms, decades) - 5}" y="{y - 5}" width="10" height="10">'
            f"<title>{analysed.p95_ms:.2f} ms</title></rect>"
        )
    if case.ours is not None:
        yield (
            f'<circle class="ours" cx="{_x(case.ours.p95_ms, decades)}" cy="{y}" r="5">'
            f"<title>{case.ours.p95_ms:.2f} ms</title></circle>"
        )
    if case.target_ms is not None:
        x = _x(case.target_ms, decades)
        yield f'<line class="target" x1="{x}" x2="{x}" y1="{y - 8}" y2="{y + 8}"/>'


def _description(report: PerformanceReport) -> str:
    return "; ".join(f"{case.name}: {case.ours.p95_ms:.2f} ms" for case in report.cases if case.ours is not None)
