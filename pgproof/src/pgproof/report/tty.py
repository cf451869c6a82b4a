"""The audit for a terminal: the worst rules first and in full, then the others, the score and what was not checked."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from pgproof.facts.amounts import amount
from pgproof.report.document import Document, NotCheckedDocument
from pgproof.report.text import printable, printable_lines
from pgproof.rules.finding import SEVERITIES, ObjectRef
from pgproof.rules.finding_document import FindingDocument

WIDTH = 100
"""Columns at most, and where the output is not a terminal: a line that people still read at a glance."""
IN_FULL = 5
_MOST_OBJECTS = 6
_MOST_REASONS = 10
_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "dim"}


def print_audit(document: Document, console: Console, *, show_sql: bool, verbose: bool) -> None:
    """Print an audit for people.

    Args:
        document: the audit.
        console: where to; its markup is never applied to names from the database.
        show_sql: with the SQL of each remedy, forward and back, and of the evidence.
        verbose: every finding in full, and every object.
    """
    for line, indent in _lines(document, show_sql=show_sql, verbose=verbose):
        console.print(Padding(line, (0, 0, 0, indent)), width=min(console.width, WIDTH))


_Lines = Iterator[tuple[Text, int]]
"""Texts to wrap, each with the columns it is indented by."""


def _lines(document: Document, *, show_sql: bool, verbose: bool) -> _Lines:
    yield from _heading(document)
    groups = list(_by_rule(document.findings))
    in_full = len(groups) if verbose else IN_FULL
    for number, group in enumerate(groups[:in_full], 1):
        yield Text(), 0
        yield from _in_full(number, group, show_sql=show_sql, verbose=verbose)
    if groups[in_full:]:
        yield Text(), 0
        yield Text("The other findings, by rule", style="bold"), 0
        for group in groups[in_full:]:
            yield from _in_short(group)
    if document.findings:
        yield Text(), 0
        yield from _by_family(document.findings)
    yield Text(), 0
    yield from _score(document)
    yield from _ending(document, verbose=verbose)


def _heading(document: Document) -> _Lines:
    database = document.database
    yield Text(f"{printable(database.name)}: {_counted(document.findings) or 'no findings'}", style="bold"), 0
    size = "" if database.size_bytes is None else f", {_bytes(database.size_bytes)}"
    yield (
        Text(f"PostgreSQL {printable(database.server_version)}, {amount(database.tables, 'table')}{size}", style="dim"),
        0,
    )
    if document.partial:
        yield Text("Interrupted: questions to the data were left unanswered, so this is a part.", style="red"), 0
    known = sum(finding.baseline == "known" for finding in document.findings)
    if known or document.fixed:
        new = len(document.findings) - known
        yield Text(f"Against the baseline: {new} new, {known} known, {len(document.fixed)} fixed"), 0


def _by_rule(findings: Iterable[FindingDocument]) -> Iterator[Sequence[FindingDocument]]:
    """The findings of each rule together, in the order of the worst of each."""
    groups: dict[str, list[FindingDocument]] = defaultdict(list)
    for finding in findings:
        groups[finding.rule].append(finding)
    yield from groups.values()


def _in_full(number: int, group: Sequence[FindingDocument], *, show_sql: bool, verbose: bool) -> _Lines:
    worst, *others = group
    yield (
        Text.assemble(
            (f"{number}. {worst.severity} ", _STYLES[worst.severity]), printable(worst.message), style="bold"
        ),
        0,
    )
    yield from _finding(worst, show_sql=show_sql, verbose=verbose)
    if verbose:
        for finding in others:
            yield Text.assemble((f"{finding.severity} ", _STYLES[finding.severity]), printable(finding.message)), 3
            yield from _finding(finding, show_sql=show_sql, verbose=True)
    elif others:
        yield Text(f"And {len(others)} more of this rule ({_counted(others)}): {_names(others)}"), 3


def _finding(finding: FindingDocument, *, show_sql: bool, verbose: bool) -> _Lines:
    yield Text(printable(finding.consequence)), 3
    if finding.remedy is not None:
        yield Text(f"Do: {printable(finding.remedy.summary)}"), 3
        for operation in finding.remedy.operations if show_sql else ():
            for statement in operation.forward_sql:
                yield Text(f"{printable_lines(statement)};"), 5
            for statement in operation.reverse_sql:
                yield Text(f"-- back: {printable_lines(statement)};", style="dim"), 5
    for evidence in finding.evidence if verbose else finding.evidence[:1]:
        yield Text(f"Seen: {printable(evidence.result)}", style="dim"), 3
        if show_sql:
            yield Text(printable_lines(evidence.statement), style="dim"), 5
    known = ", known" if finding.baseline == "known" else ""
    place = f", {finding.location}" if finding.location else ""
    mark = printable(f"{finding.rule} {finding.slug}, {finding.confidence}{known}, {finding.fingerprint[:12]}{place}")
    yield Text(mark, style="dim"), 3


def _in_short(group: Sequence[FindingDocument]) -> _Lines:
    worst = group[0]
    title = (f"{worst.severity:8} ", _STYLES[worst.severity])
    yield Text.assemble(title, f"{worst.rule} {worst.slug}: {len(group)}"), 0
    yield Text(_names(group), style="dim"), 9


def _by_family(findings: Iterable[FindingDocument]) -> _Lines:
    families: dict[str, list[FindingDocument]] = defaultdict(list)
    for finding in findings:
        families[finding.family].append(finding)
    yield Text("By family", style="bold"), 0
    for family in sorted(families):
        yield Text(f"{family:14} {_counted(families[family])}"), 2


def _score(document: Document) -> _Lines:
    score = document.score
    if score.total is None:
        yield Text(f"Score: none, since only {score.coverage:.0%} is covered", style="bold"), 0
    else:
        yield Text(f"Score: {score.total:.0f} of 100, {score.coverage:.0%} covered", style="bold"), 0
    for name, each in score.categories.items():
        told = "not examined" if each.score is None else f"{each.score:3.0f} of 100, {each.coverage:4.0%} covered"
        yield Text(f"{name:14} {told}"), 2


def _ending(document: Document, *, verbose: bool) -> _Lines:
    if document.not_checked:
        yield Text(), 0
        yield Text("Not checked, and what it needs", style="bold"), 0
        for line in _not_checked(document.not_checked, verbose=verbose):
            yield Text(line), 2
    yield Text(), 0
    if document.suppressed:
        yield Text(f"Suppressed with a reason: {len(document.suppressed)}"), 0
    for complaint in document.complaints:
        yield Text(printable(complaint), style="yellow"), 0
    yield Text("pgproof explain CODE says more of a rule; --show-sql shows the SQL, -v everything.", style="dim"), 0


def _not_checked(entries: Iterable[NotCheckedDocument], *, verbose: bool) -> Iterator[str]:
    """What most rules wait for comes first; what concerns no table, which people can give, is never left out."""
    grouped: dict[str, dict[str, int]] = defaultdict(dict)
    general = set()
    for entry in entries:
        rules = grouped[entry.needs]
        rules[entry.rule] = rules.get(entry.rule, 0) + len(entry.objects)
        if all(each.schema is None for each in entry.objects):
            general.add(entry.needs)
    ordered = sorted(grouped.items(), key=lambda each: (each[0] not in general, -len(each[1])))
    shown = ordered if verbose else ordered[: max(_MOST_REASONS, len(general))]
    for needs, rules in shown:
        listed = ", ".join(f"{rule} ({count} objects)" if count > 1 else rule for rule, count in rules.items())
        yield f"{listed}: {printable(needs)}"
    if len(shown) < len(ordered):
        yield f"and {len(ordered) - len(shown)} more reasons: -v shows them"


def _counted(findings: Iterable[FindingDocument]) -> str:
    counts = Counter(finding.severity for finding in findings)
    return ", ".join(f"{counts[severity]} {severity}" for severity in SEVERITIES if counts[severity])


def _names(findings: Iterable[FindingDocument]) -> str:
    names = [printable(object_label(finding.objects[0])) for finding in findings if finding.objects]
    left = len(names) - _MOST_OBJECTS
    return ", ".join(names[:_MOST_OBJECTS]) + (f" and {left} more" if left > 0 else "")


def object_label(subject: ObjectRef) -> str:
    """Return how a person would call an object: schema, table or name, and columns."""
    if subject.label is not None:
        return subject.label
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
