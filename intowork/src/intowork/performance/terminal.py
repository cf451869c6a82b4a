"""A performance report as tables for the terminal."""

from __future__ import annotations

from rich.table import Table

from intowork.performance.markdown import MARKS
from intowork.performance.report import PerformanceReport, Target
from pgproof.proof.timing import Sample

_STYLES = {Target.HELD: "green", Target.MISSED: "red", Target.NONE: ""}


def cases_table(report: PerformanceReport) -> Table:
    """Return one line for each case; the colour of a mark repeats its word."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("request", overflow="fold")
    for column in ("median", "p95 ms", "buffers", "analysed", "buffers", "factor", "target"):
        table.add_column(column, justify="right")
    table.add_column("")
    suite = ""
    for case in report.cases:
        if case.suite != suite:
            suite = case.suite
            table.add_row(f"[bold]{suite}[/]")
        before = case.analysed_against or case.analysed
        table.add_row(
            f"  {case.name}",
            *_cells(case.ours),
            *(_cells(before)[::2] if before else ("", "")),
            f"{case.factor:,.0f}x" if case.factor is not None else "",
            "" if case.target_ms is None else f"< {case.target_ms:g}",
            f"[{style}]{MARKS[case.target]}[/]" if (style := _STYLES[case.target]) else "",
        )
    return table


def _cells(sample: Sample | None) -> tuple[str, str, str]:
    if sample is None:
        return "", "", ""
    return f"{sample.median_ms:,.2f}", f"{sample.p95_ms:,.2f}", f"{sample.buffers:,.0f}"
