"""What another rule of integrity says already, so that one fault has one finding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from pgproof.facts.catalog import QualifiedName
from pgproof.facts.model import Facts
from pgproof.rules.finding import Finding, NotChecked
from pgproof.rules.rule import Metadata


class RuleModule(Protocol):
    """A file of a rule."""

    METADATA: Metadata

    def check(self, facts: Facts) -> Iterator[Finding | NotChecked]:
        """Yield what it finds."""


@dataclass(frozen=True)
class Subject:
    """Columns of a table, in no order."""

    table: QualifiedName
    columns: frozenset[str]


def found_by(facts: Facts, *rules: RuleModule) -> frozenset[Subject]:
    """Return the columns that rules speak of; nothing of a rule that does not run."""
    return frozenset(
        Subject(QualifiedName(subject.schema or "", subject.name), frozenset(subject.columns))
        for rule in rules
        if facts.runs(rule.METADATA.code)
        for said in rule.check(facts)
        if isinstance(said, Finding)
        for subject in said.objects
    )
