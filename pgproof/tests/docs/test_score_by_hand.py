"""The score that a page recomputes by hand is the one that a real audit gives."""

from __future__ import annotations

import json
import math
import re

import pytest

from pgproof.score import CRITICAL_FLOOR, POINTS, RULE_CAP

from .conftest import LOAD, Reader
from .written import DOCS

PAGE = (DOCS / "score.md").read_text(encoding="utf-8")
_ROW = re.compile(
    r"^\| (?P<rule>\w+) on (?P<table>\w+) \| (?P<rows>[\d,]+) \| log10\((?P<more>[\d,]+)\) / 6 = (?P<exposure>[\d.]+)"
    r" \| (?P<points>\d+) \| (?P<deducted>[\d.]+) \|$",
    re.MULTILINE,
)
ROWS = list(_ROW.finditer(PAGE))


def number(text: str) -> int:
    return int(text.replace(",", ""))


def test_the_published_points_are_those_that_count() -> None:
    table = re.findall(r"^\| (critical|high|medium|low) \| (\d+) \| (\d+) \|$", PAGE, re.MULTILINE)
    assert {severity: (int(points), int(cap)) for severity, points, cap in table} == {
        severity: (POINTS[severity], RULE_CAP[severity]) for severity in POINTS
    }
    assert f"for a critical finding at least {CRITICAL_FLOOR:.0f}" in PAGE


def test_the_example_can_be_recomputed() -> None:
    for row in ROWS:
        assert number(row["more"]) == number(row["rows"]) + 1
        exposure = math.log10(number(row["more"])) / 6
        assert float(row["exposure"]) == pytest.approx(exposure, abs=5e-5)
        assert float(row["deducted"]) == pytest.approx(int(row["points"]) * exposure, abs=5e-3)


def test_the_example_is_what_an_audit_of_the_shop_says(reader: Reader) -> None:
    audit = "pgproof audit env:DATABASE_URL --quiet --fail-on never --format json --output findings.json"
    ran = reader.follow([LOAD, audit, "psql -At -d shop -c 'SELECT count(*) FROM favourites'"])
    assert [code for code, _ in ran] == [0, 0, 0], ran
    document = json.loads((reader.folder / "findings.json").read_text())
    integrity = document["score"]["categories"]["integrity"]
    tables = {finding["fingerprint"]: finding["objects"][0] for finding in document["findings"]}
    said = {
        (each["rule"], tables[each["fingerprint"]]["table"] or tables[each["fingerprint"]]["name"]): each
        for each in integrity["deductions"]
    }
    assert set(said) == {(row["rule"], row["table"]) for row in ROWS}
    for row in ROWS:
        deduction = said[row["rule"], row["table"]]
        assert POINTS[deduction["severity"]] == int(row["points"])
        assert deduction["points"] == pytest.approx(float(row["deducted"]), abs=5e-3)
    assert number(next(row["rows"] for row in ROWS if row["table"] == "favourites")) == int(ran[2][1])
    shown = re.search(r"= ([\d.]+) of 100, with\na weight of (\d+)", PAGE)
    assert shown is not None
    assert integrity["score"] == pytest.approx(float(shown[1]), abs=0.05)
    assert integrity["weight"] == int(shown[2])
