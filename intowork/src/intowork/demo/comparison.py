"""What `pgproof fix` proposes beside what the platform migrated, as a document and in a few lines."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence

from intowork.demo.against import Compared
from intowork.demo.audits import RevisionAudit
from intowork.demo.measure import Columns
from intowork.demo.mending import Mending, summary_of
from intowork.demo.words import VERDICTS
from pgproof.report.markdown import escaped
from pgproof.rules.finding import SEVERITIES
from pgproof.score import WEIGHTS


def to_lines(compared: Sequence[Compared], columns: Sequence[Columns]) -> Iterator[str]:
    """Yield the comparison for a terminal: how many objects of each verdict, and which ones differ."""
    counts = Counter(row.verdict for row in compared)
    yield "fix beside the platform's revisions: " + ", ".join(f"{counts[each]} {each}" for each in VERDICTS)
    for verdict in ("other", "missing"):
        names = [row.ours for row in compared if row.verdict == verdict]
        if names:
            yield f"  {verdict}: {', '.join(names)}"
    for verdict in ("better", "more"):
        rules = Counter(row.rules for row in compared if row.verdict == verdict)
        if rules:
            yield f"  {verdict}, by rule: " + ", ".join(f"{count} for {rule}" for rule, count in rules.most_common())
    yield _speed(columns)


def to_markdown(
    compared: Sequence[Compared],
    columns: Sequence[Columns],
    audits: Sequence[RevisionAudit],
    mending: Mending,
    measured_on: str,
) -> str:
    """Return the comparison as a document.

    Args:
        compared: object by object.
        columns: statement by statement.
        audits: of phase 2, of the critical migration and of head.
        mending: what pgproof made of phase 2, and its audit.
        measured_on: machine, versions and scale.
    """
    phase_2, critical, head = audits
    proof = () if mending.proof is None else summary_of(mending.proof)
    counts = Counter(row.verdict for row in compared)
    lines = [
        "# What `pgproof fix` proposes for phase 2, beside the platform's own revisions",
        "",
        measured_on,
        "",
        "`make demo` writes this. fix was given the analysed platform alone: its database, its models, its requests. "
        "h8c2d6e5f4g3, i9d3e7f6a5b4 and j0e4f8a7b6c5 were written by hand, for the platform's own statements.",
        "",
        f"- {mending.told.splitlines()[-1]}",
        *(f"- {escaped(line)}" for line in proof),
        f"- {_speed(columns)}",
        "",
        "## Scores",
        "",
        f"| database | score | {' | '.join(WEIGHTS)} | {' | '.join(SEVERITIES)} |",
        f"|---|---:|{'---:|' * (len(WEIGHTS) + len(SEVERITIES))}",
        *(
            f"| {name} | {' | '.join(_scores(audit))} |"
            for name, audit in (
                ("phase 2", phase_2),
                ("phase 2 after fix", mending.audit),
                ("after h8c2", critical),
                ("head", head),
            )
        ),
        "",
        "Phase 2 is examined with the engine that it had, before fix and after, since fix changes no engine: it leaves "
        "what is wrong there to people. The others have the engine of today.",
        "",
        "## Objects",
        "",
        *(f"- **{verdict}**, {counts[verdict]}: {meaning}" for verdict, meaning in VERDICTS.items()),
        "",
        "| object | the platform's | fix's | rules | verdict | why |",
        "|---|---|---|---|---|---|",
        *(
            f"| {' | '.join(map(escaped, (row.what, _ours(row), row.fixed, row.rules)))} | **{row.verdict}** | "
            f"{escaped(row.why)} |"
            for row in sorted(compared, key=lambda row: row.verdict == "same")
        ),
        "",
        "## Statements of the analysed platform",
        "",
        "Median of database time in milliseconds, and the blocks that one call touches; interleaved, draw by draw.",
        "",
        "| request | phase 2 | after fix | after h8c2 | blocks on phase 2 | after fix | after h8c2 |",
        "|---|---:|---:|---:|---:|---:|---:|",
        *(f"| {_statement(each)} |" for each in columns),
        "",
        "## Left to people",
        "",
        *(f"- {escaped(line)}" for line in _left(mending.told)),
    ]
    return "\n".join([*lines, ""])


def _speed(columns: Sequence[Columns]) -> str:
    fixed = statistics.geometric_mean([each.before.median_ms / each.fixed.median_ms for each in columns])
    ours = statistics.geometric_mean([each.before.median_ms / each.after.median_ms for each in columns])
    return (
        f"{len(columns)} requests of the analysed platform, unchanged: {fixed:.1f} times faster after fix, {ours:.1f} "
        "times after h8c2 (geometric means of medians)"
    )


def _scores(audit: RevisionAudit) -> Iterator[str]:
    score = audit.document.score
    yield "none" if score.total is None else f"{score.total:.1f}"
    for name in WEIGHTS:
        found = score.categories[name].score if name in score.categories else None
        yield "not checked" if found is None else f"{found:.1f}"
    counts = Counter(finding.severity for finding in audit.document.findings)
    yield from (str(counts[severity]) for severity in SEVERITIES)


def _ours(row: Compared) -> str:
    return f"{row.ours} ({row.revision[:4]})" if row.ours else ""


def _statement(columns: Columns) -> str:
    three = (columns.before, columns.fixed, columns.after)
    times = (f"{each.median_ms:.3g}" for each in three)
    blocks = (f"{each.buffers:,.0f}" for each in three)
    return " | ".join((f"{columns.case.suite}: {columns.case.name}", *times, *blocks))


def _left(told: str) -> Iterator[str]:
    """The findings that fix left, as it said them; what to do about each is in the plan."""
    listed = told.partition("Left to people:\n")[2].partition("\n\n")[0]
    yield from (line.strip() for line in listed.splitlines() if line.startswith("  ") and line[2] != " ")
