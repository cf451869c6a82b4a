"""What pgproof says of the database at each revision: the journey's first step, and its last."""

from __future__ import annotations

import datetime as dt
import platform
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import psycopg
from alembic.script import ScriptDirectory

from intowork.demo.phase2.engine import phase2_engine
from intowork.demo.phase2.statements import Request
from intowork.operations.migrate import PHASE_2, alembic_config
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


def work(url: str, requests: Sequence[Request]) -> None:
    """Let the server count these requests alone: without a workload nothing can be said about one.

    Args:
        url: of the database, which gets the extension pg_stat_statements.
        requests: of the platform that the database is examined as.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        connection.execute(
            "SELECT pg_stat_statements_reset(0, (SELECT oid FROM pg_database WHERE datname = current_database()), 0)"
        )
    engine = phase2_engine(url)
    with engine.connect() as session:
        for request in requests:
            for statement in request:
                session.execute(statement).all()
            session.rollback()
    engine.dispose()


def audit_revision(url: str, revision: str) -> RevisionAudit:
    """Return the audit of a database of the demo, on whose own server the rules about servers do not count.

    Phase 2 is examined with the models and the engine it had, what comes after it with those of today; each with the
    migrations that lead to it.

    Args:
        url: of the database.
        revision: that it is at.
    """
    options = ANALYSED if revision == PHASE_2 else OURS
    with tempfile.TemporaryDirectory() as folder:
        return audit_project(url, revision, Path.cwd(), replace(options, alembic=_chain(Path(folder), revision)))


def audit_project(url: str, name: str, directory: Path, options: ProjectOptions) -> RevisionAudit:
    """Return the audit of a database of the demo with a project's own models, engine and migrations.

    Args:
        url: of the database.
        name: of the revision that it is at, as the reports call it.
        directory: of the project.
        options: what of the project is examined.
    """
    rules = all_rules()
    project = Project(directory, environment={"DATABASE_URL": url, "DIRECT_DATABASE_URL": url})
    with psycopg.connect(url, autocommit=True) as connection:
        facts = with_project(read_facts(connection, ReadOptions(ours=True, identify=True)), project, options)
        facts = facts.with_answers(tuple(ask(connection, facts, questions_of(rules, facts))))
    audit = examine(facts, rules, AuditOptions(today=dt.datetime.now(dt.UTC).date()))
    versions = {"pgproof": version("pgproof"), "python": platform.python_version()}
    made = document(audit, options={}, timing={}, versions=versions)
    return RevisionAudit(name, made, material(audit, made, processes=options.processes))


def _chain(folder: Path, revision: str) -> Path:
    """Write the migrations up to a revision, as they were before the next was written, and return their alembic.ini."""
    scripts = ScriptDirectory.from_config(alembic_config())
    (folder / "versions").mkdir()
    shutil.copy(Path(scripts.dir, "env.py"), folder)
    for script in scripts.iterate_revisions(revision, "base"):
        shutil.copy(script.path, folder / "versions")
    file = folder / "alembic.ini"
    file.write_text("[alembic]\nscript_location = %(here)s\n", encoding="utf-8")
    return file
