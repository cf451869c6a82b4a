"""JSON kept as the text it came in.

What it finds:
    The columns of a table whose type is json rather than jsonb.

Why it matters:
    json has no equality: SELECT DISTINCT, GROUP BY and UNION over it fail. It has no GIN index, so that a search in it
    reads the whole table, and every access parses the text again.

Evidence:
    pg_attribute.

Remedy:
    `Column(JSONB)` from sqlalchemy.dialects.postgresql; in the migration
    `op.alter_column(..., type_=JSONB, postgresql_using="payload::jsonb")`, which rewrites the table while everybody
    waits, so on a large one a second column that is filled in batches.

When to ignore:
    The text must be kept as it came, with its spaces, the order of its keys and repeated keys: a signed message.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.amounts import amount
from pgproof.facts.catalog import Table
from pgproof.facts.model import Facts
from pgproof.rules.finding import Evidence, Finding, Remedy, table_ref
from pgproof.rules.reading import own_columns, regclass
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.severity import by_size

METADATA = Metadata(code="TYP03", slug="json-instead-of-jsonb", severity="low")


def check(facts: Facts) -> Iterator[Finding]:
    """Yield each table with columns of type json."""
    for table in facts.catalog.base_tables:
        names = tuple(
            column.name
            for column in own_columns(facts.catalog, table)
            if "json" in (column.base_type, column.element_type) and column.generated is None
        )
        if names:
            yield _finding(table, names)


def _finding(table: Table, names: tuple[str, ...]) -> Finding:
    listed = ", ".join(names)
    rows = table.estimated_rows
    size = f" A search in it reads all of about {amount(rows, 'row')}." if rows else ""
    return METADATA.finding(
        objects=(table_ref(table, *names),),
        message=f"{table.qualified_name} keeps JSON as text: {listed}",
        consequence=f"DISTINCT, GROUP BY and UNION over {listed} fail, and no GIN index can serve a search in"
        f" it.{size}",
        severity=by_size(METADATA.severity, table),
        evidence=(
            Evidence(
                "catalog",
                f"SELECT attname FROM pg_attribute WHERE attrelid = {regclass(table)} AND attnum > 0 AND NOT"
                " attisdropped"
                " AND atttypid IN ('json'::regtype, 'json[]'::regtype)",
                listed,
            ),
        ),
        # No operations: the change drops the text as it came, which no way back restores.
        remedy=Remedy(f"Change {listed} to jsonb; on a large table by a second column that is filled in batches."),
    )


BAD = (
    Example(
        "two columns are one finding",
        sql="CREATE TABLE t (id int PRIMARY KEY, a json, b json NOT NULL DEFAULT '{}', c jsonb)",
        objects=("t", "a", "b"),
        says=("search in it. Change",),
    ),
    Example(
        "a domain, and an array",
        sql="CREATE DOMAIN document AS json; CREATE TABLE t (id int PRIMARY KEY, a document, b json[])",
        objects=("t", "a", "b"),
    ),
    Example(
        "a partitioned table once, and a table with rows",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, a json) PARTITION BY RANGE (id);
            CREATE TABLE t_1 PARTITION OF t DEFAULT;
            INSERT INTO t SELECT n, '{}' FROM generate_series(1, 10) n; ANALYZE t;
        """,
        objects=("t", "a"),
        says=("all of about 10 rows.",),
    ),
)
GOOD = (
    Example("jsonb", sql="CREATE TABLE t (id int PRIMARY KEY, a jsonb, b jsonb[])"),
    Example("text that is called json", sql="CREATE TABLE t (id int PRIMARY KEY, json text)"),
    Example(
        "a generated document follows from others",
        sql="CREATE TABLE t (id int PRIMARY KEY, a jsonb, b json GENERATED ALWAYS AS ((a ->> 'b')::json) STORED)",
    ),
    Example(
        "a view, and what a child inherits",
        sql="""
            CREATE VIEW v AS SELECT '{}'::json AS a; CREATE TABLE p (id int PRIMARY KEY, a jsonb);
            CREATE TABLE c () INHERITS (p);
        """,
    ),
)
