"""What the command `intowork performance-test` does between its options and its output."""

from __future__ import annotations

from pathlib import Path

from rich.console import RenderableType

from intowork.performance.chart import to_svg
from intowork.performance.form import Format
from intowork.performance.markdown import conclusion, to_markdown
from intowork.performance.measuring import Progress
from intowork.performance.report import PerformanceReport, to_json
from intowork.performance.runner import run
from intowork.performance.terminal import cases_table
from pgproof.errors import PgproofError

Output = tuple[RenderableType, ...]


def performance_test(
    url: str,
    *,
    against: str | None,
    iterations: int,
    concurrency: int | None,
    output: Path | None,
    progress: Progress,
) -> PerformanceReport:
    """Run the test and write its documents.

    Args:
        url: a libpq URL of the database.
        against: another database to measure as well, or None.
        iterations: timed passes over the drawn parameters.
        concurrency: users at a time to end with, or None.
        output: a directory for performance.json, performance.md and performance.svg, or None for no files.
        progress: is told how far the test is.

    Raises:
        PgproofError: the test could not be run, or the documents could not be written.
    """
    if output is not None:
        _make(output)
    report = run(url, against, iterations=iterations, concurrency=concurrency, progress=progress)
    if output is not None:
        for name, text in (
            ("performance.json", to_json(report)),
            ("performance.md", to_markdown(report)),
            ("performance.svg", to_svg(report)),
        ):
            (output / name).write_text(text, encoding="utf-8")
    return report


def document(report: PerformanceReport, form: Format) -> str | None:
    """Return the report as the text to write to standard output, None where the terminal gets a table instead."""
    if form is Format.JSON:
        return to_json(report)
    if form is Format.MARKDOWN:
        return to_markdown(report)
    return None


def tables(report: PerformanceReport) -> Output:
    """Return what the terminal shows."""
    return cases_table(report), "", conclusion(report)


def exit_code(report: PerformanceReport) -> int:
    """Return 1 where an expected index or rule is not there; a missed target is shown, not failed."""
    return 1 if report.broken_rules else 0


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PgproofError(
            f"No report can be written to {directory} ({error.strerror}); give --output another"
        ) from error
