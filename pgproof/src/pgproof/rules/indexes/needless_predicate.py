"""A partial index whose predicate holds for every row.

What it finds:
    An index `WHERE column IS NOT NULL`, of one column or several, where the columns cannot be NULL. It has all rows,
    like an index without the predicate.

Why it matters:
    The planner uses a partial index only where the query implies its predicate: a query that does not compare the
    column, such as one that sorts by the index, goes without. A unique index with a predicate can be referred to by
    no foreign key, and by ON CONFLICT only with the predicate repeated.

Evidence:
    pg_index.indpred and pg_attribute.attnotnull.

Remedy:
    The same index without the predicate (`Index` without `postgresql_where`), built and exchanged concurrently.

When to ignore:
    The column is about to become nullable again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pgproof.facts.catalog import Index, Table
from pgproof.facts.model import Facts
from pgproof.rules.finding import Finding, NotChecked, Remedy, index_ref, table_ref
from pgproof.rules.indexes._covering import covers
from pgproof.rules.indexes._shared import Names, definitions, index_refs, never_null, replacing
from pgproof.rules.indexes._unused import remaining_indexes
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.sql_text import columns_required

METADATA = Metadata(code="IDX16", slug="needless-predicate", severity="low")


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each partial index that has all rows."""
    names = Names(facts.catalog)
    for table, index in remaining_indexes(facts):
        required = columns_required(table, index.predicate)
        if index.partial and index.predicate is None:
            yield NotChecked(
                "its predicate, which cannot be read while the table is locked", (index_ref(table, index),)
            )
        elif required is not None and all(never_null(table, name) for name in required):
            yield _finding(facts, names, table, index, sorted(required))


def _finding(facts: Facts, names: Names, table: Table, index: Index, columns: list[str]) -> Finding:
    listed = ", ".join(columns)
    full = replace(index, partial=False, predicate=None)
    other = next((each for each in table.indexes if each.usable and covers(table, each, full)), None)
    if index.exclusion:
        remedy = Remedy("Declare the exclusion constraint without the predicate.")
    else:
        remedy = replacing(facts.catalog, names, table, index, full, other, "without the predicate")
    return METADATA.finding(
        objects=(index_ref(table, index),),
        related=(table_ref(table, *columns), *index_refs(table, other)),
        message=f"index {index.name} of {table.qualified_name} leaves out NULLs of {listed}: there are none",
        consequence="It has every row, yet serves only queries that compare the column.",
        evidence=(definitions(table, index),),
        remedy=remedy,
    )


BAD = (
    Example(
        "a column that cannot be NULL",
        sql="CREATE TABLE t (a int NOT NULL); CREATE INDEX i ON t (a) WHERE a IS NOT NULL",
        objects=("i",),
        says=("anew without the predicate",),
    ),
    Example(
        "columns that cannot be NULL, the primary key's among them",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, a text NOT NULL);
            CREATE INDEX i ON t (lower(a) DESC) INCLUDE (id) WHERE id IS NOT NULL AND a IS NOT NULL;
        """,
        objects=("i",),
    ),
    Example(
        "a unique index",
        sql="CREATE TABLE t (a int NOT NULL); CREATE UNIQUE INDEX i ON t (a) WHERE a IS NOT NULL",
        objects=("i",),
    ),
    Example(
        "another index has the same rows",
        sql="""
            CREATE TABLE t (a int NOT NULL, b int);
            CREATE INDEX i ON t (a) WHERE a IS NOT NULL; CREATE INDEX j ON t (a, b);
        """,
        objects=("i",),
        says=("serves as well",),
    ),
    Example(
        "an invalid index that would have the same rows is no help",
        sql="""
            CREATE TABLE t (a int NOT NULL, b int);
            CREATE INDEX i ON t (a) WHERE a IS NOT NULL; CREATE INDEX j ON t (a);
            UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'j'::regclass;
        """,
        objects=("i",),
        says=("anew without the predicate",),
    ),
    Example(
        "an exclusion constraint",
        sql="""
            CREATE TABLE t (r int4range NOT NULL, CONSTRAINT i EXCLUDE USING gist (r WITH &&) WHERE (r IS NOT NULL));
        """,
        objects=("i",),
        says=("Declare the exclusion constraint",),
    ),
    Example(
        "storage options and operator classes are left to a person",
        sql="""
            CREATE TABLE t (a text NOT NULL, b text NOT NULL);
            CREATE INDEX i ON t (a) WITH (fillfactor = 70) WHERE a IS NOT NULL;
            CREATE INDEX j ON t (b text_pattern_ops) WHERE b IS NOT NULL;
        """,
        findings=2,
        objects=("i", "j"),
    ),
)
GOOD = (
    Example("a column that may be NULL", sql="CREATE TABLE t (a int); CREATE INDEX ON t (a) WHERE a IS NOT NULL"),
    Example(
        "one of two columns may be NULL",
        sql="CREATE TABLE t (a int NOT NULL, b int); CREATE INDEX ON t (a) WHERE a IS NOT NULL AND b IS NOT NULL",
    ),
    Example(
        "the predicate says more",
        sql="CREATE TABLE t (a int NOT NULL); CREATE INDEX ON t (a) WHERE a IS NOT NULL AND a > 0",
    ),
    Example(
        "either of two columns",
        sql="CREATE TABLE t (a int NOT NULL, b int); CREATE INDEX ON t (a) WHERE a IS NOT NULL OR b IS NOT NULL",
    ),
    Example("the NULLs alone", sql="CREATE TABLE t (a int NOT NULL); CREATE INDEX ON t (a) WHERE a IS NULL"),
    Example(
        "what an expression makes of it may be NULL",
        sql="CREATE TABLE t (a int NOT NULL); CREATE INDEX ON t (a) WHERE nullif(a, 0) IS NOT NULL",
    ),
    Example("no predicate", sql="CREATE TABLE t (a int NOT NULL); CREATE INDEX ON t (a)"),
    Example(
        "a domain's NOT NULL lets some through",
        sql="CREATE DOMAIN d AS int NOT NULL; CREATE TABLE t (a d); CREATE INDEX ON t (a) WHERE a IS NOT NULL",
    ),
    Example(
        "a NOT NULL that no row was checked for",
        sql="""
            CREATE TABLE t (a int); INSERT INTO t VALUES (NULL);
            DO $$ BEGIN
                IF current_setting('server_version_num')::int >= 180000 THEN
                    EXECUTE 'ALTER TABLE t ADD CONSTRAINT c NOT NULL a NOT VALID';
                END IF;
            END $$;
            CREATE INDEX ON t (a) WHERE a IS NOT NULL;
        """,
    ),
)
