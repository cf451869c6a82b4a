"""In which phase of the work a finding is mended, how far that has come, and what it is known to take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pgproof.report.document import Document
from pgproof.report.dossier.checks import rows
from pgproof.report.dossier.material import Material
from pgproof.report.dossier.measured import taken
from pgproof.rules.finding_document import FindingDocument

PHASES = (
    ("Critical", "week 1", "what corrupts rows, stops the application or opens it to others"),
    ("Data quality", "week 2", "rules that the schema should hold, and types that fit"),
    ("Performance", "week 3", "indexes, statements and the settings of the server"),
    ("Operations and monitoring", "week 4", "what keeps it well: clean-up, statistics, alerts, migrations"),
)
_DATA_QUALITY = ("integrity", "types", "security")
_PERFORMANCE = ("indexes", "workload", "configuration")
BY_HAND = "by hand"


@dataclass(frozen=True)
class Phase:
    """A part of the plan.

    Attributes:
        number: from 1.
        when: the week it is meant for.
        aim: in a clause.
        findings: worst first.
    """

    number: int
    title: str
    when: str
    aim: str
    findings: tuple[FindingDocument, ...]


def phases(document: Document) -> tuple[Phase, ...]:
    """Return the plan: every finding in one phase, phases without findings left in, so that numbers stay."""
    return tuple(
        Phase(number, title, when, aim, tuple(each for each in document.findings if _phase_of(each) == number))
        for number, (title, when, aim) in enumerate(PHASES, 1)
    )


def _phase_of(finding: FindingDocument) -> int:
    if finding.severity in ("critical", "high"):
        return 1
    if finding.family in _DATA_QUALITY:
        return 2
    return 3 if finding.family in _PERFORMANCE else 4


def effort(material: Material, *findings: FindingDocument) -> str:
    """Return what mending findings is known to take: measured by the proof, or their operations with the locks."""
    measured = [each for each in findings if material.mending(each).operations]
    parts = []
    if measured:
        operations = dict.fromkeys(one for each in measured for one in material.mending(each).operations)
        parts.append(f"{', '.join(_kinds(measured)) or BY_HAND}: {taken(list(operations))}")
    rest = [each for each in findings if each not in measured]
    known = [each for finding in rest if finding.remedy for each in finding.remedy.operations]
    parts += dict.fromkeys(f"{each.kind}, lock {each.lock}" for each in known)
    return "; ".join(parts) or BY_HAND


def _kinds(findings: Sequence[FindingDocument]) -> Sequence[str]:
    return list(
        dict.fromkeys(each.kind for finding in findings if finding.remedy for each in finding.remedy.operations)
    )


def effort_note(material: Material) -> str:
    """Return what efforts rest on."""
    if not any(each.operations for each in material.mendings.values()):
        return (
            "Effort is what the remedy does and the locks it takes; how long it takes here was not measured. Try it on"
            " a restored backup."
        )
    assert material.proof is not None
    return (
        f"Effort is what the remedy does; times and locks were measured by the proof, on {rows(material.proof.data)}."
        " Without a time it was not measured."
    )


def status_note(material: Material) -> str:
    """Return what the words for a finding's status mean."""
    if material.proof is None and not material.mendings:
        return (
            "Open means found by this audit; whether a migration is on its way, or a remedy was proven, it did not"
            " look."
        )
    return (
        "Proven: a pending migration mends it, and the proof showed that it holds. In migration: one mends it that was"
        " not proven to. Open: no migration is known to mend it."
    )
