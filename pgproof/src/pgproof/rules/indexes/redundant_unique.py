"""A unique rule that another one implies.

What it finds:
    A unique constraint or index over columns some of which are unique already, or over some rows where a rule over
    the same columns holds for all rows. No row can fail it that the stricter rule has not refused.
    Not reported: a rule that foreign keys refer through (a composite key for a tenant's check needs one), a primary
    key, a replica identity, and the same columns in another order, which serve reads from the other side.

Why it matters:
    Each insert checks and writes a second index for a rule that cannot fail. A reader of the schema takes the weaker
    rule for the real one.

Evidence:
    pg_index: the two definitions.

Remedy:
    Drop the rule that is implied: `op.drop_constraint(...)` or `op.drop_index(..., postgresql_concurrently=True)`.
    If reads begin with a column that the stricter rule does not lead with, put a plain `Index` in its place. First
    look for `ON CONFLICT (columns)` in the application's statements: it needs a rule over exactly these columns.

When to ignore:
    ON CONFLICT names these columns, or a foreign key over them is about to come.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.amounts import amount
from pgproof.facts.catalog import Index
from pgproof.facts.model import Facts
from pgproof.rules import given
from pgproof.rules.finding import Finding, NotChecked, Remedy, index_ref
from pgproof.rules.indexes._covering import Redundancy, redundancies
from pgproof.rules.indexes._shared import definitions, size
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="IDX04", slug="redundant-unique", severity="low")


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each unique rule that a stricter one of its table implies."""
    for redundancy in redundancies(facts.catalog):
        if redundancy.kind != "implied":
            continue
        yield _finding(redundancy)


def _finding(redundancy: Redundancy) -> Finding:
    table, index, by = redundancy.table, redundancy.index, redundancy.by
    takes = f", in {size(index.bytes)}" if index.bytes is not None else ""
    return METADATA.finding(
        objects=(index_ref(table, index),),
        related=(index_ref(table, by),),
        message=f"{by.name} of {table.qualified_name} already keeps unique what {index.name} keeps unique",
        consequence=f"No row can fail {index.name} alone, yet each insert checks and writes it{takes}.",
        evidence=(definitions(table, index, by),),
        # No operations: only the application's statements say whether an ON CONFLICT needs the rule.
        remedy=Remedy(
            f"Drop {index.name}{_for_reads(index, by)}, once no INSERT names exactly its columns in ON CONFLICT."
        ),
    )


def _for_reads(index: Index, by: Index) -> str:
    """Return what reads need in its place: nothing where they can begin with the stricter rule's columns."""
    if set(index.keys[: len(by.keys)]) == set(by.keys) and not index.include:
        return ""
    scans = "" if index.scans is None else f" (it was scanned {amount(index.scans, 'time')})"
    return f", with a plain index in its place if reads use it{scans}"


BAD = (
    Example(
        "a unique pair of which one column is unique",
        sql="CREATE TABLE t (a int UNIQUE, b int, CONSTRAINT pair UNIQUE (a, b))",
        objects=("pair",),
        severity="low",
        says=("checks and writes it, in 8 kB", "once no INSERT"),
    ),
    Example(
        "the primary key with another column",
        sql="CREATE TABLE t (id int PRIMARY KEY, tenant int); CREATE UNIQUE INDEX pair ON t (tenant, id)",
        objects=("pair",),
        says=("with a plain index in its place if reads use it (it was scanned 0 times), once",),
    ),
    Example(
        "some rows of what is unique in all",
        sql="CREATE TABLE t (a int UNIQUE, live bool); CREATE UNIQUE INDEX some_rows ON t (a) WHERE live",
        objects=("some_rows",),
    ),
    Example(
        "both over the same rows",
        sql="""
            CREATE TABLE t (a int, b int, live bool);
            CREATE UNIQUE INDEX one ON t (a) WHERE live; CREATE UNIQUE INDEX two ON t (a, b) WHERE live;
        """,
        objects=("two",),
    ),
    Example(
        "an expression that is unique alone",
        sql="""
            CREATE TABLE t (a text, b int);
            CREATE UNIQUE INDEX one ON t (lower(a)); CREATE UNIQUE INDEX two ON t (lower(a), b);
        """,
        objects=("two",),
    ),
    Example(
        "of three in a row, the first implies both",
        sql="""
            CREATE TABLE t (a int, b int, c int);
            CREATE UNIQUE INDEX i1 ON t (a); CREATE UNIQUE INDEX i2 ON t (a, b); CREATE UNIQUE INDEX i3 ON t (a, b, c);
        """,
        findings=2,
        objects=("i2", "i3"),
    ),
    Example(
        "a plain index of the same columns stays to serve reads",
        sql="""
            CREATE TABLE t (a int PRIMARY KEY, b int);
            CREATE INDEX plain ON t (b, a); CREATE UNIQUE INDEX pair ON t (b, a);
        """,
        objects=("pair",),
    ),
    Example(
        "a deferrable rule is implied by one that is checked at once, and one over NULLs by one that counts them too",
        sql="""
            CREATE TABLE t (a int, b int, UNIQUE (a, b) DEFERRABLE);
            CREATE UNIQUE INDEX one ON t (a) NULLS NOT DISTINCT;
        """,
    ),
    Example(
        "a rule that counts NULLs is implied by one over columns that have none",
        sql="""
            CREATE TABLE t (a int NOT NULL UNIQUE, b int);
            CREATE UNIQUE INDEX pair ON t (a, b) NULLS NOT DISTINCT;
        """,
        objects=("pair",),
    ),
    Example(
        "sorted the other way it is the same rule",
        sql="""
            CREATE TABLE t (a int, b int); CREATE UNIQUE INDEX ON t (a); CREATE UNIQUE INDEX pair ON t (b, a DESC);
        """,
        objects=("pair",),
    ),
    Example(
        "reads that begin with the same column need nothing in its place",
        sql="CREATE TABLE t (a int UNIQUE, b int); CREATE UNIQUE INDEX pair ON t (a, b)",
        given=(given.index("pair", bytes=None),),
        renamed=False,
        objects=("pair",),
        says=("Drop pair, once", "checks and writes it."),
    ),
    Example(
        "what it carries along may be read, and nobody knows how often it was",
        sql="CREATE TABLE t (a int UNIQUE, b int, c int); CREATE UNIQUE INDEX pair ON t (a, b) INCLUDE (c)",
        given=(given.index("pair", scans=None),),
        renamed=False,
        objects=("pair",),
        says=("if reads use it, once",),
    ),
)
GOOD = (
    Example("rules over different columns", sql="CREATE TABLE t (a int UNIQUE, b int UNIQUE)"),
    Example(
        "pairs that share a column",
        sql="CREATE TABLE t (a int, b int, c int, UNIQUE (a, b), UNIQUE (b, c))",
    ),
    Example(
        "both directions of an association",
        sql="CREATE TABLE t (a int, b int, PRIMARY KEY (a, b)); CREATE UNIQUE INDEX ON t (b, a)",
    ),
    Example(
        "a composite key that foreign keys refer through",
        sql="""
            CREATE TABLE p (id int PRIMARY KEY, tenant int, UNIQUE (tenant, id));
            CREATE TABLE c (parent int, tenant int, FOREIGN KEY (tenant, parent) REFERENCES p (tenant, id));
            CREATE INDEX ON c (tenant, parent);
        """,
    ),
    Example(
        "the wider one is the primary key",
        sql="CREATE TABLE t (a int UNIQUE, b int, PRIMARY KEY (a, b))",
    ),
    Example(
        "the wider one is the replica identity",
        sql="""
            CREATE TABLE t (a int NOT NULL UNIQUE, b int NOT NULL); CREATE UNIQUE INDEX pair ON t (a, b);
            ALTER TABLE t REPLICA IDENTITY USING INDEX pair;
        """,
    ),
    Example(
        "the narrower one is not unique",
        sql="CREATE TABLE t (a int, b int, UNIQUE (a, b)); CREATE INDEX ON t (b)",
    ),
    Example(
        "the wider one is not unique",
        sql="CREATE TABLE t (a int, b int UNIQUE); CREATE INDEX ON t (a, b)",
    ),
    Example(
        "the narrower one holds for some rows alone",
        sql="CREATE TABLE t (a int, b int, UNIQUE (a, b)); CREATE UNIQUE INDEX ON t (a) WHERE b > 0",
    ),
    Example(
        "they hold for different rows",
        sql="""
            CREATE TABLE t (a int, b int);
            CREATE UNIQUE INDEX ON t (a, b) WHERE b > 1; CREATE UNIQUE INDEX ON t (a) WHERE b > 2;
        """,
    ),
    Example(
        "the narrower one is checked at commit",
        sql="CREATE TABLE t (a int, b int, UNIQUE (a) DEFERRABLE, UNIQUE (a, b))",
    ),
    Example(
        "the narrower one lets NULLs repeat, the wider one does not",
        sql="CREATE TABLE t (a int UNIQUE, b int); CREATE UNIQUE INDEX ON t (a, b) NULLS NOT DISTINCT",
    ),
    Example(
        "the narrower one is not valid",
        sql="""
            CREATE TABLE t (a int, b int, UNIQUE (a, b)); CREATE UNIQUE INDEX one ON t (a);
            UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'one'::regclass;
        """,
    ),
    Example(
        "they compare by different collations",
        sql="""CREATE TABLE t (a text, b int, UNIQUE (a, b)); CREATE UNIQUE INDEX ON t (a COLLATE "C")""",
    ),
    Example(
        "a plain expression and its column are different rules",
        sql="CREATE TABLE t (a text, b int, UNIQUE (a, b)); CREATE UNIQUE INDEX ON t (lower(a))",
    ),
    Example("an equal rule is another's matter", sql="CREATE TABLE t (a int UNIQUE); CREATE UNIQUE INDEX ON t (a)"),
    Example(
        "so is an index that begins another",
        sql="CREATE TABLE t (a int, b int); CREATE INDEX ON t (a); CREATE INDEX ON t (a, b)",
    ),
)
