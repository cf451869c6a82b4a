"""The audit for a terminal: the worst first and in full, then the rest by rule, the score and what was not checked."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from pgproof.report.document import Document, FindingDocument, NotCheckedDocument
from pgproof.report.text import printable, printable_lines
from pgproof.rules.finding import SEVERITIES, ObjectRef

WIDTH = 100
"""Columns where the output is not a terminal: a line that people still read at a glance."""
IN_FULL = 5
_MOST_OBJECTS = 6
_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "dim"}


def print_audit(document: Document, console: Console, *, show_sql: bool, verbose: bool) -> None:
    """Print an audit for people.

    Args:
        document: the audit.
        console: where to; its markup is never applied to names from the database.
        show_sql: with the SQL of each remedy, forward and back.
        verbose: every finding in full, and every object.
    """
    console.print(_heading(document))
    worst = document.findings if verbose else document.findings[:IN_FULL]
    for number, finding in enumerate(worst, 1):
        console.print()
        console.print(_in_full(number, finding, show_sql=show_sql, verbose=verbose))
    rest = document.findings[len(worst) :]
    if rest:
        console.print()
        console.print(Text("The other findings, by rule", style="bold"))
        console.print(_by_rule(rest))
    console.print()
    console.print(_ending(document, verbose=verbose))


def _heading(document: Document) -> RenderableType:
    database = document.database
    counts = Counter(finding.severity for finding in document.findings)
    listed = ", ".join(f"{counts[severity]} {severity}" for severity in SEVERITIES if counts[severity])
    size = "" if database.size_bytes is None else f", {_bytes(database.size_bytes)}"
    lines = [
        Text(f"{printable(database.name)}: {listed or 'no findings'}", style="bold"),
        Text(f"PostgreSQL {printable(database.server_version)}, {database.tables} tables{size}", style="dim"),
    ]
    if document.partial:
        lines.append(Text("Interrupted: questions to the data were left unanswered, so this is a part.", style="red"))
    known = sum(finding.baseline == "known" for finding in document.findings)
    if known or document.fixed:
        new = len(document.findings) - known
        lines.append(Text(f"Against the baseline: {new} new, {known} known, {len(document.fixed)} fixed"))
    return Group(*lines)


def _in_full(number: int, finding: FindingDocument, *, show_sql: bool, verbose: bool) -> RenderableType:
    title = Text.assemble(
        (f"{number}. {finding.severity} ", _STYLES[finding.severity]), printable(finding.message), style="bold"
    )
    body: list[RenderableType] = [Text(printable(finding.consequence))]
    if finding.remedy is not None:
        body.append(Text(f"Do: {printable(finding.remedy.summary)}"))
        if show_sql:
            for operation in finding.remedy.operations:
                body += [Text(f"  {printable_lines(statement)};") for statement in operation.forward_sql]
                body += [
                    Text(f"  -- back: {printable_lines(statement)};", style="dim")
                    for statement in operation.reverse_sql
                ]
    for evidence in finding.evidence if verbose else finding.evidence[:1]:
        body.append(Text(f"Seen: {printable(evidence.result)}", style="dim"))
        if show_sql:
            body.append(Text(f"  {printable_lines(evidence.statement)}", style="dim"))
    mark = ", known" if finding.baseline == "known" else ""
    body.append(
        Text(f"{finding.rule} {finding.slug}, {finding.confidence}{mark}, {finding.fingerprint[:12]}", style="dim")
    )
    return Group(title, Padding(Group(*body), (0, 0, 0, 3)))


def _by_rule(findings: Iterable[FindingDocument]) -> RenderableType:
    grouped: dict[str, list[FindingDocument]] = defaultdict(list)
    for finding in findings:
        grouped[finding.rule].append(finding)
    lines: list[RenderableType] = []
    for rule, group in grouped.items():
        worst = min(group, key=lambda each: SEVERITIES.index(each.severity))
        title = Text.assemble((f"{worst.severity:8} ", _STYLES[worst.severity]), f"{rule} {worst.slug}: {len(group)}")
        names = [printable(object_label(finding.objects[0])) for finding in group if finding.objects]
        shown = ", ".join(names[:_MOST_OBJECTS]) + (
            f" and {len(names) - _MOST_OBJECTS} more" if len(names) > _MOST_OBJECTS else ""
        )
        lines += [title, Padding(Text(shown, style="dim"), (0, 0, 0, 9))]
    return Group(*lines)


def _ending(document: Document, *, verbose: bool) -> RenderableType:
    score = document.score
    lines: list[RenderableType] = []
    if score.total is None:
        lines.append(Text(f"Score: none, since only {score.coverage:.0%} could be covered", style="bold"))
    else:
        lines.append(Text(f"Score: {score.total:.0f} of 100, {score.coverage:.0%} covered", style="bold"))
    parts = [
        f"{name} {'not examined' if each.score is None else f'{each.score:.0f}'}"
        for name, each in score.categories.items()
    ]
    lines.append(Text("  " + ", ".join(parts)))
    if document.not_checked:
        lines.append(Text("Not checked", style="bold"))
        lines += [Text(f"  {line}") for line in _not_checked(document.not_checked, verbose=verbose)]
    if document.suppressed:
        lines.append(Text(f"Suppressed: {len(document.suppressed)} with a reason"))
    lines += [Text(printable(complaint), style="yellow") for complaint in document.complaints]
    lines.append(
        Text("pgproof explain CODE says more of a rule; --show-sql shows the SQL, -v everything.", style="dim")
    )
    return Group(*lines)


def _not_checked(entries: Iterable[NotCheckedDocument], *, verbose: bool) -> Iterable[str]:
    grouped: dict[str, dict[str, int]] = defaultdict(dict)
    for entry in entries:
        rules = grouped[entry.needs]
        rules[entry.rule] = rules.get(entry.rule, 0) + len(entry.objects)
    shown = list(grouped.items())
    for needs, rules in shown if verbose else shown[:10]:
        listed = ", ".join(f"{rule} ({count} objects)" if count > 1 else rule for rule, count in rules.items())
        yield f"{listed}: {printable(needs)}"
    if len(shown) > 10 and not verbose:
        yield f"and {len(shown) - 10} more reasons: -v shows them"


def object_label(subject: ObjectRef) -> str:
    """Return how a person would call an object: schema, table or name, and columns."""
    name = subject.name if subject.schema is None else f"{subject.schema}.{subject.name}"
    if not subject.columns or subject.kind in ("index", "constraint"):
        return name
    return f"{name}.{subject.columns[0]}" if len(subject.columns) == 1 else f"{name} ({', '.join(subject.columns)})"


def _bytes(size: int) -> str:
    value = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1024:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.1f} TB"
