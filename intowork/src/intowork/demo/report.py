"""The journey as documents: journey.json in its fixed form, Markdown, and two charts."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import platform
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from xml.sax.saxutils import escape

from intowork.demo import comparison
from intowork.demo.audits import RevisionAudit
from intowork.demo.claims import SPEED_CLAIMS, Marks, Row
from intowork.demo.journey import Journey
from intowork.demo.mending import summary_of
from intowork.demo.rollout import Rollout
from intowork.errors import IntoWorkError
from intowork.operations.migrate import PHASE_2
from pgproof.proving.document import to_json as proof_as_json
from pgproof.report.document import adapter
from pgproof.report.dossier.files import report_files
from pgproof.report.markdown import escaped as markdown_text
from pgproof.report.markdown import to_markdown as audit_markdown
from pgproof.report.proof_markdown import proof_as_markdown

SUMMARY_JOBS = 100_000
"""The scale that the summary speaks of; a mark below it names its own."""

_ROW, _LEFT, _PLOT, _TOP = 46, 190, 480, 70


def write(journey: Journey, directory: Path) -> None:
    """Write journey.json, journey.md, both charts, and a folder of reports for each revision that was audited.

    Beside the reports on phase 2 lies what pgproof wrote for it: revisions, patch, decisions and the proof. The report
    with that proof is in `proven`.

    Args:
        journey: what came of it.
        directory: made where it does not exist.

    Raises:
        IntoWorkError: it cannot be written to.
    """
    documents = {
        "journey.json": to_json(journey),
        "journey.md": to_markdown(journey),
        "speed.svg": speed_chart(journey),
        "waits.svg": waits_chart(journey.rollouts),
        "fix-against-h8c2.md": comparison.to_markdown(
            journey.compared, journey.evidence.columns, journey.audits, journey.mending, _measured_on(journey)
        ),
        **{f"{PHASE_2}/{name}": text for name, text in _mending(journey)},
        **{f"proven/{name}": text for name, text in journey.mending.report},
        **{
            f"{audit.revision}/{name}": text
            for audit in (*journey.audits, journey.mending.audit)
            for name, text in _reports(audit)
        },
    }
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in documents.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise IntoWorkError(f"the report was not written to {directory} ({error.strerror}): choose --output") from error


def _reports(audit: RevisionAudit) -> Iterator[tuple[str, str]]:
    """What `pgproof report` writes of an audit."""
    yield from report_files(audit.material)
    yield "audit.md", audit_markdown(audit.document)


def _mending(journey: Journey) -> Iterator[tuple[str, str]]:
    """What `pgproof fix` and `pgproof prove` wrote."""
    yield from journey.mending.files
    yield "fix.txt", journey.mending.told
    if journey.mending.proof is not None:
        yield "proof.json", proof_as_json(journey.mending.proof)
        yield "proof.md", proof_as_markdown(journey.mending.proof)


def _measured_on(journey: Journey) -> str:
    listed = ", ".join(f"{name} {of}" for name, of in versions(journey.server_version).items())
    return f"{machine()}; {listed}; {journey.evidence.jobs:,} jobs."


def machine() -> str:
    """Return what the journey ran on, as far as it bears on the numbers."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB of memory, {platform.system()} {platform.machine()}"


def versions(server_version: str) -> dict[str, str]:
    """Return the versions of what was measured."""
    packages = ("intowork", "pgproof", "SQLAlchemy", "psycopg", "alembic")
    return {
        "postgresql": server_version,
        "python": platform.python_version(),
        **{name.lower(): version(name) for name in packages},
    }


def to_json(journey: Journey) -> str:
    """Return journey.json: scale, machine, versions and one row for every claim, then what the rows rest on."""
    document = {
        "scale": {"name": journey.plan.name, "jobs": journey.evidence.jobs, "users": journey.evidence.users},
        "machine": machine(),
        "versions": versions(journey.server_version),
        "rows": [dataclasses.asdict(row) for row in journey.rows],
        "loaded": dataclasses.asdict(journey.loaded),
        "rollouts": [_rollout(rollout) for rollout in journey.rollouts],
        "statements": [
            {
                "suite": columns.case.suite,
                "name": columns.case.name,
                "before": dataclasses.asdict(columns.before),
                "after": dataclasses.asdict(columns.after),
                "fixed": dataclasses.asdict(columns.fixed),
                "head": dataclasses.asdict(columns.head),
            }
            for columns in journey.evidence.columns
        ],
        "growth": [
            {
                "suite": growth.case.suite,
                "name": growth.case.name,
                "tenth": dataclasses.asdict(growth.tenth),
                "whole": dataclasses.asdict(growth.whole),
                "ratio": growth.ratio,
            }
            for growth in journey.evidence.growth
        ],
        "audits": [
            {"revision": audit.revision, "findings": adapter().dump_python(audit.document, mode="json")}
            for audit in (*journey.audits, journey.mending.audit)
        ],
        "compared": [dataclasses.asdict(row) for row in journey.compared],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _rollout(rollout: Rollout) -> dict[str, object]:
    return {
        "beside": rollout.name,
        "seconds": rollout.seconds,
        "longest_wait_ms": rollout.longest_wait_ms,
        "sampler": {
            "samples": rollout.locks.samples,
            "median_gap_ms": rollout.locks.median_gap_ms,
            "max_gap_ms": rollout.locks.max_gap_ms,
        },
        "traffic": dataclasses.asdict(rollout.traffic),
        "waits": [dataclasses.asdict(wait) for wait in rollout.locks.waits[:20]],
    }


def mark(row: Row, jobs: int) -> str:
    """Return whether a claim holds, in words that say at which scale."""
    if row.held is None:
        return "not judged at this scale"
    if not row.held:
        return "not held"
    return "held" if jobs >= SUMMARY_JOBS else f"held at {jobs:,} jobs"


def number(value: float | str | None) -> str:
    """Return a measured value for people; nothing where nothing was measured."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def heading(journey: Journey) -> str:
    """Return the heading of the table: the scale, in numbers."""
    return (
        f"The summary's claims, measured at {journey.evidence.jobs:,} jobs, {journey.evidence.users:,} users and "
        f"{journey.plan.scale.applications:,} applications"
    )


def marks(found: Marks | None) -> str:
    """Return the two marks of a speed claim."""
    if found is None:
        return ""
    return f"after {'✓' if found.after else '✗'} factor {'✓' if found.factor else '✗'}"


def to_markdown(journey: Journey) -> str:
    """Return the journey as a document: the table first, then what it rests on."""
    lines = [
        f"# {heading(journey)}",
        "",
        f"{machine()}; " + ", ".join(f"{name} {of}" for name, of in versions(journey.server_version).items()) + ".",
        "",
        "Three columns: the analysed platform's statement on phase 2, the same after the critical migration "
        "`h8c2d6e5f4g3`, and the platform's own on head. Speed is the median of database time, in milliseconds; "
        "buffers are the blocks that one call touches.",
        "",
        "| claim | phase 2 | after h8c2 | head | factor | buffers | verdict |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    lines += [_markdown_row(row, journey.evidence.jobs) for row in journey.rows]
    lines += ["", "## What pgproof says of each revision", "", "| revision | audit |", "|---|---|"]
    phase_2, *others = journey.audits
    lines += [
        f"| [{audit.revision}]({audit.revision}/analysis.md) | {markdown_text(audit.summary)} |"
        for audit in (phase_2, journey.mending.audit, *others)
    ]
    lines += ["", "## What pgproof itself wrote for phase 2", ""]
    if journey.mending.proof is not None:
        lines += [f"- {markdown_text(line)}" for line in summary_of(journey.mending.proof)]
    lines += [
        f"- {markdown_text(line.strip())}" for line in comparison.to_lines(journey.compared, journey.evidence.columns)
    ]
    lines += ["", f"[Object by object](fix-against-h8c2.md); revisions, patch and proof in {PHASE_2}/."]
    lines += ["", "What has to be known to judge a row:", ""]
    lines += [f"- {row.claim} (“{row.quote}”; {row.unit}): {row.note}" for row in journey.rows if row.note]
    lines += ["", "## The two marks of each speed claim", "", "| claim | migration alone | head |", "|---|---|---|"]
    lines += [
        f"| {row.claim}: {' '.join(row.quote.partition(':')[2].split())} | {marks(row.migration_marks)} | "
        f"{marks(row.head_marks)} |"
        for row in journey.rows
        if row.head_marks
    ]
    lines += [
        "",
        "## The migration under traffic",
        "",
        "The same open-loop traffic over eight connections, with one more session idle in transaction; locks are "
        "sampled every 5 ms.",
        "",
        "| beside | seconds | requests/s | writes | longest wait on a lock (ms) | p99.9 (ms) | longest (ms) | errors |",
        "|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    lines += [
        f"| {rollout.name} | {rollout.seconds:.1f} | {rollout.traffic.rate:.0f} | {rollout.traffic.write_share:.0%} | "
        f"{rollout.longest_wait_ms:.0f} | {rollout.traffic.p999_ms:.0f} | {rollout.traffic.max_ms:.0f} | "
        f"{'; '.join(rollout.traffic.errors) or 'none'} |"
        for rollout in journey.rollouts
    ]
    lines += [
        "",
        "## Every statement",
        "",
        "| statement | phase 2 (ms) | after h8c2 | head | p95 on head | buffers phase 2 | buffers head |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {columns.case.suite}: {columns.case.name} | {number(columns.before.median_ms)} | "
        f"{number(columns.after.median_ms)} | {number(columns.head.median_ms)} | {number(columns.head.p95_ms)} | "
        f"{number(columns.before.buffers)} | {number(columns.head.buffers)} |"
        for columns in journey.evidence.columns
    ]
    lines += [
        "",
        "## Growth: our statements on some data and on ten times as much",
        "",
        "| statement | a tenth (ms) | all (ms) | ratio | p95 on all |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {growth.case.suite}: {growth.case.name} | {number(growth.tenth.median_ms)} | "
        f"{number(growth.whole.median_ms)} | {growth.ratio:.2f} | {number(growth.whole.p95_ms)} |"
        for growth in journey.evidence.growth
    ]
    return "\n".join([*lines, ""])


def _markdown_row(row: Row, jobs: int) -> str:
    factor = f"{row.factor:.1f}" if row.factor else ""
    buffers = f"{number(row.buffers.before)} → {number(row.buffers.head)}" if row.buffers else ""
    cells = (row.claim, number(row.before), number(row.after), number(row.head), factor, buffers, mark(row, jobs))
    return "| " + " | ".join(cells) + " |"


def speed_chart(journey: Journey) -> str:
    """Return the speed claims as bars on a logarithmic scale: phase 2, after the migration, head, and the claim."""
    rows = [(row, claim) for row in journey.rows for claim in SPEED_CLAIMS if claim.claim == row.claim]
    largest = max(value for row, _ in rows for value in (row.before, row.after) if isinstance(value, float))
    decades = 1
    while 0.1 * 10**decades < largest:
        decades += 1
    body: list[str] = []
    bottom = _TOP + len(rows) * _ROW
    for power in range(decades + 1):
        x = _LEFT + _PLOT * power / decades
        body.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}"/>')
        body.append(
            f'<text class="value" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{0.1 * 10**power:g}</text>'
        )
    for index, (row, claim) in enumerate(rows):
        top = _TOP + index * _ROW
        body.append(f'<text x="{_LEFT - 10}" y="{top + 22}" text-anchor="end">{escape(row.claim)}</text>')
        for offset, (kind, value) in enumerate((("before", row.before), ("after", row.after), ("head", row.head))):
            assert isinstance(value, float)
            width = _logarithmic(value, decades)
            y = top + 4 + offset * 12
            body.append(f'<rect class="{kind}" x="{_LEFT}" y="{y}" width="{width:.1f}" height="10"/>')
            body.append(f'<text class="value" x="{_LEFT + width + 5:.1f}" y="{y + 9}">{number(value)} ms</text>')
        x = _LEFT + _logarithmic(claim.after_ms, decades)
        body.append(f'<line class="claim" x1="{x:.1f}" x2="{x:.1f}" y1="{top + 1}" y2="{top + 42}"/>')
    legend = (("before", "phase 2"), ("after", "after h8c2"), ("head", "head"))
    for index, (kind, text) in enumerate(legend):
        x = _LEFT + index * 110
        body.append(
            f'<rect class="{kind}" x="{x}" y="42" width="12" height="10"/><text x="{x + 17}" y="51">{text}</text>'
        )
    x = _LEFT + 330
    body.append(f'<line class="claim" x1="{x}" x2="{x}" y1="40" y2="54"/><text x="{x + 8}" y="51">claimed after</text>')
    axis = f"median database time in milliseconds, logarithmic, at {journey.evidence.jobs:,} jobs"
    body.append(f'<text x="{_LEFT + _PLOT // 2}" y="{bottom + 36}" text-anchor="middle">{axis}</text>')
    return _svg("The summary's speed claims, measured", body, bottom + 48)


def waits_chart(rollouts: Iterable[Rollout]) -> str:
    """Return the longest wait on a lock of any request, beside nothing, the migration and the plain one."""
    shown = list(rollouts)
    largest = max(100.0, *(rollout.longest_wait_ms for rollout in shown))
    limit = _PLOT * 100 / largest
    body: list[str] = []
    for index, rollout in enumerate(shown):
        y = _TOP + index * 34
        width = _PLOT * rollout.longest_wait_ms / largest
        body.append(f'<text x="{_LEFT + 60 - 10}" y="{y + 15}" text-anchor="end">{escape(rollout.name)}</text>')
        body.append(f'<rect class="head" x="{_LEFT + 60}" y="{y + 3}" width="{max(width, 1):.1f}" height="16"/>')
        body.append(
            f'<text class="value" x="{_LEFT + 66 + max(width, limit):.1f}" y="{y + 16}">'
            f"{rollout.longest_wait_ms:,.0f} ms</text>"
        )
    bottom = _TOP + len(shown) * 34
    x = _LEFT + 60 + limit
    body.append(f'<line class="claim" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}"/>')
    body.append(f'<text class="value" x="{x:.1f}" y="{_TOP - 6}" text-anchor="middle">100 ms</text>')
    axis = "longest wait of any request on a lock, in milliseconds"
    body.append(f'<text x="{_LEFT + 60 + _PLOT // 2}" y="{bottom + 24}" text-anchor="middle">{axis}</text>')
    return _svg("How long requests waited on locks", body, bottom + 40)


def _logarithmic(ms: float, decades: int) -> float:
    """Return the length of a bar from 0.1 ms on, in pixels."""
    return _PLOT * min(1.0, math.log10(max(ms, 0.1) / 0.1) / decades)


def _svg(title: str, body: Iterable[str], height: int) -> str:
    width = _LEFT + _PLOT + 160
    style = (
        "text{font:12px system-ui,sans-serif;fill:#1f2933}.title{font-size:16px;font-weight:600}"
        ".value{font-variant-numeric:tabular-nums}.before{fill:#b0562a}.after{fill:#d9a441}.head{fill:#1d6fb8}"
        ".claim{stroke:#1f2933;stroke-width:2}.grid{stroke:#d9dee3}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title><style>{style}</style>"
        f'<rect width="{width}" height="{height}" fill="#fff"/><text class="title" x="24" y="28">{escape(title)}</text>'
        + "".join(body)
        + "</svg>\n"
    )
