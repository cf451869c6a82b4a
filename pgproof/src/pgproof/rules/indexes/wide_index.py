"""An index of many columns.

What it finds:
    An index with more than four key columns that enforces no rule.

Why it matters:
    Each further key column helps only queries that compare all those before it, while every entry grows by it and an
    update of any of them writes a new entry in each index of the table.

Evidence:
    pg_index.

Remedy:
    Keep the columns that queries compare by `=` and the one they sort by; move those that are only read to INCLUDE:
    `Index(..., postgresql_include=[...])`.

When to ignore:
    A measured query needs all of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.catalog import Index, Table
from pgproof.facts.model import Facts
from pgproof.rules import given
from pgproof.rules.finding import Finding, NotChecked, Remedy, index_ref
from pgproof.rules.indexes._shared import definitions, takes
from pgproof.rules.indexes._unused import remaining_indexes
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="IDX17", slug="wide-index", severity="low", opinion=True)

MANY_KEYS = 4
"""More than these are seldom compared by one query; a matter of taste."""


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each index with more key columns than a query is likely to compare."""
    for table, index in remaining_indexes(facts):
        if len(index.keys) <= MANY_KEYS or index.unique or index.exclusion:
            continue
        yield _finding(table, index)


def _finding(table: Table, index: Index) -> Finding:
    return METADATA.finding(
        objects=(index_ref(table, index),),
        message=f"index {index.name} of {table.qualified_name} has {len(index.keys)} key columns",
        consequence=f"Each of its entries carries them all, for the queries that compare every one.{takes(index)}",
        evidence=(definitions(table, index),),
        remedy=Remedy(
            "Keep the columns that queries compare and the one they sort by; put what is only read into INCLUDE."
        ),
    )


_T = "CREATE TABLE t (a int, b int, c int, d int, e int);"

BAD = (
    Example(
        "five columns",
        sql=f"{_T} CREATE INDEX i ON t (a, b, c, d, e)",
        objects=("i",),
        says=("every one. It takes",),
    ),
    Example(
        "a size that could not be read",
        sql=f"{_T} CREATE INDEX i ON t (a, b, c, d, e)",
        given=(given.index("i", bytes=None),),
        renamed=False,
        objects=("i",),
        says=("every one. Keep",),
    ),
    Example("an expression is a key as well", sql=f"{_T} CREATE INDEX i ON t (a, b, c, d, (e + 1))", objects=("i",)),
)
GOOD = (
    Example("four columns", sql=f"{_T} CREATE INDEX ON t (a, b, c, d)"),
    Example("columns that are carried along", sql=f"{_T} CREATE INDEX ON t (a, b) INCLUDE (c, d, e)"),
    Example("a unique rule needs its columns", sql=f"{_T} CREATE UNIQUE INDEX ON t (a, b, c, d, e)"),
    Example(
        "so does a primary key", sql="CREATE TABLE t (a int, b int, c int, d int, e int, PRIMARY KEY (a, b, c, d, e))"
    ),
    Example(
        "and an exclusion constraint",
        sql="""
            CREATE TABLE t (a int4range, b int4range, c int4range, d int4range, e int4range,
                EXCLUDE USING gist (a WITH &&, b WITH &&, c WITH &&, d WITH &&, e WITH &&));
        """,
    ),
)
