"""The audit as workflow commands of GitHub Actions: an annotation for each finding."""

from __future__ import annotations

from pgproof.report.document import Document
from pgproof.report.text import printable

_COMMANDS = {"critical": "error", "high": "error", "medium": "warning", "low": "notice"}


def to_github(document: Document) -> str:
    """Return one workflow command a line; nothing in a name can end or begin another.

    Args:
        document: the audit; findings that a baseline knows are left out, since they are nobody's news.
    """
    lines = []
    for finding in document.findings:
        if finding.baseline == "known":
            continue
        remedy = f" {finding.remedy.summary}" if finding.remedy else ""
        text = _data(f"{finding.message}. {finding.consequence}{remedy}")
        where = f"file={_property(finding.location.file)},line={finding.location.line}," if finding.location else ""
        lines.append(f"::{_COMMANDS[finding.severity]} {where}title={finding.rule} {finding.slug}::{text}")
    lines += [f"::warning title=pgproof configuration::{_data(complaint)}" for complaint in document.complaints]
    lines.append(f"::notice title=pgproof::{_data(_summary(document))}")
    return "".join(f"{line}\n" for line in lines)


def _summary(document: Document) -> str:
    score = document.score
    total = "no score" if score.total is None else f"score {score.total:.0f} of 100"
    interrupted = "interrupted, so this is a part: " if document.partial else ""
    unchecked = len({each.rule for each in document.not_checked})
    rules = "rule" if unchecked == 1 else "rules"
    return f"{interrupted}{total}, {score.coverage:.0%} covered; {unchecked} {rules} could not check everything"


def _data(text: str) -> str:
    """Text whose line breaks are escaped by `printable` already, so that the percent sign alone is left."""
    return printable(text).replace("%", "%25")


def _property(text: str) -> str:
    """Text as the value of a property, which a comma or a colon would end."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
