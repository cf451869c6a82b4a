"""Which indexes nothing has read: decided once, since other rules leave such an index to IDX05."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgproof.facts.catalog import Catalog, Index, Table
from pgproof.facts.model import Facts
from pgproof.facts.once import once
from pgproof.rules.index_keys import leading_columns
from pgproof.rules.indexes._covering import Redundancy, redundancies
from pgproof.rules.indexes._shared import indexed_tables, scans_unknown, stored
from pgproof.rules.indexes._unprovable import indexes_kept_out
from pgproof.rules.reading import counters

WORTH_BYTES = 1024 * 1024
"""Below it the planner reads a table of the same size as fast without any index, so no scan says nothing yet."""


_REPORTS = {"duplicate": "IDX02", "prefix": "IDX03", "implied": "IDX04"}
"""Which rule reports which redundancy."""


@dataclass(frozen=True)
class Unused:
    """An index that was not scanned once, with all its parts on partitions.

    Attributes:
        bytes: that it takes.
        written: rows that were inserted or updated since the counters began.
    """

    table: Table
    index: Index
    bytes: int
    written: int


def unused_indexes(facts: Facts) -> Iterator[Unused]:
    """Yield the indexes that were not scanned once, however long the counters have counted.

    Left out: what enforces a rule or identifies rows, what is the last to serve a foreign key, what is reported as
    redundant and what takes over from it, what is too small to be read, the indexes of a table nobody touches, and what
    statements would use if they named the value of its predicate, which another rule tells them.
    """
    found = _reported_redundancies(facts)
    redundant = {each.index.oid for each in found}
    needed = {each.by.oid for each in found}
    for table in indexed_tables(facts.catalog):
        going = set(redundant)
        for index in table.indexes:
            if not index.usable or index.unique or index.exclusion or index.parent is not None:
                continue
            if index.oid in redundant or index.oid in needed or index.clustered:
                continue
            unused = _unused(facts.catalog, table, index)
            if unused is None or _is_last_support(table, index, going):
                continue
            if index.partial and facts.runs("IDX11") and index.oid in indexes_kept_out(facts):
                continue
            going.add(index.oid)
            yield unused


def _unused(catalog: Catalog, table: Table, index: Index) -> Unused | None:
    """Return an index if nothing has read it although its table is in use; None also where that is unknown."""
    parts = tuple(stored(catalog, table, index))
    sizes = [part.bytes for _, part in parts if part.bytes is not None]
    if any(part.scans != 0 for _, part in parts) or len(sizes) < len(parts) or sum(sizes) < WORTH_BYTES:
        return None
    if not any(_is_used(each) for each, _ in parts):
        return None
    written = sum(counters(each).inserted + counters(each).updated for each, _ in parts)
    return Unused(table, index, sum(sizes), written)


@once
def reported_elsewhere(facts: Facts) -> frozenset[int]:
    """Return the oids of indexes that are reported as redundant or unused, of which no other rule speaks."""
    oids = {each.index.oid for each in _reported_redundancies(facts)}
    if facts.runs("IDX05") and scans_unknown(facts) is None:
        oids |= {each.index.oid for each in unused_indexes(facts)}
    return frozenset(oids)


def _reported_redundancies(facts: Facts) -> tuple[Redundancy, ...]:
    return tuple(each for each in redundancies(facts.catalog) if facts.runs(_REPORTS[each.kind]))


def remaining_indexes(facts: Facts) -> Iterator[tuple[Table, Index]]:
    """Yield each usable index that is not a partition's part of another one and not reported elsewhere."""
    reported = reported_elsewhere(facts)
    for table in indexed_tables(facts.catalog):
        for index in table.indexes:
            if index.usable and index.parent is None and index.oid not in reported:
                yield table, index


def _is_last_support(table: Table, index: Index, going: set[int]) -> bool:
    """Tell whether a foreign key would be left without any index to find its rows by."""
    for key in table.foreign_keys:
        if not leading_columns(table, index, key.columns):
            continue
        if not any(
            leading_columns(table, other, key.columns)
            for other in table.indexes
            if other is not index and other.oid not in going
        ):
            return True
    return False


def _is_used(table: Table) -> bool:
    """Tell whether rows were read or written; a sequential scan alone may be that of an index build."""
    counted = counters(table)
    return counted.sequential_rows_read + counted.index_scans + counted.inserted + counted.updated + counted.deleted > 0
