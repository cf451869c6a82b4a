"""A performance report as Markdown, with the conclusion first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from intowork.performance.report import CaseResult, DatabaseSize, PerformanceReport, Target
from pgproof.proof.timing import Sample

MARKS = {Target.HELD: "held", Target.MISSED: "missed", Target.NONE: "–"}


def to_markdown(report: PerformanceReport) -> str:
    """Return the report as a document."""
    return "\n".join(
        (
            f"# Performance of {report.database.name}",
            "",
            conclusion(report),
            "",
            *_about(report),
            "",
            *_measurements(report),
            "",
            *_rules(report),
            *_concurrency(report),
        )
    ).rstrip("\n") + "\n"  # fmt: skip


def conclusion(report: PerformanceReport) -> str:
    """Return in one or two sentences what the test found."""
    with_target = [case for case in report.cases if case.target is not Target.NONE]
    held = f"{len(with_target) - len(report.missed)} of {len(with_target)} targets held"
    missed = f"; missed: {', '.join(case.name for case in report.missed)}" if report.missed else ""
    broken = len(report.broken_rules)
    rules = (
        f"All {len(report.rules)} expected indexes and rules are present."
        if not broken
        else f"{broken} of {len(report.rules)} expected indexes and rules are not as they should be."
    )
    return f"{held}{missed}. {rules}"


def _about(report: PerformanceReport) -> Iterable[str]:
    yield f"- Measured: {_describe(report.database)}"
    if report.against is not None:
        yield f"- Against: {_describe(report.against)}"
    yield f"- Machine: {report.machine}, for client and server together"
    yield (
        f"- {report.draws} drawn parameter sets a case (seed {report.seed}), {report.iterations} timed passes over "
        "them; the analysed platform's statements one pass"
    )
    yield f"- Taken: {report.taken_at:%Y-%m-%d %H:%M} UTC"


def _describe(database: DatabaseSize) -> str:
    revision = f", revision {database.revision}" if database.revision else ""
    return (
        f"{database.name}, PostgreSQL {database.server_version}{revision}, {database.rows_of('jobs'):,} jobs, "
        f"{database.rows_of('job_applications'):,} applications"
    )


def _measurements(report: PerformanceReport) -> Iterable[str]:
    columns = ["Request", "ours: median", "p95", "buffers"]
    if report.against is not None:
        columns += ["ours against: p95", "buffers"]
    columns += ["analysed: median", "p95", "buffers"]
    if report.against is not None:
        columns += ["analysed against: median", "buffers"]
    columns += ["target (p95)", "reached"]
    yield "Milliseconds of the database, sent and fetched by one client; buffers are shared blocks of one call."
    suite = ""
    for case in report.cases:
        if case.suite != suite:
            suite = case.suite
            yield from ("", f"## {suite}", "", *_table(columns, ()))
        yield _row(_cells(case, two=report.against is not None))


def _cells(case: CaseResult, *, two: bool) -> Sequence[str]:
    target = "–" if case.target_ms is None else f"< {case.target_ms:g}"
    return (
        case.name,
        *_sample(case.ours),
        *(_sample(case.ours_against)[1:] if two else ()),
        *_sample(case.analysed),
        *((_sample(case.analysed_against)[0], _sample(case.analysed_against)[2]) if two else ()),
        target,
        MARKS[case.target],
    )


def _sample(sample: Sample | None) -> tuple[str, str, str]:
    if sample is None:
        return "–", "–", "–"
    return f"{sample.median_ms:.2f}", f"{sample.p95_ms:.2f}", f"{sample.buffers:,.0f}"


def _rules(report: PerformanceReport) -> Iterable[str]:
    yield "## Indexes and rules"
    yield ""
    if not report.broken_rules:
        yield f"All {len(report.rules)} are present and valid."
        yield ""
        return
    yield from _table(
        ("Table", "Expected", "State", "Found"),
        ((each.rule.table, each.rule.name, each.state, each.index or "–") for each in report.broken_rules),
    )
    yield ""


def _concurrency(report: PerformanceReport) -> Iterable[str]:
    result = report.concurrency
    if result is None:
        return
    yield f"## {result.users} users at a time"
    yield ""
    yield from _table(
        ("Requests", "per second", "median", "p95", "longest", "errors"),
        (
            (
                f"{result.requests:,}",
                f"{result.throughput:,.0f}",
                f"{result.p50_ms:.1f} ms",
                f"{result.p95_ms:.1f} ms",
                f"{result.max_ms:.1f} ms",
                ", ".join(f"{number} {name}" for name, number in result.errors) or "0",
            ),
        ),
    )
    pool = result.pool
    yield ""
    yield (
        f"Pool of {pool.size} + {pool.max_overflow}: {pool.connects} connections made, {pool.checkouts:,} lent, "
        f"{pool.overflow_checkouts:,} of them in overflow, {pool.waits:,} requests waited, {pool.refused:,} refused."
    )


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    yield _row(columns)
    yield _row(["---", *["---:"] * (len(columns) - 1)])
    yield from (_row(row) for row in rows)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
