"""The score of every revision of IntoWork, on the same rows, into results/scores.md.

Run by `make bench`. The rows are those of the demo's small scale, duplicates and contradictions included; each revision
is audited after the database was migrated to it from the one before.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from alembic.script import ScriptDirectory

from intowork.demo.audits import RevisionAudit, audit_revision, work
from intowork.demo.journey import SERVER_SETTINGS, bring_to, cases_of, settle
from intowork.demo.report import machine
from intowork.operations.migrate import PHASE_2, alembic_config
from intowork.seed import load, scale
from pgproof.report.tty import object_label
from pgproof.rules.finding import SEVERITIES
from pgproof.rules.finding_document import FindingDocument
from pgproof.score import WEIGHTS
from pgproof.server import running_server

RESULTS = Path(__file__).parent / "results"


def measure(size: str) -> tuple[str, tuple[RevisionAudit, ...]]:
    """Audit each revision; return the server's version and the audits, in the order of the chain."""
    scripts = reversed(list(ScriptDirectory.from_config(alembic_config()).walk_revisions()))
    with running_server(settings=SERVER_SETTINGS) as server, server.scratch_database() as url:
        audits = []
        for revision in (script.revision for script in scripts):
            bring_to(url, revision)
            if revision == PHASE_2:
                load(url, scale(size), faults=True)
            settle(url)
            cases = cases_of(url)
            work(url, [request for case in cases for request in (case.analysed if revision == PHASE_2 else case.ours)])
            audits.append(audit_revision(url, revision))
            print(f"{revision}: {audits[-1].summary}", file=sys.stderr)
        return server.version, tuple(audits)


def to_markdown(size: str, version: str, audits: Sequence[RevisionAudit]) -> str:
    """Return the scores as a document, and what each revision mended and brought."""
    categories = tuple(WEIGHTS)
    head = ("revision", "score", "coverage", *categories, *SEVERITIES)
    lines = ["# The score of every revision of IntoWork", ""]
    lines += [f"{machine()}; PostgreSQL {version}; the rows of scale {size} at phase 2, migrated from there.", ""]
    lines += [
        "Server-wide rules do not count on a server of our own; docs/decisions/0010-score.md says how a score is made."
    ]
    lines += ["", f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    lines += [f"| {' | '.join(_row(audit, categories))} |" for audit in audits]
    for before, after in zip((None, *audits), audits, strict=False):
        lines += ["", f"## {after.revision}", "", *_changes(before, after)]
    return "\n".join(lines) + "\n"


def _row(audit: RevisionAudit, categories: Sequence[str]) -> Iterator[str]:
    score = audit.document.score
    counts = Counter(finding.severity for finding in audit.document.findings)
    yield audit.revision
    yield "none" if score.total is None else f"{score.total:.1f}"
    yield f"{score.coverage:.2f}"
    for name in categories:
        found = score.categories[name].score if name in score.categories else None
        yield "not checked" if found is None else f"{found:.1f}"
    yield from (str(counts[severity]) for severity in SEVERITIES)


def _changes(before: RevisionAudit | None, after: RevisionAudit) -> Iterator[str]:
    known = {finding.fingerprint: finding for finding in before.document.findings} if before else {}
    present = {finding.fingerprint: finding for finding in after.document.findings}
    if before is not None:
        gone = [finding for fingerprint, finding in known.items() if fingerprint not in present]
        yield from (f"- mended: {_line(finding)}" for finding in gone)
    new = [finding for fingerprint, finding in present.items() if fingerprint not in known]
    yield from (f"- {'new' if before else finding.severity}: {_line(finding)}" for finding in new)
    if before is not None and known.keys() == present.keys():
        yield "- nothing changed"


def _line(finding: FindingDocument) -> str:
    return f"{finding.rule} {finding.slug}, {', '.join(object_label(subject) for subject in finding.objects)}"


def main() -> None:
    """Write results/scores.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scores", description=__doc__)
    parser.add_argument("--scale", default="small")
    options = parser.parse_args()
    written = to_markdown(options.scale, *measure(options.scale))
    (RESULTS / "scores.md").write_text(written, encoding="utf-8")
    print(written)


if __name__ == "__main__":
    main()
