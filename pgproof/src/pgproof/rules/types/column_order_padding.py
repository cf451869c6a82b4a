"""Columns in an order that leaves gaps in every row.

What it finds:
    A table whose rows get shorter by at least 8 bytes when its columns stand in another order. Counted is what is
    certain: the gaps before columns of fixed size that are always there and whose place is known.

Why it matters:
    A bigint or a timestamp begins at a multiple of 8 bytes, an integer at one of 4; after a boolean the bytes up to
    there are left empty, in every row, in every page that is read and cached.

Evidence:
    pg_attribute.attlen and attalign. How rows are laid out: PostgreSQL documentation, "Database Page Layout", Table Row
    Layout; values of variable size up to 126 bytes are not aligned (src/backend/access/common/heaptuple.c); each row
    ends at a multiple of 8 bytes (MAXALIGN of every 64-bit machine).

Remedy:
    The order of columns cannot be changed in place. Give it to a new table, or to this one when it is rewritten for
    another reason: columns of 8 bytes first, then 4, 2 and 1, then those of variable size. In the model the order of
    `mapped_column`s, or `sort_order=`.

When to ignore:
    Almost always for a small table; the order in which people read columns is worth more there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pgproof.facts.amounts import amount
from pgproof.facts.catalog import Column, Table
from pgproof.facts.model import Facts
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, table_ref
from pgproof.rules.reading import regclass
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="TYP10", slug="column-order-padding", severity="low", opinion=True)

ROW_STEP = 8
"""Bytes: rows begin and end at multiples of it, so less is not saved in most rows."""

_ALIGNMENT = {"c": 1, "s": 2, "i": 4, "d": 8}


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each table whose columns leave gaps that another order does not."""
    for table in facts.catalog.base_tables:
        columns = [column for column in table.columns if column.generated != "virtual"]
        saved = _saved(columns)
        if saved >= ROW_STEP:
            yield _finding(table, columns, saved)


def _saved(columns: list[Column]) -> int:
    """Return the bytes that each row, or the average row where some are of variable size, is longer than it must be."""
    if all(_is_always_there(column) for column in columns):
        return _rounded(_length(columns)) - _rounded(_length(_ordered(columns)))
    return sum(_gaps(columns)) - sum(_gaps(_ordered(columns)))


def _is_always_there(column: Column) -> bool:
    """Whether every row has the column, in the same size: NULL takes no room and moves what comes after it."""
    no_null = column.not_null or (column.statistics is not None and column.statistics.null_fraction == 0)
    return bool(_size(column)) and no_null


def _size(column: Column) -> int:
    """Return the bytes of a column; 0 where they vary."""
    return max(column.bytes, 0)


def _gaps(columns: Iterable[Column]) -> Iterator[int]:
    """Yield the bytes left empty before each column, as far as its place is known."""
    place, known = 0, ROW_STEP  # the place of the next byte, modulo `known`
    for column in columns:
        if not _is_always_there(column):
            known = 1
            continue
        alignment = _ALIGNMENT[column.alignment]
        gap = -place % alignment if alignment <= known else 0
        yield gap
        if alignment > known:
            place, known = 0, alignment
        place = (place + gap + column.bytes) % known


def _length(columns: list[Column]) -> int:
    return sum(_gaps(columns)) + sum(column.bytes for column in columns)


def _rounded(length: int) -> int:
    return length + -length % ROW_STEP


def _ordered(columns: list[Column]) -> list[Column]:
    """The columns as they leave no gap: the most strictly aligned first, then what may be missing or of any size."""
    return sorted(columns, key=lambda column: -_ALIGNMENT[column.alignment] if _is_always_there(column) else 0)


def _finding(table: Table, columns: list[Column], saved: int) -> Finding:
    rows = table.estimated_rows
    total = f", {saved * rows:,} bytes in about {amount(rows, 'row')}" if rows else ""
    about = "" if all(_is_always_there(column) for column in columns) else "on average at least "
    return METADATA.finding(
        objects=(table_ref(table),),
        message=f"the columns of {table.qualified_name} stand in an order that leaves gaps in every row",
        consequence=f"Each row is {about}{saved} bytes longer than it must be{total}.",
        evidence=(
            Evidence(
                "catalog",
                "SELECT attname, attlen, attalign FROM pg_attribute "
                f"WHERE attrelid = {regclass(table)} AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
                ", ".join(f"{column.name} {column.type} at {_ALIGNMENT[column.alignment]}" for column in columns),
            ),
        ),
        remedy=Remedy(
            "When the table is next rewritten, order its columns so: "
            + ", ".join(column.name for column in _ordered(columns))
            + "."
        ),
    )


BAD = (
    Example(
        "each bigint after a boolean",
        sql="CREATE TABLE t (a boolean NOT NULL, b bigint NOT NULL, c boolean NOT NULL, d bigint NOT NULL)",
        objects=("t",),
        says=("Each row is 8 bytes longer than it must be. When",),
    ),
    Example(
        "a gap of 7 bytes that makes the row longer by 8",
        sql="CREATE TABLE t (a boolean NOT NULL, b bigint NOT NULL, c boolean NOT NULL)",
        objects=("t",),
    ),
    Example(
        "gaps of 3, 3 and 2 bytes before a text, which is where they end up",
        sql="""
            CREATE TABLE t (a boolean NOT NULL, b int NOT NULL, c boolean NOT NULL, d int NOT NULL, e smallint NOT NULL,
                            f int NOT NULL, g text)
        """,
        objects=("t",),
        says=("on average at least ",),
    ),
    Example(
        "places are known again behind a column at a multiple of 8",
        sql="""
            CREATE TABLE t (a text, b bigint NOT NULL, c boolean NOT NULL, d timestamptz NOT NULL, e boolean NOT NULL,
                            f int NOT NULL)
        """,
        objects=("t",),
        says=("on average at least ", "so: b, d, f, c, e, a."),
    ),
    Example(
        "a column that may be NULL but never is, as ANALYZE found",
        sql="""
            CREATE TABLE t (a boolean, b bigint, c boolean, d bigint);
            INSERT INTO t SELECT true, n, true, n FROM generate_series(1, 20) n;
            ANALYZE t;
        """,
        objects=("t",),
        says=(" bytes in about 20 rows",),
    ),
    Example(
        "gaps before a text that is always there",
        sql="""
            CREATE TABLE t (a boolean NOT NULL, b int NOT NULL, c boolean NOT NULL, d int NOT NULL, e smallint NOT NULL,
                            f int NOT NULL, g text NOT NULL)
        """,
        says=("on average at least 8 bytes",),
        objects=("t",),
    ),
)
GOOD = (
    Example(
        "a virtual column (PostgreSQL 18) is in no row",
        sql="""
            CREATE TABLE t (a boolean NOT NULL);
            DO $$ BEGIN
                IF current_setting('server_version_num')::int >= 180000 THEN
                    EXECUTE $q$
                    ALTER TABLE t ADD b bigint NOT NULL GENERATED ALWAYS AS (1) VIRTUAL, ADD c boolean NOT NULL,
                                  ADD d bigint NOT NULL GENERATED ALWAYS AS (1) VIRTUAL;
                    $q$;
                END IF;
            END $$;
        """,
    ),
    Example(
        "the same columns in order",
        sql="CREATE TABLE t (b bigint NOT NULL, d bigint NOT NULL, a boolean NOT NULL, c boolean NOT NULL)",
    ),
    Example(
        "a gap of 7 bytes that the end of the row would have instead",
        sql="CREATE TABLE t (a boolean NOT NULL, b bigint NOT NULL)",
    ),
    Example(
        "gaps of 7 bytes in all, before a text",
        sql="CREATE TABLE t (a boolean NOT NULL, b bigint NOT NULL, c text)",
    ),
    Example(
        "what may be NULL takes no room where it is",
        sql="CREATE TABLE t (a boolean, b bigint, c boolean, d bigint)",
    ),
    Example(
        "some rows have NULL, as ANALYZE found",
        sql="""
            CREATE TABLE t (a boolean, b bigint, c boolean, d bigint);
            INSERT INTO t SELECT nullif(n % 2 = 0, true), n, nullif(n % 2 = 0, true), n FROM generate_series(1, 20) n;
            ANALYZE t;
        """,
    ),
    Example(
        "behind a text nobody knows the place",
        sql="""
            CREATE TABLE t (a text NOT NULL, b int NOT NULL, c text NOT NULL, d bigint NOT NULL, e text NOT NULL,
                            f bigint NOT NULL)
        """,
    ),
    Example(
        "a uuid may begin anywhere",
        sql="CREATE TABLE t (a boolean NOT NULL, b uuid NOT NULL, c boolean NOT NULL, d uuid NOT NULL)",
    ),
    Example(
        "behind integers of unknown place a bigint's gap is not known either",
        sql="""
            CREATE TABLE t (a text, b int NOT NULL, c smallint NOT NULL, d bigint NOT NULL, e text, f int NOT NULL,
                            g smallint NOT NULL, h bigint NOT NULL)
        """,
    ),
)
