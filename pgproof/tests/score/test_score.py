"""The score: the published arithmetic, its monotony, and the five schemas its weights were fixed on."""

from __future__ import annotations

import itertools
import re
from datetime import date
from pathlib import Path
from typing import get_args

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgproof.audit import Audit, AuditOptions, examine, gather
from pgproof.facts.catalog import QualifiedName
from pgproof.facts.model import Facts
from pgproof.facts.read import ReadOptions, read_facts
from pgproof.rules.checking import Unchecked
from pgproof.rules.discovery import all_rules
from pgproof.rules.finding import Evidence, Finding, NotChecked, ObjectRef, Severity
from pgproof.rules.rule import Rule
from pgproof.score import CATEGORY_OF_FAMILY, WEIGHTS, exposure_of, score
from pgproof.server import Server

RULES = all_rules()
SCHEMAS = sorted((Path(__file__).parent / "schemas").glob("*.sql"))


@pytest.fixture(scope="session")
def facts(embedded_server: Server) -> Facts:
    with embedded_server.scratch_database() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 999); ANALYZE t"
        )
        return read_facts(connection)


def finding(rule: Rule, severity: Severity, name: str, table: str | None = None) -> Finding:
    return rule.metadata.finding(
        objects=(ObjectRef("table" if table else "setting", "public" if table else None, name, table),),
        message="m",
        consequence="c",
        evidence=(Evidence("catalog", "SELECT 1", "1"),),
        remedy=None,
        severity=severity,
    )


def rule_of(family: str) -> Rule:
    return next(rule for rule in RULES if rule.metadata.family == family and not rule.metadata.server_wide)


def test_a_database_without_findings_has_a_hundred(facts: Facts) -> None:
    found = score((), RULES, (), facts)
    assert {each.score for each in found.categories.values()} <= {100.0, None}
    assert found.total == 100.0


@pytest.mark.parametrize(("severity", "points"), [("critical", 40.0), ("high", 15.0), ("medium", 6.0), ("low", 2.0)])
def test_a_finding_about_everything_costs_its_points(facts: Facts, severity: Severity, points: float) -> None:
    rule = rule_of("integrity")
    category = score((finding(rule, severity, "x"),), RULES, (), facts).categories["integrity"]
    assert category.score == 100 - points
    assert [(each.exposure, each.points) for each in category.deductions] == [(1.0, points)]


@pytest.mark.parametrize(
    ("rows", "exposure"), [(0, 0.2), (9, 0.2), (999, 0.5), (99_999, 5 / 6), (999_999, 1.0), (10**9, 1.0), (None, 0.5)]
)
def test_exposure_follows_the_rows_of_the_table(rows: int | None, exposure: float) -> None:
    rule = rule_of("integrity")
    known = {QualifiedName("public", "t"): rows}
    assert exposure_of(finding(rule, "low", "t", "t"), known) == pytest.approx(exposure)


def test_a_critical_finding_costs_at_least_its_floor(facts: Facts) -> None:
    rule = rule_of("integrity")
    (deduction,) = score((finding(rule, "critical", "t", "t"),), RULES, (), facts).categories["integrity"].deductions
    assert deduction.exposure == pytest.approx(0.5)
    assert deduction.points == 20.0
    small = score((finding(rule, "critical", "s", "missing"),), RULES, (), facts).categories["integrity"].deductions
    assert small[0].points == 20.0


def test_many_findings_of_one_rule_stop_at_its_cap(facts: Facts) -> None:
    rule = rule_of("indexes")
    many = tuple(finding(rule, "high", f"x{number}") for number in range(9))
    category = score(many, RULES, (), facts).categories["performance"]
    assert category.score == 70.0
    assert sum(each.points for each in category.deductions) == 30.0


def test_a_category_ends_at_nothing(facts: Facts) -> None:
    every = tuple(
        finding(rule, "critical", f"{rule.code}{number}")
        for rule in RULES
        for number in range(2)
        if CATEGORY_OF_FAMILY[rule.metadata.family] == "integrity"
    )
    assert score(every, RULES, (), facts).categories["integrity"].score == 0.0


def test_what_was_not_checked_lowers_the_coverage_and_not_the_score(facts: Facts) -> None:
    full = score((), RULES, (), facts)
    rule = rule_of("integrity")
    half = score((), RULES, (Unchecked(rule.code, NotChecked("x", (ObjectRef("table", "public", "t"),))),), facts)
    none = score((), RULES, (Unchecked(rule.code, NotChecked("x")),), facts)
    own = sum(CATEGORY_OF_FAMILY[each.metadata.family] == "integrity" for each in RULES)
    assert full.coverage - half.coverage == pytest.approx(0.30 * 0.5 / own)
    assert full.coverage - none.coverage == pytest.approx(0.30 / own)
    assert half.total == none.total == full.total


def test_below_the_least_coverage_there_is_no_total(facts: Facts) -> None:
    unchecked = tuple(Unchecked(rule.code, NotChecked("x")) for rule in RULES)
    found = score((), RULES, unchecked, facts)
    assert found.total is None
    assert found.coverage == 0.0
    assert all(each.score is None for each in found.categories.values())


def test_rules_about_the_server_do_not_count_on_a_server_of_our_own(facts: Facts, embedded_database: str) -> None:
    with psycopg.connect(embedded_database, autocommit=True) as connection:
        ours = read_facts(connection, ReadOptions(ours=True))
    rule = next(rule for rule in RULES if rule.metadata.server_wide)
    found = (finding(rule, "critical", "x"),)
    category = CATEGORY_OF_FAMILY[rule.metadata.family]
    assert score(found, RULES, (), facts).categories[category].deductions
    assert not score(found, RULES, (), ours).categories[category].deductions


findings_lists = st.lists(
    st.builds(
        finding,
        st.sampled_from(RULES),
        st.sampled_from(get_args(Severity)),
        st.text("abc", min_size=1, max_size=3),
        st.sampled_from([None, "t", "missing"]),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda each: each.fingerprint,
)


@settings(deadline=None, max_examples=200)
@given(found=findings_lists, data=st.data())
def test_removing_a_finding_never_lowers_the_score(facts: Facts, found: list[Finding], data: st.DataObject) -> None:
    removed = data.draw(st.integers(0, len(found) - 1))
    fewer = [each for index, each in enumerate(found) if index != removed]
    before, after = score(found, RULES, (), facts), score(fewer, RULES, (), facts)
    assert before.total is not None
    assert after.total is not None
    assert after.total >= before.total - 1e-9
    for name in WEIGHTS:
        mine, theirs = before.categories[name].score, after.categories[name].score
        assert (mine is None) == (theirs is None)
        assert mine is None or theirs is None or theirs >= mine - 1e-9


def test_the_total_can_be_recomputed_from_its_deductions(five: list[Audit]) -> None:
    for audit in five:
        examined = [each for each in audit.score.categories.values() if each.score is not None]
        for each in examined:
            assert each.score == pytest.approx(max(0.0, 100 - sum(one.points for one in each.deductions)))
        weights = sum(each.weight for each in examined)
        assert audit.score.total == pytest.approx(sum(each.weight * (each.score or 0) for each in examined) / weights)


@pytest.fixture(scope="module")
def five(embedded_server: Server) -> list[Audit]:
    audits = []
    for schema in SCHEMAS:
        with embedded_server.scratch_database() as url, psycopg.connect(url, autocommit=True) as connection:
            connection.execute(text_of(schema).encode())
            connection.execute("ANALYZE")
            known = gather(connection, RULES, ReadOptions(ours=True))
            audits.append(examine(known, RULES, AuditOptions(today=date(2026, 1, 1))))
    return audits


def text_of(schema: Path) -> str:
    """The script of a schema, with those it begins with."""
    return re.sub(
        r"^\\i (\S+)$", lambda match: text_of(schema.parent / match[1]), schema.read_text(), flags=re.MULTILINE
    )


def test_the_five_schemas_keep_their_order_and_distance(five: list[Audit]) -> None:
    totals = [audit.score.total for audit in five]
    assert len(totals) == 5
    assert None not in totals
    distances = [(better or 0) - (worse or 0) for better, worse in itertools.pairwise(totals)]
    assert min(distances) >= 5, totals
