"""Which indexes other indexes make redundant: decided once for all rules, so that none is told of twice.

An order among the indexes of a table sees to it that what makes an index redundant is itself kept: of two that do the
same work one stays, and a rule that is implied by a stricter one never vouches for a third index.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pgproof.facts.catalog import Catalog, Index, IndexKey, Table
from pgproof.facts.once import once
from pgproof.rules.indexes._shared import indexed_tables, never_null


@dataclass(frozen=True)
class Redundancy:
    """An index that another makes redundant.

    Attributes:
        by: what does its work; kept.
        kind: duplicate (the same keys), prefix (its keys begin the other's), or implied (a unique rule that can fail
            no row that the other's does not).
    """

    table: Table
    index: Index
    by: Index
    kind: Literal["duplicate", "prefix", "implied"]


@once
def redundancies(catalog: Catalog) -> tuple[Redundancy, ...]:
    """Return each index that another of its table makes redundant, once."""
    return tuple(
        redundancy
        for table in indexed_tables(catalog)
        if len(table.indexes) > 1
        for redundancy in _of_table(table, frozenset(key.index or 0 for _, key in catalog.referencing(table)))
    )


def covers(table: Table, by: Index, index: Index) -> bool:
    """Tell whether one index serves every query, and enforces every rule, that another does."""
    if by.method != index.method or by.partial != index.partial or by.predicate != index.predicate:
        return False
    if index.unique and not (by.unique and len(by.keys) == len(index.keys) and _as_strict(table, by, index)):
        return False
    if by.method != "btree":
        return _shape(by) == _shape(index)
    carried = {*by.columns, *by.include}
    return by.keys[: len(index.keys)] == index.keys and set(index.include) <= carried


def _of_table(table: Table, referenced: frozenset[int]) -> Iterator[Redundancy]:
    indexes = [index for index in table.indexes if index.usable and _readable(index)]
    subjects = [index for index in indexes if index.parent is None and not index.primary and not index.exclusion]
    implied = {
        index.oid: implying
        for index in subjects
        if index.oid not in referenced
        and not index.replica_identity
        and (implying := [other for other in indexes if _implies(table, other, index)])
    }
    covering = {
        index.oid: [
            other
            for other in indexes
            if covers(table, other, index)
            and _is_kept_before(table, other, index, referenced)
            and other.oid not in implied
        ]
        for index in subjects
    }
    for index in subjects:
        by = next((other for other in covering[index.oid] if not covering.get(other.oid)), None)
        if by is not None:
            same = len(by.keys) == len(index.keys) and set(by.include) == set(index.include)
            yield Redundancy(table, index, by, "duplicate" if same else "prefix")
        elif index.oid in implied:
            kept = (other for other in implied[index.oid] if other.oid not in implied and not covering.get(other.oid))
            yield Redundancy(table, index, next(kept), "implied")


def _readable(index: Index) -> bool:
    """Whether all that could tell it from another is known: deparsed parts are missing while the table is locked."""
    return (
        (index.predicate is not None or not index.partial)
        and all(key.column is not None or key.expression is not None for key in index.keys)
        and (index.method == "btree" or index.definition is not None)
    )


def _shape(index: Index) -> str:
    """All of a definition but the name, since operator classes of these methods have parameters of their own."""
    return (index.definition or "").partition(" USING ")[2]


def _is_kept_before(table: Table, one: Index, other: Index, referenced: frozenset[int]) -> bool:
    """Of two indexes, tell whether the first stays if it covers the second: an order, so that one always stays."""
    if one is other:
        return False
    if not covers(table, other, one):
        return True
    ranks = [
        (
            each.parent is not None,
            each.primary,
            each.exclusion,
            each.oid in referenced,
            each.replica_identity,
            each.constraint is not None,
            each.clustered,
        )
        for each in (one, other)
    ]
    return ranks[0] > ranks[1] or (ranks[0] == ranks[1] and one.name < other.name)


def _implies(table: Table, narrow: Index, wide: Index) -> bool:
    """Tell whether a unique rule over fewer columns, or over all rows, already keeps what another one keeps."""
    if not (narrow.unique and wide.unique):
        return False
    if narrow.partial and narrow.predicate != wide.predicate:
        return False
    narrow_keys, wide_keys = {_compared(key) for key in narrow.keys}, {_compared(key) for key in wide.keys}
    over_more_rows = wide.partial and not narrow.partial
    return (narrow_keys < wide_keys or (narrow_keys == wide_keys and over_more_rows)) and _as_strict(
        table, narrow, wide
    )


def _as_strict(table: Table, by: Index, index: Index) -> bool:
    """Tell whether a rule is checked no later than another, and lets no more rows with NULL pass."""
    without_null = all(name is not None and never_null(table, name) for name in by.columns)
    return (by.immediate or not index.immediate) and (
        by.nulls_not_distinct or not index.nulls_not_distinct or without_null
    )


def _compared(key: IndexKey) -> tuple[str | None, str | None, str | None, str | None]:
    return key.column, key.expression, key.operator_class, key.collation
