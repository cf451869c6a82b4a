"""What findings want, as a plan takes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pgproof.facts.catalog import Catalog, QualifiedName
from pgproof.facts.models import Models
from pgproof.migration.further import further
from pgproof.remedy.constraints import AddForeignKey
from pgproof.remedy.plan_values import Reason, Wanted
from pgproof.rules.finding import Evidence, Finding

_WITHOUT_ACTION = "foreign-key-without-action"
_NO_REMEDY = "nothing but a decision of people helps"


def wanted_of(findings: Iterable[Finding], catalog: Catalog, models: Models | None = None) -> tuple[Wanted, ...]:
    """Return what mends findings, in their order.

    Args:
        findings: of an audit.
        catalog: of the same facts.
        models: of the same facts; None where none were given.
    """
    return tuple(_wanted(finding, catalog, models) for finding in findings)


def _wanted(finding: Finding, catalog: Catalog, models: Models | None) -> Wanted:
    remedy = finding.remedy
    reason = Reason(
        finding.rule,
        finding.slug,
        finding.severity,
        finding.message,
        tuple(_said(evidence) for evidence in finding.evidence),
        finding.fingerprint,
    )
    if remedy is None:
        return Wanted(reason, (), _NO_REMEDY)
    undecided = tuple(_keys(finding, catalog)) if finding.slug == _WITHOUT_ACTION else ()
    more = further(finding, catalog, models)
    operations = (*remedy.operations, *more.operations)
    # What more there is to say stands beside the rule's own sentence, or in its place where some of it is done.
    why_not = "; ".join((remedy.summary.rstrip("."), *more.left)) if more.left else remedy.summary
    return Wanted(reason, operations, why_not, undecided, more.optional, more.left if operations else ())


def _keys(finding: Finding, catalog: Catalog) -> Iterator[AddForeignKey]:
    """The foreign keys that a finding is about, as they are; none that is more than an action can say."""
    for subject in finding.objects:
        table = catalog.named(QualifiedName(subject.schema or "", subject.table or ""))
        for key in table.foreign_keys if table is not None else ():
            parent = catalog.table(key.referenced) if key.referenced is not None else None
            plain = key.validated and key.enforced and not (key.deferrable or key.match_full or key.period)
            if key.name == subject.name and table is not None and parent is not None and plain:
                yield AddForeignKey(
                    table.schema,
                    table.name,
                    key.name,
                    key.columns,
                    parent.schema,
                    parent.name,
                    key.referenced_columns,
                    key.on_delete or "no action",
                    key.on_update or "no action",
                )


def _said(evidence: Evidence) -> str:
    return f"{evidence.statement} -> {evidence.result}"
