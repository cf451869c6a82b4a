"""Whether every index and every rule of uniqueness that the models ask for is there and valid.

A unique index enforces a rule as a constraint does, which the analysis' own script did not know: it looked at
constraints alone and could not see the rules it had asked for.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby

from sqlalchemy import Column, Index, MetaData, Table, UniqueConstraint

from pgproof.proof.measuring import Session


class RuleState(enum.StrEnum):
    """What became of an expected index or rule."""

    PRESENT = "present"
    MISSING = "missing"
    INVALID = "invalid"
    DIFFERENT = "different"


@dataclass(frozen=True)
class ExpectedRule:
    """An index, or a uniqueness rule, that a model declares.

    Attributes:
        table: whose.
        name: what the model calls it.
        keys: its key columns and expressions in their order, ` DESC` where they descend.
        is_unique: whether it is a rule as well.
        predicate: the condition of the rows it holds for, None for all.
    """

    table: str
    name: str
    keys: tuple[str, ...]
    is_unique: bool
    predicate: str | None


@dataclass(frozen=True)
class ExistingIndex:
    """An index as the catalog has it; a constraint's index is one like any other."""

    table: str
    name: str
    keys: tuple[str, ...]
    is_unique: bool
    predicate: str | None
    is_valid: bool

    def serves(self, rule: ExpectedRule) -> bool:
        """Tell whether this index is what the rule asks for, whatever its name."""
        return (self.table, self.keys, self.predicate) == (rule.table, rule.keys, rule.predicate) and (
            self.is_unique or not rule.is_unique
        )


@dataclass(frozen=True)
class VerifiedRule:
    """An expected rule and what was found.

    Attributes:
        rule: what the model declares.
        state: whether it is there.
        index: the index that was looked at, None where there is none.
    """

    rule: ExpectedRule
    state: RuleState
    index: str | None


def verify_rules(session: Session, metadata: MetaData) -> tuple[VerifiedRule, ...]:
    """Return for each index and uniqueness rule of the models whether the database has it.

    Args:
        session: the database.
        metadata: the models'.
    """
    existing = tuple(_existing(session))
    return tuple(_verify(rule, existing) for rule in expected_rules(metadata))


def expected_rules(metadata: MetaData) -> tuple[ExpectedRule, ...]:
    """Return the indexes and uniqueness rules that models declare, primary keys left out."""
    return tuple(rule for table in metadata.sorted_tables for rule in _rules_of(table))


def _rules_of(table: Table) -> Iterator[ExpectedRule]:
    for index in sorted(table.indexes, key=lambda index: str(index.name)):
        yield ExpectedRule(
            table.name,
            str(index.name),
            _keys_of(index),
            bool(index.unique),
            _normalised(index.dialect_options["postgresql"]["where"]),
        )
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            columns = tuple(column.name for column in constraint.columns)
            yield ExpectedRule(table.name, _name_of(table, constraint, columns), columns, True, None)


def _keys_of(index: Index) -> tuple[str, ...]:
    """Return columns by name and expressions by the text they are declared with."""
    return tuple(key.name if isinstance(key, Column) else str(key) for key in index.expressions)


def _name_of(table: Table, constraint: UniqueConstraint, columns: tuple[str, ...]) -> str:
    return str(constraint.name) if constraint.name else f"{table.name}_{'_'.join(columns)}_key"


def _verify(rule: ExpectedRule, existing: Iterable[ExistingIndex]) -> VerifiedRule:
    """Look for a valid index that serves the rule, then for what stands under its name."""
    serving = [index for index in existing if index.serves(rule)]
    for index in serving:
        if index.is_valid:
            return VerifiedRule(rule, RuleState.PRESENT, index.name)
    if serving:
        return VerifiedRule(rule, RuleState.INVALID, serving[0].name)
    for index in existing:
        if (index.table, index.name) == (rule.table, rule.name):
            return VerifiedRule(rule, RuleState.DIFFERENT, index.name)
    return VerifiedRule(rule, RuleState.MISSING, None)


def _existing(session: Session) -> Iterator[ExistingIndex]:
    statement = files("intowork.performance").joinpath("queries", "indexes.sql").read_text(encoding="utf-8")
    rows = session.execute(statement.encode()).fetchall()
    for (table, name, is_unique, is_valid, predicate), keys in groupby(rows, key=lambda row: row[:5]):
        yield ExistingIndex(
            table,
            name,
            tuple(str(_normalised(row[5])) for row in keys),
            is_unique,
            _normalised(predicate),
            is_valid,
        )


def _normalised(expression: object) -> str | None:
    """Return a key or predicate without the casts that PostgreSQL adds when it prints one."""
    return None if expression is None else re.sub(r"::\w+", "", str(expression))
