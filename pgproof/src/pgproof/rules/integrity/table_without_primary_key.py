"""A table without a primary key.

What it finds:
    A table whose rows nothing identifies: no primary key, and no unique index over columns that are all NOT NULL.
    A table with such an index is reported with lower severity, since its rows can be told apart. A table that joins
    others and whose pairs ought to be unique is INT01's, whose remedy gives it the key, wherever that rule runs.

Why it matters:
    Two equal rows cannot be told apart, so neither can be corrected or deleted alone. Logical replication refuses
    UPDATE and DELETE on it, and an ORM cannot map it.

Evidence:
    pg_constraint and pg_index; of a table that joins others also what INT01 counts.

Remedy:
    Make the identifying columns the key: `op.create_primary_key(...)`, or `Column(primary_key=True)` in the model.

When to ignore:
    An append-only log or a staging table that is loaded and emptied as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.catalog import Index, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import Duplicates, RowsWhere
from pgproof.remedy.names import literal, quoted
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, Remedy, table_ref
from pgproof.rules.integrity import association_without_unique
from pgproof.rules.integrity._association_examples import joining, pairs
from pgproof.rules.integrity._subjects import found_by
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="INT22", slug="table-without-primary-key", severity="medium")


def questions(facts: Facts) -> Iterator[Duplicates | RowsWhere]:
    """Ask what INT01 asks of tables without a key, so that one of the two speaks of each, and both know which."""
    keyless = {table.qualified_name for table in facts.catalog.base_tables if table.primary_key is None}
    for question in association_without_unique.questions(facts):
        if question.table in keyless:
            yield question


def check(facts: Facts) -> Iterator[Finding]:
    """Yield each base table without a primary key."""
    repeating = {subject.table for subject in found_by(facts, association_without_unique)}
    for table in facts.catalog.base_tables:
        if table.primary_key is not None or table.qualified_name in repeating:
            continue
        if any(facts.catalog.table(parent) is not None for parent in table.parents):
            # A child of table inheritance is read through its parent, which is reported itself.
            continue
        yield _finding(table, _identifying(table))


def _finding(table: Table, candidate: Index | None) -> Finding:
    if candidate is None:
        consequence = "Equal rows cannot be told apart, and logical replication refuses UPDATE and DELETE."
        remedy = Remedy("Make the columns that identify a row the primary key, or add an identity column.")
    else:
        listed = ", ".join(str(name) for name in candidate.columns)
        consequence = f"Rows are told apart by ({listed}) alone, which replication and ORMs do not take for the key."
        # The unique rule would repeat the key, and a foreign key may lean on it: which of them goes is for people.
        remedy = Remedy(f"Make ({listed}) the primary key, in place of {candidate.name}.")
    return METADATA.finding(
        objects=(table_ref(table),),
        message=f"{table.qualified_name} has no primary key",
        consequence=consequence,
        severity="low" if candidate else None,
        evidence=(
            Evidence(
                "catalog",
                "SELECT conname FROM pg_constraint WHERE contype = 'p' AND conrelid = "
                f"{literal(quoted(table.schema, table.name))}::regclass",
                "no row",
            ),
        ),
        remedy=remedy,
    )


def _identifying(table: Table) -> Index | None:
    """Return a unique index that tells any two rows apart."""
    for index in table.indexes:
        if not index.unique or not index.valid or not index.immediate or index.partial:
            continue
        if all(name is not None and table.column(name).not_null for name in index.columns):
            return index
    return None


BAD = (
    Example(
        "a table without any key",
        sql="CREATE TABLE events (at timestamptz, what text)",
        objects=("events",),
        severity="medium",
        says=("Equal rows",),
    ),
    Example(
        "a unique index over columns that are all required could be the key",
        sql="CREATE TABLE rates (day date NOT NULL, currency text NOT NULL, rate numeric, UNIQUE (day, currency))",
        objects=("rates",),
        severity="low",
        says=("(day, currency)",),
    ),
    Example(
        "a unique column that may be NULL identifies nothing",
        sql="CREATE TABLE codes (code text UNIQUE, label text)",
        objects=("codes",),
        severity="medium",
    ),
    Example(
        "a unique expression, a partial and a deferrable rule identify nothing",
        sql="""
            CREATE TABLE words (word text NOT NULL, n int NOT NULL, m int NOT NULL);
            CREATE UNIQUE INDEX words_lower ON words (lower(word));
            CREATE UNIQUE INDEX words_some ON words (n) WHERE n > 0;
            ALTER TABLE words ADD UNIQUE (m) DEFERRABLE;
        """,
        objects=("words",),
        severity="medium",
    ),
    Example(
        "a partitioned table is reported once, for all its partitions",
        sql="""
            CREATE TABLE logs (at date NOT NULL, what text) PARTITION BY RANGE (at);
            CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
            CREATE TABLE logs_2 PARTITION OF logs DEFAULT;
        """,
        objects=("logs",),
    ),
    Example(
        "a plain index, and a unique one whose build failed, identify nothing",
        sql="""
            CREATE TABLE words (word text NOT NULL, n int NOT NULL);
            CREATE INDEX ON words (word);
            CREATE UNIQUE INDEX failed ON words (n);
            UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'failed'::regclass;
        """,
        objects=("words",),
        severity="medium",
    ),
    Example(
        "a unique index over a required and an optional column identifies nothing",
        sql="CREATE TABLE codes (day date NOT NULL, code text, UNIQUE (day, code))",
        objects=("codes",),
        severity="medium",
    ),
    Example(
        "a log that joins others, whose pairs may be there again",
        sql=joining("a_id int NOT NULL REFERENCES a, b_id int NOT NULL REFERENCES b", *[pairs(60, 10)] * 2),
        objects=("joined",),
    ),
    Example(
        "lines that join others and that nobody may count, of which INT01 says nothing",
        sql=joining("a_id int NOT NULL REFERENCES a, b_id int NOT NULL REFERENCES b, quantity int NOT NULL DEFAULT 1"),
        given=(given.table("joined", calls_user_code=True),),
        objects=("joined",),
        renamed=False,
    ),
)
GOOD = (
    Example(
        "a link whose pairs ought to be unique, which INT01 reports with the key as its remedy",
        sql=joining("a_id int REFERENCES a, b_id int REFERENCES b", pairs(5, 5)),
    ),
    Example(
        "such a link that nobody may count",
        sql=joining("a_id int REFERENCES a, b_id int REFERENCES b", pairs(5, 5)),
        given=(given.table("joined", calls_user_code=True),),
        renamed=False,
    ),
    Example("a plain key", sql="CREATE TABLE t (id int PRIMARY KEY)"),
    Example("a composite key", sql="CREATE TABLE t (a int, b int, PRIMARY KEY (a, b))"),
    Example("a view has no key", sql="CREATE TABLE t (id int PRIMARY KEY); CREATE VIEW v AS SELECT id FROM t"),
    Example("a materialized view has no key", sql="CREATE MATERIALIZED VIEW m AS SELECT 1 AS id"),
    Example(
        "partitions of a table with a key",
        sql="""
            CREATE TABLE t (at date, id int, PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
            CREATE TABLE t_1 PARTITION OF t DEFAULT;
        """,
    ),
    Example(
        "a child of inheritance is its parent's matter",
        sql="CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c () INHERITS (p)",
    ),
)
