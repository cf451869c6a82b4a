"""The audit as Markdown: the score line by line, to be recomputed by hand, then each finding with its SQL."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pgproof.facts.amounts import amount
from pgproof.report.document import Document
from pgproof.report.text import printable, printable_lines
from pgproof.report.tty import object_label
from pgproof.rules.finding_document import FindingDocument
from pgproof.score import CRITICAL_FLOOR, LEAST_COVERAGE, POINTS, RULE_CAP


def to_markdown(document: Document) -> str:
    """Return an audit as a Markdown document.

    Args:
        document: the audit; its names and texts are escaped.
    """
    database = document.database
    lines = [
        f"# {escaped(database.name)}: {amount(len(document.findings), 'finding')}",
        "",
        f"PostgreSQL {escaped(database.server_version)}, {amount(database.tables, 'table')}, read at "
        f"{document.inputs.taken_at:%Y-%m-%d %H:%M} UTC with pgproof {document.inputs.versions.get('pgproof', '')}.",
        "",
    ]
    if document.partial:
        lines += ["**Interrupted:** questions to the data were left unanswered, so this is a part.", ""]
    lines += [*_score(document), "", "## Findings", ""]
    for number, finding in enumerate(document.findings, 1):
        lines += [*_finding(number, finding), ""]
    lines += _rest(document)
    return "\n".join(lines).rstrip() + "\n"


def _score(document: Document) -> Iterable[str]:
    score = document.score
    yield "## Score"
    yield ""
    if score.total is None:
        yield (
            f"No total: {score.coverage:.0%} of the rules could be checked, and below {LEAST_COVERAGE:.0%} a number "
            "would speak for what was not seen."
        )
    else:
        yield f"**{score.total:.1f} of 100**, with {score.coverage:.0%} of the rules checked."
    yield ""
    yield "| category | weight | score | covered |"
    yield "|---|---:|---:|---:|"
    for name, each in score.categories.items():
        shown = "not examined" if each.score is None else f"{each.score:.1f}"
        yield f"| {name} | {each.weight} | {shown} | {each.coverage:.0%} |"
    yield ""
    examined = [each for each in score.categories.values() if each.score is not None]
    if score.total is not None:
        parts = " + ".join(f"{each.weight} x {each.score:.1f}" for each in examined)
        yield f"Total = ({parts}) / {sum(each.weight for each in examined)} = {score.total:.1f}"
        yield ""
    points = ", ".join(
        f"{severity} {value:g} (rule at most {RULE_CAP[severity]:g})" for severity, value in POINTS.items()
    )
    yield f"Points: {points}; times the exposure; a critical finding at least {CRITICAL_FLOOR:g}."
    messages = {finding.fingerprint: finding.message for finding in document.findings}
    for name, each in score.categories.items():
        if not each.deductions:
            continue
        yield ""
        yield f"### {name}: 100 - {sum(one.points for one in each.deductions):.1f}"
        yield ""
        yield "| rule | severity | points x exposure | deducted | finding |"
        yield "|---|---|---:|---:|---|"
        for one in each.deductions:
            product = f"{POINTS[one.severity]:g} x {one.exposure:.2f}"
            message = escaped(messages.get(one.fingerprint, ""))
            yield f"| {one.rule} | {one.severity} | {product} | {one.points:.1f} | {message} |"


def _finding(number: int, finding: FindingDocument) -> Iterable[str]:
    yield f"### {number}. {escaped(finding.message)}"
    yield ""
    yield (
        f"{finding.severity}, {finding.rule} {finding.slug}, known by {finding.confidence}, {finding.baseline}, "
        f"fingerprint `{finding.fingerprint}`" + (f", {escaped(str(finding.location))}" if finding.location else "")
    )
    yield ""
    yield escaped(finding.consequence)
    if finding.remedy is not None:
        yield ""
        yield f"**Do:** {escaped(finding.remedy.summary)}"
        for operation in finding.remedy.operations:
            yield ""
            yield f"{operation.kind}, lock {operation.lock}; blocks {operation.blocks}:"
            yield ""
            yield from fenced([*operation.forward_sql])
            if operation.reverse_sql:
                yield ""
                yield "and back:"
                yield ""
                yield from fenced([*operation.reverse_sql])
    for evidence in finding.evidence:
        yield ""
        yield f"**Seen:** {escaped(evidence.result)}"
        yield ""
        yield from fenced([evidence.statement])
    if finding.related:
        yield ""
        yield "Compared with " + ", ".join(escaped(object_label(each)) for each in finding.related) + "."


def _rest(document: Document) -> Iterable[str]:
    if document.fixed:
        yield "## Fixed since the baseline"
        yield ""
        yield from (f"- {each.rule}: {escaped(each.message)}" for each in document.fixed)
        yield ""
    if document.suppressed:
        yield "## Suppressed"
        yield ""
        for each in document.suppressed:
            until = f", until {each.until}" if each.until else ""
            yield f"- {each.rule}: {escaped(each.message)}. Reason: {escaped(each.reason)}{until}"
        yield ""
    if document.not_checked:
        yield "## Not checked"
        yield ""
        for entry in document.not_checked:
            names = ", ".join(escaped(object_label(each)) for each in entry.objects)
            yield f"- {entry.rule}: {escaped(entry.needs)}" + (f" ({names})" if names else "")
        yield ""
    if document.complaints:
        yield "## About the configuration"
        yield ""
        yield from (f"- {escaped(complaint)}" for complaint in document.complaints)


def escaped(text: str) -> str:
    """Return text that Markdown and HTML take for nothing but text."""
    return (
        re.sub(r"([\\`*_{}\[\]()#+!|<>&~$])", r"\\\1", printable(text))
        .replace("\\<", "&lt;")
        .replace("\\>", "&gt;")
        .replace("\\&", "&amp;")
    )


def fenced(statements: Iterable[str]) -> Iterable[str]:
    """Yield a fenced block of SQL whose fence is longer than any run of backticks in it."""
    texts = [printable_lines(statement) for statement in statements]
    longest = max((len(run) for text in texts for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield f"{fence}sql"
    yield from (f"{text};" for text in texts)
    yield fence
