"""A finding in its fixed form, which findings.json and proof.json share."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from pgproof.facts.source_line import SourceLine
from pgproof.remedy.operation import Operation
from pgproof.rules.finding import Confidence, Evidence, Finding, ObjectRef, Remedy, Severity


@dataclass(frozen=True)
class RemedyOperationDocument:
    """A change of the schema and its way back."""

    kind: str
    forward_sql: tuple[str, ...]
    reverse_sql: tuple[str, ...]
    lock: str
    blocks: str
    reversible: bool


@dataclass(frozen=True)
class RemedyDocument:
    """What to do."""

    summary: str
    operations: tuple[RemedyOperationDocument, ...]


@dataclass(frozen=True)
class FindingDocument:
    """Something that is wrong."""

    rule: str
    slug: str
    family: str
    severity: Severity
    confidence: Confidence
    objects: tuple[ObjectRef, ...]
    related: tuple[ObjectRef, ...]
    message: str
    consequence: str
    evidence: tuple[Evidence, ...]
    remedy: RemedyDocument | None
    fingerprint: str
    baseline: Literal["new", "known"]
    location: SourceLine | None


def finding_document(finding: Finding, known: Collection[str] = ()) -> FindingDocument:
    """Return a finding in that form.

    Args:
        finding: of a rule.
        known: fingerprints of the baseline.
    """
    return FindingDocument(
        rule=finding.rule,
        slug=finding.slug,
        family=finding.family,
        severity=finding.severity,
        confidence=finding.confidence,
        objects=finding.objects,
        related=finding.related,
        message=finding.message,
        consequence=finding.consequence,
        evidence=finding.evidence,
        remedy=_remedy(finding.remedy) if finding.remedy else None,
        fingerprint=finding.fingerprint,
        baseline="known" if finding.fingerprint in known else "new",
        location=finding.location,
    )


def _remedy(remedy: Remedy) -> RemedyDocument:
    return RemedyDocument(remedy.summary, tuple(_operation(each) for each in remedy.operations))


def _operation(operation: Operation) -> RemedyOperationDocument:
    return RemedyOperationDocument(
        operation.kind, operation.forward(), operation.reverse(), operation.lock, operation.blocks, operation.reversible
    )
