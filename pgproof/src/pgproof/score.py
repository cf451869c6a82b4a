"""Findings become a score that can be recomputed by hand: pure arithmetic over published weights.

The weights and their reasons are in docs/decisions/0010-score.md.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pgproof.facts.catalog import QualifiedName
from pgproof.facts.model import Facts
from pgproof.rules.checking import Unchecked
from pgproof.rules.finding import Finding, Severity
from pgproof.rules.rule import Rule

WEIGHTS: Mapping[str, int] = {
    "integrity": 30,
    "performance": 25,
    "configuration": 15,
    "security": 15,
    "operations": 10,
    "migrations": 5,
}
CATEGORY_OF_FAMILY: Mapping[str, str] = {
    "integrity": "integrity",
    "types": "integrity",
    "indexes": "performance",
    "workload": "performance",
    "configuration": "configuration",
    "security": "security",
    "operations": "operations",
    "migrations": "migrations",
}
POINTS: Mapping[Severity, float] = {"critical": 40, "high": 15, "medium": 6, "low": 2}
RULE_CAP: Mapping[Severity, float] = {"critical": 60, "high": 30, "medium": 15, "low": 6}
CRITICAL_FLOOR = 20.0
LEAST_EXPOSURE, UNKNOWN_EXPOSURE = 0.2, 0.5
FULL_EXPOSURE_LOG10 = 6
"""Rows, or calls, of which a million count fully."""
LEAST_COVERAGE = 0.6
"""Below it there is no total: more was left unseen than a number should speak for."""


@dataclass(frozen=True)
class Deduction:
    """What one finding costs its category.

    Attributes:
        exposure: the share of the severity's points that applies, between 0.2 and 1.
        points: after the floor of a critical finding and the cap of its rule.
    """

    rule: str
    fingerprint: str
    severity: Severity
    exposure: float
    points: float


@dataclass(frozen=True)
class CategoryScore:
    """A category from 0 to 100; None where none of its rules could be checked."""

    weight: int
    score: float | None
    coverage: float
    deductions: tuple[Deduction, ...]


@dataclass(frozen=True)
class Score:
    """The whole; `total` is None where the coverage is below 0.6."""

    total: float | None
    coverage: float
    categories: Mapping[str, CategoryScore]


def score(findings: Sequence[Finding], rules: Sequence[Rule], unchecked: Sequence[Unchecked], facts: Facts) -> Score:
    """Return the score of what rules found.

    Args:
        findings: that count: without the suppressed ones.
        rules: that were to run.
        unchecked: what they could not check, and which of them could not run at all (no objects).
        facts: that the findings are about; they say how many rows and calls are exposed.
    """
    counted = [rule for rule in rules if not (rule.metadata.server_wide and facts.server.ours)]
    codes = {rule.code for rule in counted}
    rows = {table.qualified_name: table.estimated_rows for table in facts.catalog.tables}
    deductions: dict[str, list[Deduction]] = defaultdict(list)
    for category, finding, exposure in (
        (CATEGORY_OF_FAMILY[finding.family], finding, exposure_of(finding, rows))
        for finding in findings
        if finding.rule in codes
    ):
        deductions[category].append(_deduction(finding, exposure))
    categories = {
        name: _category(weight, deductions[name], _coverage(name, counted, unchecked))
        for name, weight in WEIGHTS.items()
    }
    coverage = sum(each.weight * each.coverage for each in categories.values()) / sum(WEIGHTS.values())
    examined = [each for each in categories.values() if each.score is not None]
    weight = sum(each.weight for each in examined)
    total = None
    if coverage >= LEAST_COVERAGE and weight:
        total = sum(each.weight * each.score for each in examined if each.score is not None) / weight
    return Score(total, coverage, categories)


def exposure_of(finding: Finding, rows: Mapping[QualifiedName, int | None]) -> float:
    """Return the share of the points that a finding's objects expose, by their own size.

    Args:
        finding: its objects with a table count by the table's rows; others, such as a setting, count fully.
        rows: estimated rows of each relation; None where nobody has counted.
    """
    exposures = [
        1.0
        if each.table is None or each.schema is None
        else _by_count(rows.get(QualifiedName(each.schema, each.table)))
        for each in finding.objects
    ]
    return max(exposures, default=1.0)


def _by_count(count: int | None) -> float:
    if count is None:
        return UNKNOWN_EXPOSURE
    return min(1.0, max(LEAST_EXPOSURE, math.log10(count + 1) / FULL_EXPOSURE_LOG10))


def _deduction(finding: Finding, exposure: float) -> Deduction:
    points = POINTS[finding.severity] * exposure
    if finding.severity == "critical":
        points = max(points, CRITICAL_FLOOR)
    return Deduction(finding.rule, finding.fingerprint, finding.severity, exposure, points)


def _category(weight: int, deductions: Iterable[Deduction], coverage: float) -> CategoryScore:
    kept = tuple(_capped(deductions))
    if coverage == 0:
        return CategoryScore(weight, None, coverage, kept)
    return CategoryScore(weight, max(0.0, 100.0 - sum(each.points for each in kept)), coverage, kept)


def _capped(deductions: Iterable[Deduction]) -> Iterable[Deduction]:
    """Yield the deductions, largest first, each cut to what is left under the cap of its rule's worst finding."""
    by_rule: dict[str, list[Deduction]] = defaultdict(list)
    for each in deductions:
        by_rule[each.rule].append(each)
    for rule in sorted(by_rule):
        left = max(RULE_CAP[each.severity] for each in by_rule[rule])
        for each in sorted(by_rule[rule], key=lambda one: (-one.points, one.fingerprint)):
            points = min(each.points, left)
            left -= points
            yield Deduction(each.rule, each.fingerprint, each.severity, each.exposure, points)


def _coverage(category: str, rules: Iterable[Rule], unchecked: Iterable[Unchecked]) -> float:
    own = [rule for rule in rules if CATEGORY_OF_FAMILY[rule.metadata.family] == category]
    if not own:
        return 0.0
    shares: dict[str, float] = {rule.code: 1.0 for rule in own}
    for each in unchecked:
        if each.rule in shares:
            shares[each.rule] = min(shares[each.rule], 0.5 if each.detail.objects else 0.0)
    return sum(shares.values()) / len(shares)
