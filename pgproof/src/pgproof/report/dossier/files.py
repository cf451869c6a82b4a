"""The files of `pgproof report`, each from the same material."""

from __future__ import annotations

import pprint
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, get_args

from pgproof.proving.document import OperationDocument
from pgproof.proving.verdicts import Word
from pgproof.remedy.pool_sizes import TIMEOUT, pool_sizes
from pgproof.report.document import to_json
from pgproof.report.dossier import judgement
from pgproof.report.dossier.charts import charts
from pgproof.report.dossier.checks import checks, headline, rows
from pgproof.report.dossier.comparisons import by_time, comparisons
from pgproof.report.dossier.diagram import diagram
from pgproof.report.dossier.material import Material, TableBrief
from pgproof.report.dossier.render import Ready, render
from pgproof.report.dossier.steps import procedures, proven, validation
from pgproof.report.dossier.timeline import timeline
from pgproof.report.sarif import to_sarif
from pgproof.rules.finding import SEVERITIES

_TIMEOUTS = {"statement_timeout": 30_000, "lock_timeout": 5_000, "idle_in_transaction_session_timeout": 60_000}
"""Milliseconds, for a server that has none: longer than a page may take, shorter than a person waits."""
LARGEST = 10
"""Tables that analysis.md lists by size."""


def report_files(material: Material) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each file.

    Args:
        material: to show.
    """
    document = material.document
    yield "findings.json", to_json(document)
    yield "findings.sarif", to_sarif(document, tuple(material.rules.values()))
    yield "analysis.md", _analysis(material)
    yield "summary.txt", _summary(material)
    yield (
        "checklist.md",
        render(
            "checklist.md.j2",
            material,
            headline=_headline(material),
            validation=validation(material),
            proven=proven(material),
            procedures=procedures(material),
        ),
    )
    yield "report.html", _page(material)
    yield "engine_config.py", _engine_config(material)
    yield "performance_test.py", _performance_test(material)


def _performance_test(material: Material) -> str:
    """Checks are what the findings that matter rest on: statements that count, and what they said."""
    checks = [
        (finding.rule, finding.message, evidence.statement, evidence.result)
        for finding in material.document.findings
        if finding.severity != "low"
        for evidence in finding.evidence
        if evidence.kind == "data"
    ]
    statements = [(each.query, list(each.values)) for each in material.timed]
    return render("performance_test.py.j2", material, statements=_literal(statements), checks=_literal(checks))


def _literal(value: object) -> Ready:
    """A value as Python writes it; repr() escapes whatever could end a string."""
    return Ready(pprint.pformat(value, width=116, sort_dicts=False))


def _page(material: Material) -> str:
    document = material.document
    return render(
        "report.html.j2",
        material,
        conclusion=judgement.conclusion(material),
        charts=charts(material),
        diagram=diagram(material),
        severities=[each for each in SEVERITIES if any(finding.severity == each for finding in document.findings)],
        families=sorted({finding.family for finding in document.findings}),
        unchecked=_unchecked(material),
        comparisons=comparisons(material.proof),
        timeline=timeline(material.proof),
        **_proof(material),
    )


def _engine_config(material: Material) -> str:
    return render(
        "engine_config.py.j2",
        material,
        sizes=pool_sizes(material.setting, material.processes),
        pool_timeout=TIMEOUT,
        timeouts={name: _kept_or(material, name, usual) for name, usual in _TIMEOUTS.items()},
    )


def _kept_or(material: Material, name: str, usual: int) -> int:
    """The server's own timeout where it has one, in milliseconds."""
    setting = material.setting(name)
    value = int(setting.value) if setting is not None and setting.value and setting.value.isdecimal() else 0
    return value or usual


def _analysis(material: Material) -> str:
    document = material.document
    since = document.inputs.statistics_since
    return render(
        "analysis.md.j2",
        material,
        verdict=judgement.verdict(document),
        conclusion=judgement.conclusion(material),
        since="the server started" if since is None else f"{since:%Y-%m-%d %H:%M}",
        largest=sorted(material.tables, key=_rank)[:LARGEST],
        growing=[table for table in material.tables if table.growth and table.growth.rows_per_day > 0],
        examined=lambda prefix: any(
            code.startswith(prefix) for code in material.rules if code not in material.unchecked
        ),
        unchecked=_unchecked(material),
        **_proof(material),
    )


def _proof(material: Material) -> dict[str, Any]:
    """What the analysis and the page tell of a proof."""
    proof = material.proof
    return {
        "proof": proof,
        "headline": _headline(material),
        "rows": rows(proof.data) if proof is not None else "",
        "checks": tuple(checks(proof)),
        "compared": by_time(proof) if proof is not None else (),
        "operations": sorted(proof.operations, key=_worst_first) if proof is not None else [],
        "ended": [each for each in proof.scans if each.mended] if proof is not None else [],
    }


def _worst_first(operation: OperationDocument) -> int:
    return get_args(Word)[::-1].index(operation.verdict)


def _headline(material: Material) -> str:
    return headline(material.proof) if material.proof is not None else ""


def _summary(material: Material) -> str:
    document = material.document

    return render(
        "summary.txt.j2",
        material,
        rule="=" * 80,
        verdict=judgement.verdict(document),
        score=judgement.score(document),
        counted=judgement.counted(document),
        surplus=judgement.surplus_rows(document),
        proof=judgement.proof_line(material),
        risks=list(judgement.risks(material)),
        conclusion=judgement.conclusion(material),
    )


def _rank(table: TableBrief) -> tuple[int, str, str]:
    return -(table.bytes or 0), table.schema, table.name


def _unchecked(material: Material) -> list[tuple[str, str]]:
    """What would have to be given, with the rules that need it."""
    needs: dict[str, list[str]] = defaultdict(list)
    for each in material.document.not_checked:
        needs[each.needs].append(each.rule)
    return [(need, ", ".join(dict.fromkeys(codes))) for need, codes in needs.items()]
