"""A B-tree index on an array or a JSON document.

What it finds:
    A B-tree index with an array or jsonb column among its keys, that enforces no rule and was not scanned so far.

Why it matters:
    It compares whole values: it finds neither the arrays that contain an element nor the documents that contain a
    key. A value of more than 2704 bytes, after compression, is refused with an error on INSERT.

Evidence:
    pg_index and the type of the column; pg_stat_user_indexes.

Remedy:
    A GIN index answers `@>`, `&&` and `?`: `Index(..., postgresql_using="gin")`, for jsonb that is searched by `@>`
    alone with `postgresql_ops={"column": "jsonb_path_ops"}`. For one key of a document, a B-tree index on the
    expression `(column ->> 'key')`.

When to ignore:
    Whole values are compared or sorted by, as the path of a node in a tree is.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.catalog import Column, Index, Table
from pgproof.facts.model import Facts
from pgproof.rules import given
from pgproof.rules.finding import Finding, NotChecked, Remedy, index_ref
from pgproof.rules.indexes._shared import definitions
from pgproof.rules.indexes._unused import remaining_indexes
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="IDX15", slug="btree-on-array-or-json", severity="low")


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each B-tree index that cannot look into the values it holds."""
    for table, index in remaining_indexes(facts):
        if index.method != "btree" or index.unique or index.scans:
            continue
        columns = [table.column(name) for name in index.columns if name is not None]
        inside = [column for column in columns if _has_parts(column)]
        if inside:
            yield _finding(table, index, inside[0])


def _has_parts(column: Column) -> bool:
    return column.type_category == "A" or column.base_type == "jsonb"


def _finding(table: Table, index: Index, column: Column) -> Finding:
    part = "a key" if column.base_type == "jsonb" else "an element"
    return METADATA.finding(
        objects=(index_ref(table, index),),
        message=f"index {index.name} of {table.qualified_name} is a B-tree on {column.name}, of type {column.type}",
        consequence=f"It cannot find rows by {part} of {column.name}, and refuses values of more than 2704 bytes.",
        evidence=(definitions(table, index),),
        remedy=Remedy(
            f"If rows are looked up by {part}, build a GIN index on {column.name}; unless whole values are compared or "
            f"sorted by, drop {index.name}."
        ),
    )


BAD = (
    Example(
        "an array",
        sql="CREATE TABLE t (tags text[]); CREATE INDEX i ON t (tags)",
        objects=("i",),
        says=("by an element of tags",),
    ),
    Example(
        "a document",
        sql="CREATE TABLE t (body jsonb); CREATE INDEX i ON t (body)",
        objects=("i",),
        says=("by a key of body",),
    ),
    Example(
        "a domain of one",
        sql="CREATE DOMAIN d AS jsonb; CREATE TABLE t (body d); CREATE INDEX i ON t (body)",
        objects=("i",),
    ),
    Example(
        "behind another column",
        sql="CREATE TABLE t (a int, tags int[]); CREATE INDEX i ON t (a, tags)",
        objects=("i",),
    ),
    Example(
        "scans that nobody counted",
        sql="CREATE TABLE t (tags int[]); CREATE INDEX i ON t (tags)",
        given=(given.index("i", scans=None),),
        renamed=False,
        objects=("i",),
    ),
)
GOOD = (
    Example("a GIN index", sql="CREATE TABLE t (tags text[], body jsonb); CREATE INDEX ON t USING gin (tags, body)"),
    Example("a key of a document", sql="CREATE TABLE t (body jsonb); CREATE INDEX ON t ((body ->> 'a'))"),
    Example("columns carried along", sql="CREATE TABLE t (a int, body jsonb); CREATE INDEX ON t (a) INCLUDE (body)"),
    Example("a rule over whole values", sql="CREATE TABLE t (path int[] UNIQUE)"),
    Example("plain types", sql="CREATE TABLE t (a text, b int4range); CREATE INDEX ON t (a, b)"),
    Example(
        "whole values are looked up",
        sql="CREATE TABLE t (path int[]); CREATE INDEX i ON t (path)",
        given=(given.index("i", scans=1),),
        renamed=False,
    ),
    Example(
        "an index that repeats another is that rule's matter",
        sql="CREATE TABLE t (path int[] UNIQUE); CREATE INDEX ON t (path)",
    ),
)
