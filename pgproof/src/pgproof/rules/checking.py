"""Runs rules over facts: which questions they ask, and what they find."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pgproof.facts.garbage import without_collection
from pgproof.facts.model import Facts
from pgproof.facts.questions import Question
from pgproof.rules.finding import Finding, NotChecked
from pgproof.rules.rule import Rule


@dataclass(frozen=True)
class Unchecked:
    """What one rule could not check."""

    rule: str
    detail: NotChecked


@dataclass(frozen=True)
class Checked:
    """What rules found, and what they could not check."""

    findings: tuple[Finding, ...]
    not_checked: tuple[Unchecked, ...]


def questions_of(rules: Iterable[Rule], facts: Facts) -> tuple[Question, ...]:
    """Return what the rules ask of the data, each question once."""
    return tuple(dict.fromkeys(question for rule in rules for question in rule.questions(facts)))


def check(rules: Iterable[Rule], facts: Facts) -> Checked:
    """Return what the rules find in facts whose questions have been answered.

    Args:
        rules: to run, in this order.
        facts: with the answers to `questions_of` the same rules.
    """
    findings: list[Finding] = []
    not_checked: list[Unchecked] = []
    with without_collection():
        for rule in rules:
            lacking = next((why for need in rule.metadata.needs if (why := _lacking(need, facts))), None)
            results = (NotChecked(lacking),) if lacking is not None else rule.check(facts)
            for result in results:
                if isinstance(result, Finding):
                    findings.append(result)
                else:
                    not_checked.append(Unchecked(rule.code, result))
    return Checked(tuple(findings), tuple(not_checked))


_PROJECT = {
    "models": "the SQLAlchemy models: --models package.module:Base",
    "engine": "the application's engine: --engine package.module:engine",
    "migrations": "the Alembic scripts: --alembic alembic.ini",
    "recording": "a recorded workload: pgproof record, then --workload FILE",
    "experiments": "a proof: run pgproof prove, then --proof proof.json",
}
"""What the database alone cannot say, and the option that gives it."""


def _lacking(need: str, facts: Facts) -> str | None:
    """Why a rule cannot run at all: nobody gave what it needs of the project, or it could not be read."""
    if need not in _PROJECT or getattr(facts, need) is not None:
        return None
    return next((line for line in facts.missing if line.startswith(f"{need}: ")), _PROJECT[need])
