"""An index of which nearly all entries are NULL.

What it finds:
    A B-tree index over one column, of all rows, where at least nine rows in ten have NULL. Not reported: a unique
    index, one that serves a foreign key, one of another rule's findings, and tables of fewer than a thousand rows,
    whose shares change with every few of them.

Why it matters:
    Each insert writes an entry that no lookup by value ever asks for; the index is larger than it need be.

Evidence:
    pg_stats.null_frac, from the sample of ANALYZE.

Remedy:
    The same index `WHERE column IS NOT NULL`, which every comparison with a value implies:
    `Index(..., postgresql_where=column.isnot(None))`, built and exchanged concurrently.

When to ignore:
    Queries sort all rows by the column, or ask for the NULLs in the order of the index.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from pgproof.facts.catalog import Index, Table
from pgproof.facts.model import Facts
from pgproof.remedy.names import literal, quoted
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, NotChecked, index_ref
from pgproof.rules.index_keys import leading_columns
from pgproof.rules.indexes._shared import Names, mostly_null, replacing, size
from pgproof.rules.indexes._unused import remaining_indexes
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.severity import FEW_ROWS
from pgproof.rules.statements import rows_of

METADATA = Metadata(code="IDX08", slug="mostly-null-index", severity="low", needs=("catalog", "statistics"))


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each index that holds little but NULLs."""
    names = Names(facts.catalog)
    for table, index in remaining_indexes(facts):
        name = index.columns[0]
        if index.method != "btree" or index.partial or index.unique or len(index.keys) > 1 or name is None:
            continue
        if rows_of(facts.catalog, table) < FEW_ROWS:
            continue
        if any(leading_columns(table, index, key.columns) for key in table.foreign_keys):
            continue
        statistics = table.column(name).statistics
        if statistics is None:
            yield NotChecked("column statistics (ANALYZE, and the right to see them)", (index_ref(table, index),))
        elif mostly_null(statistics):
            yield _finding(facts, names, table, index, name, statistics.null_fraction)


def _finding(facts: Facts, names: Names, table: Table, index: Index, column: str, share: float) -> Finding:
    partial = replace(index, partial=True, predicate=f"{quoted(column)} IS NOT NULL")
    other = next((each for each in table.indexes if _is_partial_twin(table, each, index, column)), None)
    takes = f" of an index of {size(index.bytes)}" if index.bytes is not None else ""
    return METADATA.finding(
        objects=(index_ref(table, index),),
        message=f"{share:.0%} of the entries of index {index.name} of {table.qualified_name} are NULL",
        consequence=f"About {share * rows_of(facts.catalog, table):.0f} entries{takes} answer no lookup by value.",
        confidence="sample",
        evidence=(
            Evidence(
                "statistics",
                f"SELECT null_frac FROM pg_stats WHERE schemaname = {literal(table.schema).strip()}"
                f" AND tablename = {literal(table.name).strip()} AND attname = {literal(column).strip()}",
                f"{share:.4f}",
            ),
        ),
        remedy=replacing(
            facts.catalog,
            names,
            table,
            index,
            partial,
            other,
            f"WHERE {column} IS NOT NULL, unless queries sort all rows by it",
        ),
    )


def _is_partial_twin(table: Table, other: Index, index: Index, column: str) -> bool:
    """Tell whether an index is the one without NULLs that should take the place of another."""
    return (
        other.partial
        and leading_columns(table, other, (column,)) == (column,)
        and not set(index.include) - {*other.columns, *other.include}
    )


def _rows(nulls: int, of: int = 1000) -> str:
    return f"INSERT INTO t SELECT CASE WHEN n > {nulls} THEN n END, n FROM generate_series(1, {of}) n; ANALYZE t;"


BAD = (
    Example(
        "nine rows in ten have NULL",
        sql=f"CREATE TABLE t (a int, b int); CREATE INDEX i ON t (a); {_rows(900)}",
        objects=("i",),
        says=("About 900 entries of an index of", "Build", "anew WHERE a IS NOT NULL"),
    ),
    Example(
        "sorted the other way, with a column carried along",
        sql=f"CREATE TABLE t (a int, b int); CREATE INDEX i ON t (a DESC NULLS LAST) INCLUDE (b); {_rows(950)}",
        objects=("i",),
    ),
    Example(
        "an index without the NULLs is there already",
        sql=f"""
            CREATE TABLE t (a int, b int); CREATE INDEX i ON t (a);
            CREATE INDEX j ON t (a, b) WHERE a IS NOT NULL; {_rows(950)}
        """,
        objects=("i",),
        says=("serves as well",),
    ),
    Example(
        "an index of fewer rows does not stand in for it",
        sql=f"""
            CREATE TABLE t (a int, b int); CREATE INDEX i ON t (a); CREATE INDEX j ON t (a) WHERE a > 5; {_rows(950)}
        """,
        objects=("i",),
        says=("anew WHERE",),
    ),
    Example(
        "nor does one that carries less",
        sql=f"""
            CREATE TABLE t (a int, b int); CREATE INDEX i ON t (a) INCLUDE (b);
            CREATE INDEX j ON t (a DESC) WHERE a IS NOT NULL; {_rows(950)}
        """,
        objects=("i",),
        says=("anew WHERE",),
    ),
    Example(
        "a size that could not be read",
        sql=f"CREATE TABLE t (a int, b int); CREATE INDEX i ON t (a); {_rows(950)}",
        given=(given.index("i", bytes=None),),
        renamed=False,
        objects=("i",),
        says=("About 950 entries answer",),
    ),
)
GOOD = (
    Example("fewer NULLs", sql=f"CREATE TABLE t (a int, b int); CREATE INDEX ON t (a); {_rows(899)}"),
    Example(
        "an index that has none",
        sql=f"CREATE TABLE t (a int, b int); CREATE INDEX ON t (a) WHERE a IS NOT NULL; {_rows(950)}",
    ),
    Example("a unique index", sql=f"CREATE TABLE t (a int UNIQUE, b int); {_rows(950)}"),
    Example(
        "another column follows, which gives the NULLs an order",
        sql=f"CREATE TABLE t (a int, b int); CREATE INDEX ON t (a, b); {_rows(950)}",
    ),
    Example(
        "an expression",
        sql=f"CREATE TABLE t (a int, b int); CREATE INDEX ON t ((a + 1)); {_rows(950)}",
    ),
    Example(
        "an index of another method",
        sql=f"CREATE TABLE t (a int, b int); CREATE INDEX ON t USING brin (a); {_rows(950)}",
    ),
    Example(
        "an index that serves a foreign key",
        sql=f"""
            CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p SELECT generate_series(1, 1000);
            CREATE TABLE t (a int REFERENCES p, b int); CREATE INDEX ON t (a); {_rows(950)}
        """,
    ),
    Example(
        "a table of few rows",
        sql=f"CREATE TABLE t (a int, b int); CREATE INDEX ON t (a); {_rows(990, 999)}",
    ),
    Example(
        "a column that was never analysed",
        sql="CREATE TABLE t (a int, b int); CREATE INDEX ON t (a); INSERT INTO t SELECT NULL, generate_series(1, 2000)",
    ),
    Example(
        "an index that begins another is that rule's matter",
        sql=f"CREATE TABLE t (a int, b int); CREATE INDEX ON t (a); CREATE INDEX ON t (a, b); {_rows(950)}",
    ),
    Example(
        "an index that nothing has used is that rule's matter",
        sql=f"CREATE TABLE t (a int, b int); CREATE INDEX i ON t (a); {_rows(950)}",
        given=(
            given.database(statistics_since=datetime(2020, 1, 1, tzinfo=UTC)),
            given.index("i", bytes=2_000_000, scans=0),
        ),
        renamed=False,
    ),
)
