"""SARIF 2.1.0: what its specification asks of the parts that are written."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from pgproof.audit import Audit
from pgproof.report.document import Document, document
from pgproof.report.sarif import to_sarif


def closed(required: str, **properties: Any) -> dict[str, Any]:
    """An object that holds nothing but these properties, as the specification has it."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required.split(),
        "properties": properties,
    }


def many(item: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": item, **more}


TEXT = {"type": "string"}
INDEX = {"type": "integer", "minimum": -1}
BAG = {"type": "object", "properties": {"tags": many(TEXT, uniqueItems=True)}}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
MESSAGE = closed("text", text=TEXT)
LOGICAL = closed("", name=TEXT, fullyQualifiedName=TEXT, kind=TEXT)
LOCATION = closed("", logicalLocations=many(LOGICAL, uniqueItems=True))
NOTIFICATION = closed(
    "message",
    message=MESSAGE,
    level=LEVEL,
    locations=many(LOCATION, uniqueItems=True),
    associatedRule=closed("", id=TEXT, index=INDEX),
)
RESULT = closed(
    "message",
    ruleId=TEXT,
    ruleIndex=INDEX,
    kind={"enum": ["notApplicable", "pass", "fail", "review", "open", "informational"]},
    level=LEVEL,
    message=MESSAGE,
    locations=many(LOCATION),
    partialFingerprints={"type": "object", "additionalProperties": TEXT},
    baselineState={"enum": ["new", "unchanged", "updated", "absent"]},
    suppressions=many(
        closed(
            "kind",
            kind={"enum": ["inSource", "external"]},
            status={"enum": ["accepted", "underReview", "rejected"]},
            justification=TEXT,
        ),
        uniqueItems=True,
    ),
    properties=BAG,
)
RULE = closed(
    "id",
    id=TEXT,
    name=TEXT,
    shortDescription=MESSAGE,
    fullDescription=MESSAGE,
    help=MESSAGE,
    defaultConfiguration=closed("", level=LEVEL),
    properties=BAG,
)
RUN = closed(
    "tool results",
    tool=closed("driver", driver=closed("name", name=TEXT, version=TEXT, rules=many(RULE, uniqueItems=True))),
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    invocations=many(
        closed(
            "executionSuccessful",
            executionSuccessful={"type": "boolean"},
            toolConfigurationNotifications=many(NOTIFICATION),
            toolExecutionNotifications=many(NOTIFICATION),
        )
    ),
    results=many(RESULT),
)
SARIF = closed(
    "version runs", **{"$schema": {"type": "string", "format": "uri"}, "version": {"const": "2.1.0"}, "runs": many(RUN)}
)
"""The parts of the official schema (SARIF 2.1.0, appendix A) that are written here, property by property."""


@pytest.fixture(scope="module")
def written(hostile: Document, hostile_audit: Audit) -> dict[str, Any]:
    log: dict[str, Any] = json.loads(to_sarif(hostile, hostile_audit.rules))
    return log


def test_it_has_the_properties_of_the_specification_and_no_others(written: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(SARIF).validate(written)


def test_results_refer_to_the_rules_by_index_and_id(written: dict[str, Any], hostile_audit: Audit) -> None:
    (run,) = written["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.code for rule in hostile_audit.rules]
    assert len({rule["name"] for rule in rules}) == len(rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    for notification in run["invocations"][0]["toolExecutionNotifications"]:
        rule = notification["associatedRule"]
        assert rules[rule["index"]]["id"] == rule["id"]
    assert all(rule["help"]["text"] and rule["shortDescription"]["text"].endswith(".") for rule in rules)


def test_a_kind_other_than_fail_has_no_level(written: dict[str, Any]) -> None:
    """SARIF, 3.27.10: level is none where kind is not fail."""
    kinds = {(result.get("kind", "fail"), result.get("level", "warning")) for result in written["runs"][0]["results"]}
    assert {("fail", "error"), ("fail", "note"), ("pass", "none")} <= kinds
    assert all(level == "none" for kind, level in kinds if kind != "fail")


def test_states_against_a_baseline_are_there_only_with_one(
    written: dict[str, Any], hostile: Document, hostile_audit: Audit
) -> None:
    states = {result.get("baselineState") for result in written["runs"][0]["results"] if "suppressions" not in result}
    assert states == {"new", "unchanged", "absent"}
    without = document(hostile_audit, options={}, timing={}, versions={})
    log = json.loads(to_sarif(without, hostile_audit.rules))
    assert not any("baselineState" in result for result in log["runs"][0]["results"] if result.get("kind") == "fail")


def test_suppressed_findings_carry_their_reason(written: dict[str, Any], hostile: Document) -> None:
    reasons = [
        each["suppressions"][0]["justification"] for each in written["runs"][0]["results"] if "suppressions" in each
    ]
    assert len(reasons) == len(hostile.suppressed) > 0
    assert all(reason.startswith("<script>") for reason in reasons)


def test_no_message_holds_a_link(written: dict[str, Any]) -> None:
    """SARIF, 3.11.6: a link may stand in a plain text message, too."""
    (run,) = written["runs"]
    notifications = run["invocations"][0]["toolExecutionNotifications"]
    messages = [each["message"]["text"] for each in (*run["results"], *notifications)]
    assert any("[x] (http://e.example)" in message for message in messages)
    assert not any("](" in message for message in messages)
