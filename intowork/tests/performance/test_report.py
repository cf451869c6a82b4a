from __future__ import annotations

import dataclasses
import datetime as dt
import io
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from intowork.database.pool import PoolStatistics
from intowork.performance.chart import to_svg
from intowork.performance.command import document, exit_code, tables
from intowork.performance.form import Format
from intowork.performance.markdown import to_markdown
from intowork.performance.report import (
    VERSION,
    CaseResult,
    ConcurrencyResult,
    DatabaseSize,
    PerformanceReport,
    Target,
    to_json,
)
from intowork.performance.suites import Claim
from intowork.performance.verify import ExpectedRule, RuleState, VerifiedRule
from pgproof.proof.timing import Sample

SVG = "{http://www.w3.org/2000/svg}"
SIZE = DatabaseSize("jobs <&> more", "18.6", "j0e4f8a7b6c5", (("job_applications", 1_000_000), ("jobs", 100_000)))


def case(name: str, ours: Sample | None, analysed: Sample | None, target_ms: float | None) -> CaseResult:
    return CaseResult("Suite", name, 240, ours, analysed, None, None, target_ms, Claim(500, 10))


FAST = case("fast | piped", Sample(1.0, 2.0, 30), Sample(100.0, 150.0, 9000), 5)
SLOW = case("slow", Sample(6.0, 7.0, 3000), None, 5)
UNWRITTEN = case("unwritten", None, Sample(680.0, 700.0, 15_000), 15)
UNJUDGED = case("unjudged", Sample(6.0, 7.0, 3000), None, None)

REPORT = PerformanceReport(
    version=VERSION,
    taken_at=dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC),
    machine="2 processors",
    seed=42,
    draws=24,
    iterations=10,
    database=SIZE,
    against=None,
    rules=(VerifiedRule(ExpectedRule("jobs", "by_place", ("place",), False, None), RuleState.PRESENT, "by_place"),),
    cases=(FAST, SLOW, UNWRITTEN, UNJUDGED),
    concurrency=None,
)
WITHOUT_RULE = dataclasses.replace(
    REPORT, rules=(VerifiedRule(ExpectedRule("jobs", "by_place", ("place",), True, None), RuleState.MISSING, None),)
)


@pytest.mark.parametrize(
    ("result", "target"),
    [
        (FAST, Target.HELD),
        (SLOW, Target.MISSED),
        (UNWRITTEN, Target.MISSED),
        (UNJUDGED, Target.NONE),
        (case("as long as allowed", Sample(5.0, 5.0, 1), None, 5), Target.MISSED),
    ],
)
def test_a_target_is_held_by_the_95th_percentile_below_it_alone(result: CaseResult, target: Target) -> None:
    assert result.target is target


def test_a_factor_compares_medians_with_the_other_database_where_there_is_one() -> None:
    assert FAST.factor == 100
    assert SLOW.factor is None
    assert UNWRITTEN.factor is None
    assert dataclasses.replace(FAST, analysed_against=Sample(300.0, 1.0, 1)).factor == 300


def test_the_json_document_holds_every_measurement_and_what_follows_from_it() -> None:
    read = json.loads(to_json(REPORT))
    assert read["version"] == VERSION
    assert read["taken_at"] == "2026-01-02T03:04:00+00:00"
    assert [entry["target"] for entry in read["cases"]] == ["held", "missed", "missed", "none"]
    assert read["cases"][0]["ours"] == {"median_ms": 1.0, "p95_ms": 2.0, "buffers": 30}
    assert read["cases"][0]["factor"] == 100
    assert read["cases"][2]["ours"] is None
    assert read["rules"][0]["state"] == "present"


def test_the_document_leads_with_what_held_and_what_was_missed() -> None:
    lines = to_markdown(REPORT).splitlines()
    assert lines[2] == ("1 of 3 targets held; missed: slow, unwritten. All 1 expected indexes and rules are present.")


def test_every_line_of_the_tables_has_as_many_cells_as_its_heading() -> None:
    both = dataclasses.replace(REPORT, against=SIZE)
    for report in (REPORT, both):
        rows = [line for line in to_markdown(report).splitlines() if line.startswith("|")]
        assert len(rows) == 2 + 4
        assert len({row.count("|") for row in rows}) == 1
    assert "fast &#124; piped" in to_markdown(REPORT)


def test_the_document_shows_buffers_beside_milliseconds_and_a_missed_target_as_missed() -> None:
    (slow,) = (line for line in to_markdown(REPORT).splitlines() if line.startswith("| slow"))
    assert slow == "| slow | 6.00 | 7.00 | 3,000 | – | – | – | < 5 | missed |"


def test_a_missing_rule_is_named_and_fails_the_test() -> None:
    assert exit_code(REPORT) == 0
    assert exit_code(WITHOUT_RULE) == 1
    text = to_markdown(WITHOUT_RULE)
    assert "1 of 1 expected indexes and rules are not as they should be." in text
    assert "| jobs | by_place | missing | – |" in text


def test_what_many_users_got_is_in_the_document() -> None:
    pool = PoolStatistics(20, 40, 0, 0, 0, 60, 1000, 400, 7, 0, 0, 0, 0, 0)
    result = ConcurrencyResult(100, 10.0, 5000, 12.0, 34.0, 56.0, (("DatabaseBusy", 3),), pool)
    text = to_markdown(dataclasses.replace(REPORT, concurrency=result))
    assert "## 100 users at a time" in text
    assert "| 5,000 | 500 | 12.0 ms | 34.0 ms | 56.0 ms | 3 DatabaseBusy |" in text
    assert "Pool of 20 + 40: 60 connections made, 1,000 lent, 400 of them in overflow, 7 requests waited" in text


def test_the_chart_has_a_title_a_labelled_axis_and_a_point_for_each_measurement() -> None:
    root = ET.fromstring(to_svg(REPORT))
    title = root.find(f"{SVG}title")
    assert title is not None
    assert title.text == "Database time of each request on jobs <&> more, 95th percentile"
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert "milliseconds (logarithmic)" in texts
    assert "slow (missed)" in texts
    in_legend = 1
    assert len(list(root.iter(f"{SVG}circle"))) == 3 + in_legend
    assert len([each for each in root.iter(f"{SVG}rect") if each.get("class") == "analysed"]) == 2 + in_legend


def test_a_longer_time_lies_further_right_in_the_chart_and_inside_it() -> None:
    root = ET.fromstring(to_svg(REPORT))
    points = {
        float(str(tip.text).split()[0]): float(str(mark.get("cx") or mark.get("x")))
        for mark in root.iter()
        if (tip := mark.find(f"{SVG}title")) is not None and mark is not root
    }
    ordered = [points[ms] for ms in sorted(points)]
    assert ordered == sorted(set(ordered))
    width = float(str(root.get("viewBox")).split()[2])
    assert all(0 < x < width for x in ordered)


def test_the_terminal_says_missed_in_words() -> None:
    console = Console(file=io.StringIO(), width=120, no_color=True)
    for part in tables(REPORT):
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    (slow,) = (line for line in console.file.getvalue().splitlines() if line.strip().startswith("slow"))
    assert slow.split() == ["slow", "6.00", "7.00", "3,000", "<", "5", "missed"]


def test_each_form_of_output_is_its_document() -> None:
    assert document(REPORT, Format.JSON) == to_json(REPORT)
    assert document(REPORT, Format.MARKDOWN) == to_markdown(REPORT)
    assert document(REPORT, Format.TTY) is None


def test_the_documents_are_valid_when_nothing_was_measured(tmp_path: Path) -> None:
    nothing = dataclasses.replace(REPORT, cases=())
    assert json.loads(to_json(nothing))["cases"] == []
    ET.fromstring(to_svg(nothing))
    assert "0 of 0 targets held" in to_markdown(nothing)
