"""The audit as SARIF 2.1.0, for code scanning: https://docs.oasis-open.org/sarif/sarif/v2.1.0/."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from pgproof.facts.source_line import SourceLine
from pgproof.report.document import Document, FixedDocument, SuppressedDocument
from pgproof.report.text import printable
from pgproof.report.tty import object_label
from pgproof.rules.finding import ObjectRef
from pgproof.rules.finding_document import FindingDocument
from pgproof.rules.rule import Rule

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note"}
_SECURITY_SEVERITY = {"critical": "9.0", "high": "7.0", "medium": "5.0", "low": "3.0"}


def to_sarif(document: Document, rules: Sequence[Rule]) -> str:
    """Return an audit as one SARIF run.

    Each result carries its objects as logical locations, before them its place in the project's code where it has one,
    and its fingerprint as a partial one.

    Args:
        document: the audit.
        rules: that ran.
    """
    compared = "baseline" in document.inputs.options
    indexes = {rule.code: index for index, rule in enumerate(rules)}
    run = {
        "tool": {
            "driver": {
                "name": "pgproof",
                "version": document.inputs.versions.get("pgproof", "0"),
                "rules": [_rule(rule) for rule in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not document.partial,
                "toolConfigurationNotifications": [
                    {"level": "warning", "message": _message(complaint)} for complaint in document.complaints
                ],
                "toolExecutionNotifications": [
                    {
                        "level": "note",
                        "message": _message(f"{each.rule} was not checked: {each.needs}"),
                        "associatedRule": {"id": each.rule, "index": indexes[each.rule]},
                        "locations": _locations(each.objects),
                    }
                    for each in document.not_checked
                ],
            }
        ],
        "results": [
            *(_result(finding, indexes[finding.rule], compared) for finding in document.findings),
            *(_suppressed(each, indexes[each.rule]) for each in document.suppressed),
            *(_fixed(each, indexes[each.rule]) for each in document.fixed),
        ],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(rule: Rule) -> dict[str, Any]:
    title, _, text = rule.doc.partition("\n")
    metadata = rule.metadata
    return {
        "id": metadata.code,
        "name": "".join(word.capitalize() for word in metadata.slug.split("-")),
        "shortDescription": {"text": title},
        "fullDescription": {"text": title},
        "help": {"text": text.strip() or title},
        "defaultConfiguration": {"level": _LEVELS[metadata.severity]},
        "properties": {
            "tags": [metadata.family],
            **({"security-severity": _SECURITY_SEVERITY[metadata.severity]} if metadata.family == "security" else {}),
        },
    }


def _result(finding: FindingDocument, index: int, compared: bool) -> dict[str, Any]:
    remedy = f" {finding.remedy.summary}" if finding.remedy else ""
    state = {"baselineState": "unchanged" if finding.baseline == "known" else "new"} if compared else {}
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "kind": "fail",
        "message": _message(f"{finding.message}. {finding.consequence}{remedy}"),
        "locations": [*_in_code(finding.location), *_locations(finding.objects)],
        "partialFingerprints": {"pgproof/v1": finding.fingerprint},
        **state,
        "properties": {"confidence": finding.confidence, "severity": finding.severity},
    }


def _suppressed(each: SuppressedDocument, index: int) -> dict[str, Any]:
    return {
        "ruleId": each.rule,
        "ruleIndex": index,
        "message": _message(each.message),
        "partialFingerprints": {"pgproof/v1": each.fingerprint},
        "suppressions": [{"kind": "external", "status": "accepted", "justification": printable(each.reason)}],
    }


def _fixed(each: FixedDocument, index: int) -> dict[str, Any]:
    return {
        "ruleId": each.rule,
        "ruleIndex": index,
        "level": "none",
        "kind": "pass",
        "message": _message(each.message),
        "partialFingerprints": {"pgproof/v1": each.fingerprint},
        "baselineState": "absent",
    }


def _locations(objects: Sequence[ObjectRef]) -> list[dict[str, Any]]:
    return [
        {
            "logicalLocations": [
                {
                    "fullyQualifiedName": printable(object_label(each)),
                    "name": printable(each.name),
                    "kind": each.kind,
                }
            ]
        }
        for each in objects
    ]


def _in_code(location: SourceLine | None) -> list[dict[str, Any]]:
    """The place in the project's code, which is the one that an editor or a pull request can show."""
    if location is None:
        return []
    artifact = {"uri": quote(printable(location.file)), "uriBaseId": "%SRCROOT%"}
    return [{"physicalLocation": {"artifactLocation": artifact, "region": {"startLine": location.line}}}]


def _message(text: str) -> dict[str, str]:
    """A message without links: `[text](target)` would be one even in plain text (SARIF, 3.11.6)."""
    return {"text": printable(text).replace("](", "] (")}
