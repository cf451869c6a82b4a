"""By which columns an index looks rows up."""

from __future__ import annotations

from collections.abc import Collection

from pgproof.facts.catalog import Column, Index, IndexKey, Table
from pgproof.rules.sql_text import columns_required

_RANGES_ONLY = frozenset(("brin",))
"""Methods that find ranges of pages rather than rows: an equality may still read most of the table."""


def leading_columns(table: Table, index: Index, columns: Collection[str]) -> tuple[str, ...]:
    """Return the leading columns of an index by which rows with given values of some columns can be looked up.

    A partial index counts if its predicate says no more than that some of these columns are not NULL, which every
    equality implies. An index sorted by another collation than the column's serves no comparison of the column.
    """
    if not index.usable or index.method in _RANGES_ONLY:
        return ()
    if index.partial:
        required = columns_required(table, index.predicate)
        if required is None or not required <= set(columns):
            return ()
    found: list[str] = []
    for key in index.keys:
        if key.column is None or key.column not in columns or not has_own_collation(table.column(key.column), key):
            break
        found.append(key.column)
    return tuple(found)


def has_own_collation(column: Column, key: IndexKey) -> bool:
    """Tell whether an index sorts a column as the column itself sorts."""
    if column.type_kind == "d" or column.base_type not in ("text", "varchar", "bpchar"):
        # Other types have a collation of their own, or none, and an index follows it unless told otherwise.
        return key.collation is None or column.collation in (None, key.collation)
    return key.collation == (column.collation or "default")
