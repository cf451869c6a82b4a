"""A proof as Markdown: a comment on a pull request, which leads with the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pgproof.proving.document import Document, StatementDocument
from pgproof.report.markdown import escaped

_VERDICTS = {
    "holds": "The migration holds",
    "fails": "The migration does not hold",
    "incomplete": "The proof is incomplete",
}
_MEGABYTE = 1_000_000
_MOST_ROWS = 30


def proof_as_markdown(document: Document) -> str:
    """Return a proof as Markdown; names and texts are escaped."""
    parts = (
        _heading(document),
        _problems(document),
        _findings(document),
        _operations(document),
        _statements(document),
        _moved(document),
        _run(document),
    )
    return "\n".join(line for part in parts for line in part) + "\n"


def _heading(document: Document) -> Iterator[str]:
    yield f"## {_VERDICTS[document.verdict]}: {escaped(', '.join(document.revisions))}"
    yield ""
    yield (
        f"Proven on PostgreSQL {escaped(document.scratch.server_version)}, on a scratch copy with "
        f"{document.data.rows:,} rows: {escaped(document.data.holds)}."
    )
    if document.stopped:
        yield ""
        yield f"**Stopped:** {escaped(document.stopped)}"
    yield ""


def _problems(document: Document) -> Iterator[str]:
    for each in document.problems:
        rule = f" ({each.rule})" if each.rule else ""
        yield f"- **{escaped(each.name)}**{rule}: {escaped(each.what)}. *{escaped(each.remedy)}*"
    if document.problems:
        yield ""


def _findings(document: Document) -> Iterator[str]:
    rows = (
        (
            each.severity,
            each.rule,
            each.message,
            each.evidence[0].result,
            each.remedy.summary if each.remedy else "",
        )
        for each in document.findings
    )
    yield from _table(("", "rule", "finding", "seen", "do"), rows)


def _operations(document: Document) -> Iterator[str]:
    rows = (
        (
            each.verdict,
            each.name,
            "" if each.seconds is None else f"{each.seconds:.2f}",
            f"{each.bytes / _MEGABYTE:.1f}" if each.bytes else "",
            ", ".join(f"{lock.mode} on {lock.relation} {lock.held_ms:.0f} ms" for lock in each.locks),
            each.why,
        )
        for each in document.operations
    )
    yield from _table(("", "operation", "s", "MB", "locks that keep writers out", "why"), rows)


def _statements(document: Document) -> Iterator[str]:
    changed = [each for each in document.statements if each.before_plan != each.after_plan or _differs(each)]
    rows = (
        (
            each.name,
            f"{each.before.median_ms:.2f}",
            f"{each.after.median_ms:.2f}",
            f"{each.speedup:.1f} ± {each.noise:.1f}",
            f"{each.before.buffers:.0f}",
            f"{each.after.buffers:.0f}",
            each.after_plan if each.after_plan != each.before_plan else "as before",
        )
        for each in sorted(changed, key=lambda each: each.speedup)[:_MOST_ROWS]
    )
    yield from _table(
        ("statement", "ms before", "ms after", "times faster", "blocks before", "after", "plan after"), rows
    )
    if document.statements:
        same = len(document.statements) - len(changed)
        yield f"{same} of {len(document.statements)} measured statements have the same plan and take as long as before."
        yield ""


def _moved(document: Document) -> Iterator[str]:
    rows = (
        (each.table, *("" if many is None else f"{many:,}" for many in (each.before, each.after, each.back)))
        for each in document.moved
    )
    yield from _table(("rows of", "before", "after the upgrade", "after the downgrade"), rows)


def _differs(each: StatementDocument) -> bool:
    return not 1 / (1 + each.noise) <= each.speedup <= 1 + each.noise


def _run(document: Document) -> Iterator[str]:
    trip = document.round_trip
    words = {True: "equal", False: "**not equal**", None: "unknown"}
    yield (
        f"Up, down, up: catalog {words[trip.catalog_equal]}, rows {words[trip.rows_equal]}"
        + (f" ({', '.join(f'{seconds:.1f} s' for seconds in trip.seconds)})" if trip.seconds else "")
        + "."
    )
    if document.kills:
        well = sum(each.rerun == "completes" for each in document.kills)
        back = sum(each.command == "downgrade" for each in document.kills)
        yield f"Killed at {len(document.kills)} statements, {back} of the downgrade, and run again: {well} completed."
    if document.traffic is not None:
        yield (
            f"Beside {document.traffic.beside.rate:.0f} requests a second: the longest wait for a lock was "
            f"{document.traffic.longest_wait_ms:.0f} ms."
        )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    listed = [" | ".join(escaped(cell) for cell in row) for row in rows]
    if listed:
        yield f"| {' | '.join(head)} |"
        yield f"|{'---|' * len(head)}"
        yield from (f"| {row} |" for row in listed)
        yield ""
