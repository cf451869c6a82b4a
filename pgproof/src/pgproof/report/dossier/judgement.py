"""The sentences that a report leads and ends with: each says what was counted, and nothing that nobody measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pgproof.facts.amounts import amount
from pgproof.facts.catalog import QUARANTINE_SCHEMA
from pgproof.proving.document import Document as ProofDocument
from pgproof.report.document import Document
from pgproof.report.dossier.material import Material
from pgproof.report.dossier.measured import bytes_text, duration, held, longest_lock
from pgproof.rules.finding import SEVERITIES, Severity
from pgproof.rules.finding_document import RemedyOperationDocument
from pgproof.score import LEAST_COVERAGE

_QUARANTINE = f"create table {QUARANTINE_SCHEMA}."
_NAMED = 3
"""Operations that a risk names, and problems that are risks; the rest is in analysis.md."""


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


def conclusion(material: Material) -> str:
    """Return whether this is fit for production as far as it was looked at, and what decides it."""
    document = material.document
    worst = Counter(finding.severity for finding in document.findings)
    if document.partial:
        return "The audit was interrupted, so nothing can be concluded: run it to the end."
    if worst["critical"]:
        many = "one critical finding is" if worst["critical"] == 1 else f"{worst['critical']} critical findings are"
        return (
            f"Not fit for production as it is: {many} open.{_proven(material, 'critical')} Phase 1 of the checklist"
            " ends that; audit again after it."
        )
    if worst["high"]:
        return (
            f"Fit for careful use: nothing critical, {worst['high']} of high severity open.{_proven(material, 'high')}"
            " Mend phase 1 before growth."
        )
    return "No finding of critical or high severity is open among what was checked; the rest can be mended in its turn."


def _proven(material: Material, severity: Severity) -> str:
    """How many findings of a severity are mended by what was proven, as a sentence; empty for none."""
    many = sum(
        material.mending(each).status == "proven" for each in material.document.findings if each.severity == severity
    )
    return f" A proven migration mends {many} of them." if many else ""


def surplus_rows(document: Document) -> int:
    """Return how many rows were counted that the rules of phase 1 and 2 would not let in."""
    return sum(
        evidence.counts.surplus_rows or 0
        for finding in document.findings
        for evidence in finding.evidence
        if evidence.counts
    )


def proof_line(material: Material) -> str:
    """Return in a line what a proof came to; that there is none, where there is none."""
    proof = material.proof
    if proof is None:
        return "none given: pgproof prove shows whether the migrations hold"
    said = proof.verdict if proof.verdict == "holds" else proof.verdict.upper()
    why = [each.name for each in proof.problems] or ([proof.stopped] if proof.stopped else [])
    shown = f" ({', '.join(why)})" if why else ""
    doubted = f", but {'; '.join(material.doubts)}" if material.doubts else ""
    mended = Counter(material.mending(each).status for each in material.document.findings)
    return (
        f"{said}{shown}{doubted}; of {amount(len(material.document.findings), 'finding')}"
        f" {mended['proven']} are mended as proven, {mended['in migration']} by what was not proven"
    )


def risks(material: Material) -> Iterator[tuple[str, str]]:
    """Yield each risk of mending the findings with what holds against it: as measured where it was, else by what the
    remedies' operations say.
    """
    proof = material.proof if material.trusted else None
    if proof is not None:
        yield from _failures(proof)
    if proof is not None and proof.operations:
        yield from _measured(proof)
    else:
        yield from _foreseen(material)
    final = sorted({operation.kind for operation in _operations(material) if not operation.reversible})
    if final:
        yield (
            f"No way back: {', '.join(final)} cannot be undone",
            "take a backup that was restored once, right before",
        )
    yield from _rows_in_the_way(material, proof)
    yield from _no_gain(proof)


def _failures(proof: ProofDocument) -> Iterator[tuple[str, str]]:
    for each in proof.problems[:_NAMED]:
        yield f"The migration does not hold: {each.name}: {each.what}", each.remedy
    if (more := len(proof.problems) - _NAMED) > 0:
        yield f"It does not hold for {amount(more, 'more reason')}", "see section 5 of analysis.md"
    if proof.stopped:
        yield (
            f"The proof is incomplete: {proof.stopped}",
            "mend that and prove again; what was not reached is not known",
        )


def _measured(proof: ProofDocument) -> Iterator[tuple[str, str]]:
    # A schema takes no time of its own: what names it is the work inside.
    timed = [
        each for each in proof.operations if each.seconds is not None and not each.name.startswith("create schema")
    ]
    if timed:
        longest = max(timed, key=lambda each: each.seconds or 0)
        yield (
            f"Long builds: at most {duration((longest.seconds or 0) * 1000)} on {amount(proof.data.rows, 'row')}"
            f" ({longest.name})",
            "prove on as many rows as production has",
        )
    if proof.traffic is None:
        waited, mitigation = "it did not run beside traffic", "prove with --traffic"
    elif proof.traffic.longest_wait_ms:
        waited = f"a request waited {duration(proof.traffic.longest_wait_ms)} at most"
        mitigation = "deploy at the rate that was proven, or below"
    else:
        waited, mitigation = "no request waited", "deploy at the rate that was proven, or below"
    yield f"Waiting requests: {held(longest_lock(proof.operations))}; {waited}", mitigation


def _foreseen(material: Material) -> Iterator[tuple[str, str]]:
    operations = list(_operations(material))
    blocking = sorted({operation.kind for operation in operations if operation.lock == "ACCESS EXCLUSIVE"})
    concurrent = sorted({operation.kind for operation in operations if operation.lock == "SHARE UPDATE EXCLUSIVE"})
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


def _operations(material: Material) -> Iterator[RemedyOperationDocument]:
    for finding in material.document.findings:
        if finding.remedy:
            yield from finding.remedy.operations


def _rows_in_the_way(material: Material, proof: ProofDocument | None) -> Iterator[tuple[str, str]]:
    surplus = surplus_rows(material.document)
    if not surplus:
        return
    said = f"Rows in the way: {amount(surplus, 'surplus row breaks', 'surplus rows break')} rules that are to be made"
    size = [each.bytes for each in proof.operations if each.name.startswith(_QUARANTINE)] if proof is not None else []
    if proof is None or not size:
        yield said, "their remedies move them to the schema quarantine, from where they come back"
        return
    back = {True: "and the downgrade brought every row back", False: "and NOT all rows came back", None: ""}
    rows = sum(each.after or 0 for each in proof.moved if each.table.startswith(f"{QUARANTINE_SCHEMA}."))
    moved = f"{amount(rows, 'row')} ({bytes_text(sum(size))})" if rows else f"{bytes_text(sum(size))} of rows"
    yield (
        f"{said}; in the proof {moved} moved {back[proof.round_trip.rows_equal]}".rstrip(),
        "they lie in the schema quarantine with all their values",
    )


def _no_gain(proof: ProofDocument | None) -> Iterator[tuple[str, str]]:
    """By the verdicts; a proof without a workload has shown of no operation that it is of no use."""
    if proof is None or not proof.statements:
        yield (
            "No gain: an index may not help the statements it is meant for",
            "run performance_test.py before and after, and drop what did not help",
        )
        return
    idle = [each.name for each in proof.operations if each.verdict == "no-effect"]
    if idle:
        yield (
            f"No gain: {len(idle)} of {amount(len(proof.operations), 'operation')} had no effect that was measured:"
            f" {', '.join(idle[:_NAMED])}{' and more' if len(idle) > _NAMED else ''}",
            "leave them out, or write down what they are for",
        )
    else:
        yield (
            f"No gain: none seen; each of {amount(len(proof.operations), 'operation')} helps or keeps a rule",
            "run performance_test.py before and after",
        )
