"""A key column that has the same value in every entry of a partial index.

What it finds:
    A partial index of several key columns, one of which its predicate compares with a constant by `=`, or requires to
    be true, false or NULL.

Why it matters:
    The column neither narrows a lookup nor sorts anything; every entry carries it.

Evidence:
    pg_index: keys and predicate.

Remedy:
    The same index without the column: queries still have to give the predicate's condition, and no more. Build and
    exchange it concurrently. In a unique index the rule stays the same, but ON CONFLICT has to name the columns left.

When to ignore:
    The column is read by an index-only scan; then INCLUDE carries it at the same size.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.catalog import Index, Table
from pgproof.facts.model import Facts
from pgproof.rules.finding import Finding, NotChecked, Remedy, index_ref
from pgproof.rules.indexes._covering import covers
from pgproof.rules.indexes._shared import Names, definitions, index_refs, replacing, without_key
from pgproof.rules.indexes._unused import remaining_indexes
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.sql_text import columns_fixed

METADATA = Metadata(code="IDX18", slug="constant-key-column", severity="low")


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each partial index with a key column that its predicate fixes."""
    names = Names(facts.catalog)
    for table, index in remaining_indexes(facts):
        fixed = columns_fixed(table, index.predicate) & set(index.columns)
        if index.exclusion or not fixed:
            continue
        shorter = without_key(index, fixed)
        # An index of nothing but such columns marks rows, and could not be smaller.
        if shorter.keys:
            yield _finding(facts, names, table, index, shorter, sorted(fixed))


def _finding(facts: Facts, names: Names, table: Table, index: Index, shorter: Index, fixed: list[str]) -> Finding:
    listed = ", ".join(fixed)
    other = next((each for each in table.indexes if each.usable and covers(table, each, shorter)), None)
    if index.unique:
        remedy = Remedy(f"Build {index.name} anew without {listed}, and change any ON CONFLICT that names its columns.")
    else:
        remedy = replacing(facts.catalog, names, table, index, shorter, other, f"without {listed}")
    return METADATA.finding(
        objects=(index_ref(table, index),),
        related=index_refs(table, other),
        message=f"index {index.name} of {table.qualified_name} has {listed} for a key, which its predicate fixes",
        consequence=f"Every entry has the same {listed}, which narrows no lookup and sorts nothing.",
        evidence=(definitions(table, index),),
        remedy=remedy,
    )


def _partial(predicate: str) -> str:
    return (
        "CREATE TYPE state AS ENUM ('open', 'done');"
        'CREATE TABLE t (a int, s varchar(20), e state, b bool, w text, d timestamptz, "n m" int);'
        f'CREATE INDEX i ON t (s, e, b, w, d, "n m", a) WHERE {predicate}'
    )


BAD = (
    Example(
        "a text that is given",
        sql=_partial("w = 'it''s'"),
        objects=("i",),
        says=("anew without w",),
    ),
    Example("a varchar that is given", sql=_partial("s = 'x'"), objects=("i",)),
    Example("a label that is given", sql=_partial("e = 'open'"), objects=("i",)),
    Example("a number that is given", sql=_partial('"n m" = -1'), objects=("i",)),
    Example("a number without a cast", sql=_partial('"n m" = 7'), objects=("i",)),
    Example("a time that is given", sql=_partial("d = '2020-01-01 00:00+00'"), objects=("i",)),
    Example("what must be true", sql=_partial("b"), objects=("i",)),
    Example("what must be false", sql=_partial("NOT b"), objects=("i",)),
    Example("what is true", sql=_partial("b IS TRUE"), objects=("i",)),
    Example("what is false", sql=_partial("b IS FALSE"), objects=("i",)),
    Example("what equals true", sql=_partial("b = true"), objects=("i",)),
    Example("what is NULL", sql=_partial("d IS NULL"), objects=("i",)),
    Example("one of several conditions", sql=_partial("a > 5 AND (w = 'x' AND d IS NOT NULL)"), objects=("i",)),
    Example(
        "an index without it is there already",
        sql="""
            CREATE TABLE t (a int, b bool, c int);
            CREATE INDEX i ON t (b, a) WHERE b; CREATE INDEX j ON t (a, c) WHERE b;
        """,
        objects=("i",),
        says=("serves as well",),
    ),
    Example(
        "an invalid index without it is no help",
        sql="""
            CREATE TABLE t (a int, b bool); CREATE INDEX i ON t (b, a) WHERE b; CREATE INDEX j ON t (a) WHERE b;
            UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'j'::regclass;
        """,
        objects=("i",),
        says=("anew without b",),
    ),
    Example(
        "in a unique index the rule stays the same",
        sql="CREATE TABLE t (a int, b bool); CREATE UNIQUE INDEX i ON t (a, b) WHERE b",
        objects=("i",),
        says=("change any ON CONFLICT",),
    ),
)
GOOD = (
    Example("no predicate", sql="CREATE TABLE t (a int, b bool); CREATE INDEX ON t (b, a)"),
    Example(
        "the column is not a key",
        sql="CREATE TABLE t (a int, b bool); CREATE INDEX ON t (a) INCLUDE (b) WHERE b",
    ),
    Example("it is the only key", sql="CREATE TABLE t (a int, b bool); CREATE INDEX ON t (b) WHERE b"),
    Example("a range", sql=_partial("a > 5")),
    Example("one of several values", sql=_partial("w IN ('x', 'y')")),
    Example("another value than this", sql=_partial("w <> 'x'")),
    Example("either of two conditions", sql=_partial("w = 'x' OR d IS NULL")),
    Example("what is not NULL", sql=_partial("d IS NOT NULL")),
    Example("what is not true may be false or NULL", sql=_partial("b IS NOT TRUE")),
    Example("not one value", sql=_partial("NOT (w = 'x')")),
    Example("not both", sql=_partial("NOT (b AND a > 5)")),
    Example("two columns that are equal", sql=_partial('a = "n m"')),
    Example("a column that equals an expression", sql=_partial('a = 5 + "n m"')),
    Example("an expression of the column", sql=_partial("lower(w) = 'x'")),
    Example("a cast of the column that loses part of it", sql=_partial("(d AT TIME ZONE 'UTC')::date = '2020-01-01'")),
    Example("a number as text", sql=_partial("a::text = '5'")),
    Example("a text that reads like a condition", sql=_partial("w <> 'x'' AND b = true AND ''y'")),
    Example("a case within", sql=_partial("CASE WHEN b AND a = 5 THEN w = 'x' ELSE d IS NULL END")),
    Example(
        "an exclusion constraint",
        sql="""
            CREATE TABLE t (a int, b bool, EXCLUDE USING btree (a WITH =, b WITH =) WHERE (b));
        """,
    ),
)
