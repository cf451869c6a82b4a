"""How far a key has come, what ends it, and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgproof.facts.catalog import Column, Table
from pgproof.facts.model import Facts
from pgproof.facts.objects import Sequence
from pgproof.rules.finding import Confidence, Evidence, ObjectRef, table_ref

RANGES = {"int2": 2**15 - 1, "int4": 2**31 - 1, "int8": 2**63 - 1}
"""The highest number of each type (PostgreSQL documentation, "Integer Types")."""

LEAST_DAYS = 7
"""Age of the statistics from which on they show a rate: a week has its quiet days and its busy ones."""


@dataclass(frozen=True)
class Key:
    """How far a column has come.

    Attributes:
        sequence: that feeds it; None for a key filled by the application.
        source: where the value was read.
    """

    table: Table
    column: Column
    value: int
    step: int
    sequence: Sequence | None
    source: Evidence
    confidence: Confidence


@dataclass(frozen=True)
class Limit:
    """What ends first: a column or a sequence, and its highest number."""

    highest: int
    what: str
    subject: ObjectRef


def limits(facts: Facts, key: Key) -> Iterator[Limit]:
    """Yield all that ends a key: columns, the key's own first, then its sequence."""
    yield from column_limits(facts, key)
    if key.sequence is not None:
        subject = table_ref(key.table, key.column.name)
        yield Limit(key.sequence.maximum, f"the sequence {key.sequence.name}", subject)


def column_limits(facts: Facts, key: Key) -> Iterator[Limit]:
    """Yield the column of a key and those that refer to it, each with the highest number that it holds."""
    subject = table_ref(key.table, key.column.name)
    yield Limit(
        RANGES[key.column.base_type], f"the type {key.column.type} of {key.table.name}.{key.column.name}", subject
    )
    for table, constraint in facts.catalog.referencing(key.table):
        for name, referenced in zip(constraint.columns, constraint.referenced_columns, strict=True):
            column = table.column(name)
            if referenced == key.column.name and column.base_type in RANGES:
                what = f"the type {column.type} of {table.name}.{name}, which refers to it,"
                yield Limit(RANGES[column.base_type], what, table_ref(table, name))


def days_left(facts: Facts, key: Key, left: int) -> float | None:
    """Return for how many days numbers are left at the present rate; None where the statistics show none.

    Args:
        facts: with what was inserted since the statistics were reset.
        key: that is counted up.
        left: numbers.
    """
    since = facts.database.statistics_since
    if since is None:
        return None
    days = (facts.database.taken_at - since).total_seconds() / 86_400
    inserted = inserted_rows(facts, key.table)
    if days < LEAST_DAYS or not inserted:
        return None
    return left / (inserted * key.step / days)


def inserted_rows(facts: Facts, table: Table) -> int:
    """Return the rows inserted since the statistics were reset, those of partitions included."""
    own = table.statistics.inserted if table.statistics is not None else 0
    return own + sum(inserted_rows(facts, part) for part in facts.catalog.partitions(table))


def compared_with(key: Key, limit: Limit) -> tuple[ObjectRef, ...]:
    """Return the key's own column where it is another's that ends first."""
    own = table_ref(key.table, key.column.name)
    return () if limit.subject == own else (own,)
