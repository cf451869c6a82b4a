"""A B-tree index several times as large as its entries need.

What it finds:
    A B-tree index of which at least 64 MB, and at least half, is more than its entries would take if its pages were
    filled to its fillfactor. Pages may be half empty after splits, so below twice the size nothing is wrong. The
    estimate ignores NULLs and deduplication, so it is rather too high, and the bloat rather too low. Indexes on
    expressions, and partial ones of columns whose width varies, are left out: no statistics say how wide entries are.

Why it matters:
    Scans and the cache carry pages that hold nothing; VACUUM never gives back pages from the middle of an index.

Evidence:
    pg_class.relpages and reltuples of the index, as VACUUM or ANALYZE last left them, and average widths of its
    columns from pg_stats. Entry: an item pointer of 4 bytes, a header of 8 (12 with a bitmap of NULLs), the values,
    aligned to 8. Page: 8192 bytes, less a header of 24 and 16 of a B-tree's own. Source: PostgreSQL documentation,
    Database Page Layout, and B-Tree Indexes, Implementation; access/itup.h for the header of an entry.
    pgstattuple's pgstatindex() measures instead of estimating.

Remedy:
    `REINDEX INDEX CONCURRENTLY`, in Alembic by `op.execute` in an autocommit block; then look for what deletes or
    updates in bulk, and whether autovacuum keeps up.

When to ignore:
    The table is refilled to its former size before long.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from pgproof.facts.catalog import Column, Index, Table
from pgproof.facts.model import Facts
from pgproof.remedy.indexes import RebuildIndex
from pgproof.remedy.names import literal, quoted
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, index_ref
from pgproof.rules.indexes._shared import indexed_tables, size
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="IDX07", slug="bloated-index", severity="low", needs=("catalog", "statistics"))

LARGE_BYTES = 64 * 1024 * 1024
"""Below it a rebuild saves too little memory and disk to be worth its reading of the whole table."""

CLEAR = 2
"""Times the size at the fillfactor: pages that were just split are half full, and no fault."""

_PAGE = 8192
_PAGE_HEADER = 24
_PAGE_OF_BTREE = 16
_ITEM_POINTER = 4
_ENTRY_HEADER = 8
_ENTRY_HEADER_WITH_NULLS = 12
_ALIGNMENT = 8
_ALIGNMENTS = {"c": 1, "s": 2, "i": 4, "d": 8}
_FILLFACTOR = 90
_VARYING = -1
"""pg_type.typlen of what has no fixed size."""


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each B-tree index most of which is empty."""
    for table in indexed_tables(facts.catalog):
        for index in table.indexes:
            if index.method != "btree" or not index.usable:
                continue
            if index.reltuples < 0 or None in index.columns or (index.partial and _width_varies(table, index)):
                continue
            needed = _pages_needed(table, index)
            if needed is None:
                if index.pages * _PAGE >= LARGE_BYTES:
                    needs = "column statistics (ANALYZE, and the right to see them)"
                    yield NotChecked(needs, (index_ref(table, index),))
            elif index.pages >= CLEAR * needed and (index.pages - needed) * _PAGE >= LARGE_BYTES:
                yield _finding(table, index, needed)


def _pages_needed(table: Table, index: Index) -> int | None:
    """Return how many pages the entries take at the index's fillfactor; None without statistics of a column."""
    columns = _columns(table, index)
    values = 0
    for column in columns:
        width = _width(column)
        if width is None:
            return None
        values += _padding(values, _ALIGNMENTS[column.alignment]) + width
    header = _ENTRY_HEADER if all(column.not_null for column in columns) else _ENTRY_HEADER_WITH_NULLS
    entry = header + _padding(header, _ALIGNMENT) + values
    entry += _padding(entry, _ALIGNMENT) + _ITEM_POINTER
    room = (_PAGE - _PAGE_HEADER - _PAGE_OF_BTREE) * _fillfactor(index) / 100
    return ceil(index.reltuples * entry / room) + 1


def _width(column: Column) -> int | None:
    if _varies(column):
        return column.statistics.average_bytes if column.statistics else None
    return column.bytes


def _varies(column: Column) -> bool:
    return column.bytes == _VARYING


def _padding(count: int, alignment: int) -> int:
    return -count % alignment


def _fillfactor(index: Index) -> int:
    for option in index.storage_options:
        name, _, value = option.partition("=")
        if name == "fillfactor":
            return int(value)
    return _FILLFACTOR


def _width_varies(table: Table, index: Index) -> bool:
    return any(_varies(column) for column in _columns(table, index))


def _columns(table: Table, index: Index) -> list[Column]:
    columns: dict[str | None, Column] = {column.name: column for column in table.columns}
    return [columns[name] for name in (*index.columns, *index.include)]


def _finding(table: Table, index: Index, needed: int) -> Finding:
    taken, empty = index.pages * _PAGE, (index.pages - needed) * _PAGE
    what = f"{index.pages} pages, about {index.reltuples:.0f} entries, which would fill about {needed} pages"
    return METADATA.finding(
        objects=(index_ref(table, index),),
        message=f"index {index.name} of {table.qualified_name} is about {index.pages / needed:.0f} times as large "
        "as its entries need",
        consequence=f"About {size(empty)} of {size(taken)} is empty, and is read, cached and backed up all the same.",
        confidence="sample",
        evidence=(
            Evidence(
                "statistics",
                "SELECT relpages, reltuples FROM pg_class WHERE oid = "
                f"{literal(quoted(table.schema, index.name))}::regclass",
                what,
            ),
        ),
        remedy=_remedy(table, index),
    )


def _remedy(table: Table, index: Index) -> Remedy:
    if index.exclusion:
        return Remedy(f"REINDEX INDEX {index.name}; an exclusion constraint's cannot be rebuilt concurrently.")
    return Remedy(f"REINDEX INDEX CONCURRENTLY {index.name}.", (RebuildIndex(table.schema, index.name),))


def _case(
    name: str,
    pages: int,
    entries: int,
    index: str = "CREATE INDEX i ON t (a)",
    *,
    analyze: str = "ANALYZE t;",
    says: tuple[str, ...] = (),
) -> Example:
    return Example(
        name,
        sql=f"""
            CREATE TABLE t (a int NOT NULL, b text NOT NULL, c int);
            INSERT INTO t SELECT n, 'word', n FROM generate_series(1, 20) n;
            {index}; {analyze}
            UPDATE pg_class SET relpages = {pages}, reltuples = {entries} WHERE oid = 'i'::regclass;
        """,
        objects=("i",),
        says=says,
    )


_FILLING = 3_004_786
"""Integers, NOT NULL, that need 8192 pages: 8 + 4 + 4 bytes and 4 for the pointer, in 8152 * 0.9 bytes of a page."""

BAD = (
    _case("twice the pages, and 64 MB more", 2 * 8192, _FILLING, says=("REINDEX INDEX CONCURRENTLY",)),
    _case("few entries are left of many", 8192 + 2, 20),
    _case("none are left, and 64 MB are free", 8192 + 1, 0),
    _case("values of varying width", 8192 * 3, _FILLING, "CREATE INDEX i ON t (b)"),
    _case("entries with room for NULLs are wider", 23_000, _FILLING, "CREATE INDEX i ON t (c)"),
    _case("columns that are carried along take room", 23_000, _FILLING, "CREATE INDEX i ON t (a) INCLUDE (b)"),
    _case("some rows, of fixed width", 3 * 8192, _FILLING, "CREATE INDEX i ON t (a) WHERE a > 5"),
    _case("no statistics are needed of a fixed width", 3 * 8192, _FILLING, analyze=""),
    _case(
        "an exclusion constraint's cannot be rebuilt concurrently",
        3 * 8192,
        _FILLING,
        "ALTER TABLE t ADD CONSTRAINT i EXCLUDE USING btree (a WITH =)",
        says=("cannot be rebuilt concurrently",),
    ),
    _case(
        "a page is filled less by choice",
        30_000,
        _FILLING,
        "CREATE INDEX i ON t (a) WITH (deduplicate_items = off, fillfactor = 50)",
    ),
)
GOOD = (
    _case("just under twice the pages", 2 * 81_999 - 1, 30_080_000),
    _case("just under 64 MB more", 8191 + 2, 20),
    _case(
        "a page is filled less by choice, and so it is",
        2 * 14_000,
        _FILLING,
        "CREATE INDEX i ON t (a) WITH (fillfactor = 50)",
    ),
    _case("entries with room for NULLs are wider, and so are these", 22_800, _FILLING, "CREATE INDEX i ON t (c)"),
    _case("just under twice the pages of a varying width", 2 * 8192 - 1, _FILLING, "CREATE INDEX i ON t (b)"),
    _case("one of two columns may be NULL", 22_900, _FILLING, "CREATE INDEX i ON t (c, a)"),
    _case("columns that are carried along take their room", 22_800, _FILLING, "CREATE INDEX i ON t (a) INCLUDE (b)"),
    _case("another method", 3 * 8192, _FILLING, "CREATE INDEX i ON t USING hash (a)"),
    _case("an expression, of which nobody knows the width", 3 * 8192, _FILLING, "CREATE INDEX i ON t (lower(b))"),
    _case("some rows, of varying width", 3 * 8192, _FILLING, "CREATE INDEX i ON t (b) WHERE a > 5"),
    _case(
        "some rows, carrying what varies in width",
        3 * 8192,
        _FILLING,
        "CREATE INDEX i ON t (a) INCLUDE (b) WHERE a > 5",
    ),
    _case("entries that nobody counted", 3 * 8192, -1),
    _case("a varying width that nobody measured", 3 * 8192, _FILLING, "CREATE INDEX i ON t (b)", analyze=""),
    _case(
        "an invalid index is another rule's matter",
        3 * 8192,
        _FILLING,
        "CREATE INDEX i ON t (a); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass",
    ),
)
