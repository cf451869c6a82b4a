"""What pgproof says of the database at each revision: the journey's first step, and its last."""

from __future__ import annotations

import datetime as dt
import platform
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version

import psycopg

from pgproof.audit import AuditOptions, examine, gather
from pgproof.facts.read import ReadOptions
from pgproof.report.document import Document, document
from pgproof.rules.discovery import all_rules
from pgproof.rules.finding import SEVERITIES

WORST = 5


@dataclass(frozen=True)
class RevisionAudit:
    """The audit of one revision.

    Attributes:
        revision: of the migration chain.
        document: as findings.json holds it.
    """

    revision: str
    document: Document

    @property
    def summary(self) -> str:
        """The score and the number of findings of each severity, in a line."""
        counts = Counter(finding.severity for finding in self.document.findings)
        listed = ", ".join(f"{counts[severity]} {severity}" for severity in SEVERITIES if counts[severity])
        score = self.document.score
        total = "no score" if score.total is None else f"{score.total:.0f} of 100"
        return f"{total} with {score.coverage:.0%} of the rules checked: {listed or 'no findings'}"

    @property
    def worst(self) -> tuple[str, ...]:
        """The worst findings, each in a line."""
        return tuple(
            f"{finding.severity} {finding.rule}: {finding.message}. {finding.consequence}"
            for finding in self.document.findings[:WORST]
        )


def audit_revision(url: str, revision: str) -> RevisionAudit:
    """Return the audit of a database of the demo, on whose own server the rules about servers do not count.

    Args:
        url: of the database.
        revision: that it is at.
    """
    rules = all_rules()
    with psycopg.connect(url, autocommit=True) as connection:
        facts = gather(connection, rules, ReadOptions(ours=True))
    audit = examine(facts, rules, AuditOptions(today=dt.datetime.now(dt.UTC).date()))
    versions = {"pgproof": version("pgproof"), "python": platform.python_version()}
    return RevisionAudit(revision, document(audit, options={}, timing={}, versions=versions))
