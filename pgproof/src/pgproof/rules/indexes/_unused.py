"""Which indexes nothing has read: decided once, since other rules leave such an index to IDX05."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgproof.facts.catalog import Catalog, Index, Table
from pgproof.facts.model import Facts
from pgproof.facts.once import once
from pgproof.rules.indexes._covering import redundancies
from pgproof.rules.indexes._shared import A_MONTH, counted_for, indexed_tables, leading_columns

WORTH_BYTES = 1024 * 1024
"""Below it the planner reads a table of the same size as fast without any index, so no scan says nothing yet."""


@dataclass(frozen=True)
class Usage:
    """An index with all its parts on partitions.

    Attributes:
        scans: None where any part's are unknown.
        bytes: None where any part's are unknown.
        used_table: its rows have been read or written since the counters began.
        written: rows that were inserted or updated since then.
    """

    scans: int | None
    bytes: int | None
    used_table: bool
    written: int


def usage(catalog: Catalog, table: Table, index: Index) -> Usage:
    """Return how an index was used, its parts on partitions included."""
    if table.kind != "partitioned table":
        counted = table.statistics
        return Usage(index.scans, index.bytes, _is_used(table), counted.inserted + counted.updated if counted else 0)
    parts = [
        usage(catalog, partition, part)
        for partition in catalog.partitions(table)
        for part in partition.indexes
        if part.parent == index.oid
    ]
    scans = [part.scans for part in parts]
    sizes = [part.bytes for part in parts]
    return Usage(
        None if None in scans else sum(each for each in scans if each is not None),
        None if None in sizes else sum(each for each in sizes if each is not None),
        any(part.used_table for part in parts),
        sum(part.written for part in parts),
    )


def unused_indexes(facts: Facts) -> Iterator[tuple[Table, Index, Usage]]:
    """Yield the indexes that were not scanned once, however long the counters have counted, largest first by table.

    Left out: what enforces a rule or identifies rows, what is the last to serve a foreign key, what takes over from an
    index that is reported as redundant, what is too small to be read, and the indexes of a table nobody touches.
    """
    found = redundancies(facts.catalog)
    redundant = {each.index.oid for each in found}
    needed = {each.by.oid for each in found}
    for table in indexed_tables(facts.catalog):
        going = set(redundant)
        for index in table.indexes:
            if not index.usable or index.unique or index.exclusion or index.parent is not None:
                continue
            if index.oid in redundant or index.oid in needed or index.clustered:
                continue
            used = usage(facts.catalog, table, index)
            if used.scans != 0 or used.bytes is None or used.bytes < WORTH_BYTES or not used.used_table:
                continue
            if _is_last_support(table, index, going):
                continue
            going.add(index.oid)
            yield table, index, used


@once
def reported_elsewhere(facts: Facts) -> frozenset[int]:
    """Return the oids of indexes that are reported as redundant or unused, of which no other rule speaks."""
    oids = {each.index.oid for each in redundancies(facts.catalog)}
    if counted_for(facts) >= A_MONTH and not facts.database.in_recovery:
        oids |= {index.oid for _, index, _ in unused_indexes(facts)}
    return frozenset(oids)


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
    counted = table.statistics
    return counted is not None and (
        counted.sequential_rows_read + counted.index_scans + counted.inserted + counted.updated + counted.deleted > 0
    )
