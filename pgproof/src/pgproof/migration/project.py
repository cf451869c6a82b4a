"""A plan written into a project: its revisions, by a process of the project's own environment."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pydantic import TypeAdapter

from pgproof.facts.project.child import Project, ask_project
from pgproof.migration.revision import RevisionParts, revision_parts
from pgproof.migration.write_revisions import AllWritten, Request, Written
from pgproof.remedy.plan import Plan

_ADDITIONS, _DROPS = "pgproof: mend {findings}", "pgproof: drop what is no longer needed"


def parts_of(plan: Plan, message: str | None) -> tuple[RevisionParts, ...]:
    """Return the revisions of a plan: additions first, drops in one of their own, since they can wait.

    Args:
        plan: to write.
        message: of the first revision; None for a sentence about it.
    """
    revisions: list[RevisionParts] = []
    for steps, said in ((plan.additions, _ADDITIONS), (plan.drops, _DROPS)):
        if steps:
            count = len({reason.fingerprint for step in steps for reason in step.reasons})
            sentence = said.format(findings=f"{count} findings" if count > 1 else "a finding")
            if message is not None:
                sentence = message if not revisions else f"{message}: drops"
            revisions.append(revision_parts(steps, sentence))
    return tuple(revisions)


def write_revisions(
    project: Project, alembic: Path, at: tuple[str, ...] | None, revisions: tuple[RevisionParts, ...]
) -> tuple[Written, ...]:
    """Write revisions into a project's folder, all of them or none.

    Args:
        project: whose Alembic and template are used.
        alembic: its alembic.ini.
        at: revisions that the database is at; None where nobody could ask it.
        revisions: in order; with none the chain is only looked at.

    Raises:
        PgproofError: the chain is broken, has several heads or is not where the database is, or the project's template
            cannot hold the revision; in one line.
    """
    with tempfile.TemporaryDirectory(prefix="pgproof-") as folder:
        file = Path(folder) / "request.json"
        file.write_bytes(TypeAdapter(Request).dump_json(Request(str(alembic), at, revisions)))
        return ask_project(project, "revisions", (str(file),), AllWritten).files
