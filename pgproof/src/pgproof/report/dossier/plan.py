"""In which phase of the work a finding is mended, and what its mending is known to take."""

from __future__ import annotations

from dataclasses import dataclass

from pgproof.report.document import Document, FindingDocument

PHASES = (
    ("Critical", "week 1", "what corrupts rows, stops the application or opens it to others"),
    ("Data quality", "week 2", "rules that the schema should hold, and types that fit"),
    ("Performance", "week 3", "indexes, statements and the settings of the server"),
    ("Operations and monitoring", "week 4", "what keeps it well: clean-up, statistics, alerts, migrations"),
)
_DATA_QUALITY = ("integrity", "types", "security")
_PERFORMANCE = ("indexes", "workload", "configuration")
BY_HAND = "by hand"
EFFORT_NOTE = (
    "Effort is what the remedy does and the locks it takes; how long it takes here was not measured. Try it on a"
    " restored backup."
)
STATUS_NOTE = (
    "Open means found by this audit; whether a migration is on its way, or a remedy was proven, it did not look."
)


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


def effort(*findings: FindingDocument) -> str:
    """Return what mending findings is known to take: their operations with the locks; how long was not measured."""
    operations = [each for finding in findings if finding.remedy for each in finding.remedy.operations]
    return "; ".join(dict.fromkeys(f"{each.kind}, lock {each.lock}" for each in operations)) or BY_HAND
