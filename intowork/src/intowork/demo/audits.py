"""What pgproof says of the database at each revision: the journey's first step, and its last."""

from __future__ import annotations

import datetime as dt
import platform
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psycopg

from intowork.operations.migrate import PHASE_2
from pgproof.audit import AuditOptions, ask, examine
from pgproof.facts.project.child import Project
from pgproof.facts.project.gather import ProjectOptions, with_project
from pgproof.facts.read import ReadOptions, read_facts
from pgproof.report.document import Document, document
from pgproof.report.dossier.material import Material, material
from pgproof.rules.checking import questions_of
from pgproof.rules.discovery import all_rules
from pgproof.rules.finding import SEVERITIES

WORST = 5
PROCESSES = 2
"""Of the platform: one for each core of the machine the analysis speaks of."""
ANALYSED = ProjectOptions(
    models=("intowork.demo.phase2.models:Base",),
    engine="intowork.demo.phase2.engine:engine_from_environment()",
    processes=PROCESSES,
)
OURS = ProjectOptions(
    models=("intowork.models:Base",),
    engine="intowork.database.engine:engine_from_environment()",
    processes=PROCESSES,
)


@dataclass(frozen=True)
class RevisionAudit:
    """The audit of one revision.

    Attributes:
        revision: of the migration chain.
        document: as findings.json holds it.
        material: of the reports.
    """

    revision: str
    document: Document
    material: Material

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

    Phase 2 is examined with the models and the engine it had, what comes after it with those of today.

    Args:
        url: of the database.
        revision: that it is at.
    """
    rules = all_rules()
    options = ANALYSED if revision == PHASE_2 else OURS
    project = Project(Path.cwd(), environment={"DATABASE_URL": url, "DIRECT_DATABASE_URL": url})
    with psycopg.connect(url, autocommit=True) as connection:
        facts = with_project(read_facts(connection, ReadOptions(ours=True, identify=True)), project, options)
        facts = facts.with_answers(tuple(ask(connection, facts, questions_of(rules, facts))))
    audit = examine(facts, rules, AuditOptions(today=dt.datetime.now(dt.UTC).date()))
    versions = {"pgproof": version("pgproof"), "python": platform.python_version()}
    made = document(audit, options={}, timing={}, versions=versions)
    return RevisionAudit(revision, made, material(audit, made, processes=options.processes))
