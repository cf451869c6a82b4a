"""The sentences that a report leads and ends with: each says what was counted, and nothing that nobody measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pgproof.facts.amounts import amount
from pgproof.report.document import Document
from pgproof.report.dossier.material import Material
from pgproof.rules.finding import SEVERITIES
from pgproof.score import LEAST_COVERAGE


def counted(document: Document) -> str:
    """Return how many findings there are of each severity, empty for none."""
    counts = Counter(finding.severity for finding in document.findings)
    return ", ".join(f"{counts[severity]} {severity}" for severity in SEVERITIES if counts[severity])


def score(document: Document) -> str:
    """Return the score in words, with what it covers."""
    total = document.score.total
    if total is None:
        return f"none: {document.score.coverage:.0%} of the rules could be checked, {LEAST_COVERAGE:.0%} are needed"
    return f"{total:.0f}/100, {document.score.coverage:.0%} of the rules checked"


def verdict(document: Document) -> str:
    """Return the assessment: the score, how many findings, and what pulls the score down most."""
    said = [f"Score {score(document)}. {counted(document).capitalize() or 'No'} findings."]
    scored = [(each.score, name) for name, each in document.score.categories.items() if each.score is not None]
    if scored and min(scored)[0] < 100:
        lowest, name = min(scored)
        said.append(f"Lowest is {name} with {lowest:.0f}.")
    return " ".join(said)


def conclusion(document: Document) -> str:
    """Return whether this is fit for production as far as it was looked at, and what decides it."""
    worst = Counter(finding.severity for finding in document.findings)
    if document.partial:
        return "The audit was interrupted, so nothing can be concluded: run it to the end."
    if worst["critical"]:
        many = "one critical finding is" if worst["critical"] == 1 else f"{worst['critical']} critical findings are"
        return (
            f"Not fit for production as it is: {many} open. Phase 1 of the checklist ends that; audit again after it."
        )
    if worst["high"]:
        return (
            f"Fit for careful use: nothing critical, {worst['high']} of high severity open. Mend phase 1 before growth."
        )
    return "No finding of critical or high severity is open among what was checked; the rest can be mended in its turn."


def surplus_rows(document: Document) -> int:
    """Return how many rows were counted that the rules of phase 1 and 2 would not let in."""
    return sum(
        evidence.counts.surplus_rows or 0
        for finding in document.findings
        for evidence in finding.evidence
        if evidence.counts
    )


def risks(material: Material) -> Iterator[tuple[str, str]]:
    """Yield each risk of mending the findings, from what their operations say, with what holds against it."""
    operations = [
        (finding, operation)
        for finding in material.document.findings
        if finding.remedy
        for operation in finding.remedy.operations
    ]
    blocking = sorted({operation.kind for _, operation in operations if operation.lock == "ACCESS EXCLUSIVE"})
    concurrent = sorted({operation.kind for _, operation in operations if operation.lock == "SHARE UPDATE EXCLUSIVE"})
    final = sorted({operation.kind for _, operation in operations if not operation.reversible})
    if concurrent:
        yield (
            f"Long builds: {', '.join(concurrent)} read whole tables; how long that takes here was not measured",
            "they block neither reads nor writes; try them on a restored backup first",
        )
    if blocking:
        yield (
            f"Waiting requests: {', '.join(blocking)} take ACCESS EXCLUSIVE; for how long here was not measured",
            "run each with a lock_timeout of 50 ms and retry, so that nobody queues behind it",
        )
    if final:
        yield (
            f"No way back: {', '.join(final)} cannot be undone",
            "take a backup that was restored once, right before",
        )
    if surplus := surplus_rows(material.document):
        yield (
            f"Rows in the way: {amount(surplus, 'surplus row breaks', 'surplus rows break')} rules that are to be made",
            "their remedies move them to the schema quarantine, from where they come back",
        )
    yield (
        "No gain: an index may not help the statements it is meant for",
        "run performance_test.py before and after, and drop what did not help",
    )
