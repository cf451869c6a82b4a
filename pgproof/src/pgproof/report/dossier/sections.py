"""Which of the fifteen sections of analysis.md speaks of a finding: exactly one."""

from __future__ import annotations

from dataclasses import dataclass

from pgproof.report.document import Document
from pgproof.rules.finding_document import FindingDocument


@dataclass(frozen=True)
class Section:
    """A section that findings are told in.

    Attributes:
        name: as templates ask for it.
        covers: codes of rules, or families; a code goes before a family.
    """

    name: str
    covers: tuple[str, ...]


SECTIONS = (
    Section("schema", ("types", "INT15", "INT22", "INT26")),
    Section(
        "relationships", ("INT05", "INT06", "INT07", "INT08", "INT09", "INT10", "INT11", "INT12", "INT25", "INT27")
    ),
    Section("indexing", ("indexes",)),
    Section("queries", ("workload",)),
    Section("migrations", ("migrations", "INT21")),
    Section("configuration", ("configuration",)),
    Section("constraints", ("integrity",)),
    Section("security", ("security",)),
    Section("optimisation", ("operations",)),
    Section("scalability", ("CFG01", "CFG02", "CFG11", "OPS04", "OPS07", "OPS12", "TYP01")),
    Section("backup", ("CFG14", "OPS06", "OPS09")),
    Section("monitoring", ("CFG10", "CFG13", "OPS05", "OPS10", "OPS11")),
)


def section_of(finding: FindingDocument) -> str:
    """Return the name of the section that tells a finding."""
    for key in (finding.rule, finding.family):
        for section in SECTIONS:
            if key in section.covers:
                return section.name
    raise KeyError(f"{finding.rule} of {finding.family} belongs to no section")


def findings_of(document: Document, section: str) -> tuple[FindingDocument, ...]:
    """Return the findings a section tells, worst first."""
    return tuple(finding for finding in document.findings if section_of(finding) == section)
