"""What rules find in what a proof saw: of its scripts, copies and experiments, and which findings are gone after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import psycopg

from pgproof.audit import Audit, AuditOptions, Known, ask, examine
from pgproof.facts.experiments import Experiments
from pgproof.facts.model import Facts
from pgproof.proving.round_trip import Problem
from pgproof.rules.checking import check, questions_of
from pgproof.rules.discovery import all_rules
from pgproof.rules.finding import SEVERITIES, Finding
from pgproof.rules.rule import Rule

_FAMILY = "migrations"
_OF_SCHEMAS = ("integrity", "indexes", "types", "security", "workload")
"""Families whose findings a migration settles, or can be shown happening; what the others look at is the server's."""
_OF_THE_CHAIN = "MIG02"
"""The rule that is about all revisions, whichever are proven."""
_BLOCKING = ("MIG03", "MIG05", "MIG06", "MIG11", "MIG07")
_BREAKING = ("MIG14", "MIG12")
_RULES = {
    "concurrently in a transaction": ("MIG04",),
    "blocks traffic": _BLOCKING,
    "blocking lock": _BLOCKING,
    "breaks traffic": _BREAKING,
    "breaks the workload": _BREAKING,
    "no downgrade": ("MIG08",),
    "no-op downgrade": ("MIG08", "MIG09"),
    "downgrade to something else": ("MIG09", "MIG08"),
    "downgrade fails": ("MIG09",),
    "second upgrade differs": ("MIG09", "MIG08"),
    "second upgrade fails": ("MIG09", "MIG08"),
    "rows lost": ("MIG10",),
    "not re-runnable": ("MIG13",),
}
"""Which rules are about what a problem is called."""


def with_questions_answered(admin_url: str, facts: Facts) -> Facts:
    """Return facts of a copy with the answers that rules of migrations want: which revisions it has.

    Args:
        admin_url: of the copy.
        facts: of the copy, with the chain.
    """
    with psycopg.connect(admin_url, autocommit=True) as connection:
        return facts.with_answers(tuple(ask(connection, facts, questions_of(_rules(), facts))))


def audit_of_copy(admin_url: str, facts: Facts, before: Audit | None = None) -> Audit:
    """Return what the rules of schemas and rows find in a copy; it is asked, not the source.

    Args:
        admin_url: of the copy.
        facts: of the copy.
        before: of the copy as it was, whose findings are `fixed` where their rules looked again and found nothing.
    """
    rules = tuple(rule for rule in all_rules() if rule.metadata.family in _OF_SCHEMAS)
    with psycopg.connect(admin_url, autocommit=True) as connection:
        answered = facts.with_answers(tuple(ask(connection, facts, questions_of(rules, facts))))
    known = (
        None
        if before is None
        else tuple(Known(each.fingerprint, each.rule, each.message, each.objects) for each in before.findings)
    )
    return examine(answered, rules, AuditOptions(today=date.today(), baseline=known))


def findings_of(facts: Facts, experiments: Experiments) -> tuple[Finding, ...]:
    """Return what rules of migrations say of the revisions that were proven, worst first.

    Args:
        facts: of the copy before the upgrade, with answers.
        experiments: what was seen.
    """
    rules = _rules()
    examined = replace(facts, experiments=experiments, running=frozenset(rule.code for rule in rules))
    found = check(rules, examined).findings
    return tuple(
        sorted(
            (each for each in found if _is_about(each, experiments.revisions)),
            key=lambda each: (SEVERITIES.index(each.severity), each.rule),
        )
    )


def with_rule(problem: Problem, findings: Sequence[Finding]) -> Problem:
    """Return a problem with the rule that has a finding about the same."""
    codes = {each.rule for each in findings}
    wanted = _RULES.get(problem.name.removeprefix("under traffic: "), ())
    return replace(problem, rule=next((code for code in wanted if code in codes), None))


def _rules() -> tuple[Rule, ...]:
    return tuple(rule for rule in all_rules() if rule.metadata.family == _FAMILY)


def _is_about(finding: Finding, revisions: Sequence[str]) -> bool:
    """Whether it concerns what was proven, and no history."""
    named = {each.name for each in (*finding.objects, *finding.related) if each.kind == "revision"}
    return finding.rule == _OF_THE_CHAIN or bool(named & set(revisions))
