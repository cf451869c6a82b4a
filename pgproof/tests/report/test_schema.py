"""The JSON Schema that ships is the one of the code, and a real audit keeps to it."""

from __future__ import annotations

import json
from importlib.resources import files

import jsonschema
import pytest

from pgproof.report.document import Document, json_schema, to_json

FIXED = {
    "version": None,
    "database": {"name", "server_version", "size_bytes", "tables"},
    "inputs": {"options", "rights", "versions", "taken_at", "statistics_since"},
    "score": {"total", "coverage", "categories"},
    "findings": {
        *("rule", "slug", "family", "severity", "confidence", "objects", "related", "message", "consequence"),
        *("evidence", "remedy", "fingerprint", "baseline", "location"),
    },
    "fixed": None,
    "suppressed": None,
    "not_checked": {"rule", "needs", "objects"},
    "timing": None,
}
"""The fields of version 1, which do not change; additions keep the version."""


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    shipped = files("pgproof.report") / "schemas" / "findings.schema.json"
    return jsonschema.Draft202012Validator(json.loads(shipped.read_text(encoding="utf-8")))


def test_the_schema_that_ships_is_the_one_of_the_code() -> None:
    shipped = files("pgproof.report") / "schemas" / "findings.schema.json"
    assert shipped.read_text(encoding="utf-8") == json_schema(), (
        "write pgproof.report.document.json_schema() to pgproof/src/pgproof/report/schemas/findings.schema.json"
    )


def test_a_real_audit_keeps_to_it(validator: jsonschema.Draft202012Validator, hostile: Document) -> None:
    validator.check_schema(validator.schema)
    validator.validate(json.loads(to_json(hostile)))


@pytest.mark.parametrize("field", sorted(FIXED))
def test_a_fixed_field_is_required(field: str, validator: jsonschema.Draft202012Validator, hostile: Document) -> None:
    document = json.loads(to_json(hostile))
    del document[field]
    assert not validator.is_valid(document)


def test_the_fixed_fields_inside_are_there(hostile: Document) -> None:
    document = json.loads(to_json(hostile))
    for field, inside in FIXED.items():
        value = document[field][0] if isinstance(document[field], list) else document[field]
        assert inside is None or inside <= set(value), field
    evidence = [each for finding in document["findings"] for each in finding["evidence"]]
    assert {"kind", "statement", "result", "counts"} <= set(evidence[0])
    operations = [
        operation
        for finding in document["findings"]
        if finding["remedy"]
        for operation in finding["remedy"]["operations"]
    ]
    assert {"kind", "forward_sql", "reverse_sql", "lock", "blocks", "reversible"} <= set(operations[0])
    assert {"kind", "schema", "name", "table", "columns"} <= set(document["findings"][0]["objects"][0])
    for category in document["score"]["categories"].values():
        assert {"weight", "score", "deductions"} <= set(category)
