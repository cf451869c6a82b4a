"""The JSON Schema of proof.json that ships is the one of the code."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from pgproof.proving.document import json_schema

FIXED = {
    "Document": {
        *("version", "source", "scratch", "data", "revisions", "round_trip", "kills", "operations", "statements"),
        *("writes", "demonstrations", "verdict"),
    },
    "ScratchDocument": {"server_version"},
    "DataDocument": {"mode", "scale", "rows"},
    "RoundTripDocument": {"catalog_equal", "rows_equal"},
    "KillDocument": {"statement", "rerun"},
    "OperationDocument": {"name", "seconds", "bytes", "locks", "verdict", "why"},
    "LockSeen": {"relation", "mode", "held_ms", "waited_ms"},
    "StatementDocument": {"name", "sql", "calls", "before", "after", "speedup", "noise"},
    "Sample": {"median_ms", "p95_ms", "buffers"},
    "WritesDocument": {"table", "before_rows_per_s", "after_rows_per_s"},
}
"""The fields of version 1, which do not change; additions keep the version."""


def test_the_schema_that_ships_is_the_one_of_the_code() -> None:
    shipped = files("pgproof.report") / "schemas" / "proof.schema.json"
    assert shipped.read_text(encoding="utf-8") == json_schema(), (
        "write pgproof.proving.document.json_schema() to pgproof/src/pgproof/report/schemas/proof.schema.json"
    )


@pytest.mark.parametrize("name", FIXED)
def test_the_fixed_fields_are_there_and_required(name: str) -> None:
    schema = json.loads(json_schema())
    described = schema if name == "Document" else schema["$defs"][name]
    assert FIXED[name] <= set(described["properties"])
    assert FIXED[name] <= set(described["required"])


def test_words_of_version_1() -> None:
    schema = json.loads(json_schema())
    assert schema["properties"]["verdict"]["enum"] == ["holds", "fails", "incomplete"]
    verdict = schema["$defs"]["OperationDocument"]["properties"]["verdict"]
    assert verdict["enum"] == ["helps", "integrity", "no-effect", "harms"]
