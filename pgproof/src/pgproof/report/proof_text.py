"""A proof for a terminal: the verdict, why it fails, then each operation, the statements, the locks and the kills."""

from __future__ import annotations

import io
from collections.abc import Iterator

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from pgproof.proving.document import Document, LatencyDocument, OperationDocument, TrafficDocument
from pgproof.report.text import printable
from pgproof.report.tty import WIDTH

_VERDICTS = {
    "holds": ("The migration holds", "bold green"),
    "fails": ("The migration does not hold", "bold red"),
    "incomplete": ("The proof is incomplete", "bold yellow"),
}
_STYLES = {"helps": "green", "integrity": "green", "no-effect": "dim", "harms": "red"}
_SEVERITIES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "dim"}
_MOST_STATEMENTS = 20
_MEGABYTE = 1_000_000

_Lines = Iterator[tuple[Text, int]]


def print_proof(document: Document, console: Console) -> None:
    """Print a proof for people; names from the database act on nothing."""
    for line, indent in _lines(document):
        console.print(Padding(line, (0, 0, 0, indent)), width=min(console.width, WIDTH))


def proof_as_text(document: Document) -> str:
    """Return a proof as plain text."""
    plain = io.StringIO()
    print_proof(document, Console(file=plain, width=WIDTH, highlight=False))
    return "".join(f"{line.rstrip()}\n" for line in plain.getvalue().splitlines())


def _lines(document: Document) -> _Lines:
    words, style = _VERDICTS[document.verdict]
    yield Text(f"{words}: {', '.join(document.revisions)} on {printable(document.source)}", style=style), 0
    yield (
        Text(
            f"PostgreSQL {document.scratch.server_version}, {document.data.rows:,} rows: {document.data.holds}",
            style="dim",
        ),
        0,
    )
    if document.stopped:
        yield Text(f"Stopped: {printable(document.stopped)}", style="yellow"), 0
    for number, problem in enumerate(document.problems, 1):
        yield Text(), 0
        rule = f" ({problem.rule})" if problem.rule else ""
        yield Text(f"{number}. {problem.name}{rule}", style="red"), 0
        yield Text(printable(problem.what)), 3
        yield Text(printable(problem.remedy), style="dim"), 3
    yield from _section("Findings", _findings(document))
    yield from _section("Run", _run(document))
    yield from _section("Operations", _operations(document.operations))
    yield from _section("Statements, median milliseconds and blocks of a call", _statements(document))
    yield from _section("Single-row inserts per second", _writes(document))
    yield from _section("Rows before, after the upgrade and after the downgrade", _moved(document))
    yield from _section("Under traffic", _traffic(document.traffic))
    yield from _section("Shown before, and not any more", _demonstrations(document))
    left = [Text(printable(line)) for line in document.data.left_out]
    yield from _section("Not in the scratch copy", iter([(line, 2) for line in left]))


def _section(title: str, lines: _Lines) -> _Lines:
    listed = list(lines)
    if listed:
        yield Text(), 0
        yield Text(title, style="bold"), 0
        yield from listed


def _findings(document: Document) -> _Lines:
    for each in document.findings:
        mark = f"{each.rule} {each.slug}, {each.confidence}, {each.fingerprint[:12]}"
        place = f", {each.location}" if each.location else ""
        yield Text.assemble((f"{each.severity:<9} ", _SEVERITIES[each.severity]), printable(mark + place)), 2
        yield Text(printable(each.message)), 12
        yield Text(printable(each.consequence)), 12
        if each.remedy is not None:
            yield Text(f"Do: {printable(each.remedy.summary)}"), 12
        yield Text(f"Seen: {printable(each.evidence[0].result)}", style="dim"), 12


def _run(document: Document) -> _Lines:
    trip = document.round_trip
    seconds = ", ".join(
        f"{name} {taken:.1f} s" for name, taken in zip(("up", "down", "up again"), trip.seconds, strict=False)
    )
    if trip.catalog_equal is not None:
        yield Text(f"catalog {_equal(trip.catalog_equal)}, rows {_equal(trip.rows_equal)} after {seconds}"), 2
    if document.from_empty is not None:
        empty = document.from_empty
        text = "the chain builds an empty database" if empty.built else f"from empty it does not build: {empty.why}"
        text += f", and makes another catalog there: {empty.differs}" if empty.differs else ""
        yield Text(printable(text)), 2
    if document.kills:
        well = sum(each.rerun == "completes" for each in document.kills)
        back = sum(each.command == "downgrade" for each in document.kills)
        text = f"killed at {len(document.kills)} statements, {back} of the downgrade, and run again: "
        yield Text(f"{text}{well} of them go on to the end"), 2
    if document.kills_left_out:
        yield Text(printable(document.kills_left_out), style="dim"), 2


def _equal(equal: bool | None) -> str:
    return {True: "equal", False: "not equal", None: "unknown"}[equal]


def _operations(operations: tuple[OperationDocument, ...]) -> _Lines:
    for each in operations:
        yield Text.assemble((f"{each.verdict:<10}", _STYLES[each.verdict]), printable(each.name)), 2
        taken = [] if each.seconds is None else [f"{each.seconds:.2f} s"]
        taken += [f"{each.bytes / _MEGABYTE:.1f} MB"] if each.bytes else []
        taken += [f"{lock.mode} on {printable(lock.relation)} {lock.held_ms:.0f} ms" for lock in each.locks]
        yield Text(f"{printable(each.why)}{' · ' if taken else ''}{', '.join(taken)}", style="dim"), 12


def _statements(document: Document) -> _Lines:
    listed = sorted(document.statements, key=lambda each: -each.before.median_ms)[:_MOST_STATEMENTS]
    for each in listed:
        times = f"{each.before.median_ms:9.2f} {each.after.median_ms:9.2f}"
        gain = f"{each.speedup:6.1f}x (noise {each.noise:.0%})"
        blocks = f"{each.before.buffers:8.0f} {each.after.buffers:8.0f}"
        yield Text(f"{times} {gain} {blocks}  {printable(each.name)[:36]}"), 0
    more = len(document.statements) - len(listed)
    if more:
        yield Text(f"and {more} more", style="dim"), 2
    if document.not_measured:
        yield (
            Text(f"{len(document.not_measured)} statements were not measured (--format json says why)", style="dim"),
            2,
        )


def _writes(document: Document) -> _Lines:
    for each in document.writes:
        yield (
            Text(
                f"{each.before_rows_per_s:9.0f} {each.after_rows_per_s:9.0f}  (noise {each.noise:.0%})  "
                f"{printable(each.table)}"
            ),
            0,
        )


def _moved(document: Document) -> _Lines:
    for each in document.moved:
        rows = "".join(f"{'-' if many is None else f'{many:,}':>12}" for many in (each.before, each.after, each.back))
        yield Text(f"{rows}  {printable(each.table)}"), 0


def _traffic(traffic: TrafficDocument | None) -> _Lines:
    if traffic is None:
        return
    yield Text(f"longest wait of a request for a lock of the migration: {traffic.longest_wait_ms:.0f} ms"), 2
    for name, latency in (("before", traffic.calm), ("beside", traffic.beside)):
        yield Text(f"{name}: {_latency(latency)}"), 2


def _latency(each: LatencyDocument) -> str:
    errors = f", {len(each.errors)} kinds of errors" if each.errors else ""
    return (
        f"{each.rate:.0f} requests a second, {each.write_share:.0%} writes, p50 {each.p50_ms:.1f} ms, "
        f"p99.9 {each.p999_ms:.1f} ms, longest {each.max_ms:.1f} ms{errors}"
    )


def _demonstrations(document: Document) -> _Lines:
    for each in document.demonstrations:
        yield Text(f"{each.rule}: {printable(each.before)}; now {printable(each.after)}"), 2
    for scan in document.scans:
        if scan.mended:
            yield (
                Text(
                    printable(
                        f"deleting a row of {scan.parent} read {scan.rows_before} rows of {scan.child}; "
                        f"now {scan.rows_after}"
                    )
                ),
                2,
            )
