"""Two indexes that are the same.

What it finds:
    An index that does nothing another index of its table does not do: the same method, keys, operator classes,
    collations, directions, predicate and INCLUDE columns, and no rule that the other does not enforce. A plain index
    on the column of a primary key or of a unique rule is one. Of the two the key or rule is kept, never the repeat.

Why it matters:
    Each insert, and each update that moves a row, writes both; both take memory and backup time; the planner uses one.

Evidence:
    pg_index: the two definitions.

Remedy:
    Drop the repeat: `op.drop_index(..., postgresql_concurrently=True)` in an autocommit block. In SQLAlchemy it often
    comes from `Column(primary_key=True, index=True)` or from `index=True` beside `unique=True` in a table's arguments.

When to ignore:
    While one index is being replaced by the other. A statement that names a constraint in ON CONFLICT ON CONSTRAINT
    needs that constraint.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.catalog import Catalog, Index, IndexKey
from pgproof.facts.model import Facts
from pgproof.rules import given
from pgproof.rules.finding import Finding, NotChecked, Remedy, index_ref
from pgproof.rules.indexes._covering import Redundancy, redundancies
from pgproof.rules.indexes._shared import definitions, dropping, size
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.severity import by_size

METADATA = Metadata(code="IDX02", slug="duplicate-index", severity="low")


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each index that repeats another."""
    for redundancy in redundancies(facts.catalog):
        if redundancy.kind != "duplicate":
            continue
        yield _finding(facts.catalog, redundancy)


def _finding(catalog: Catalog, redundancy: Redundancy) -> Finding:
    table, index, by = redundancy.table, redundancy.index, redundancy.by
    how, operations = dropping(catalog, table, index)
    takes = f"; the repeat takes {size(index.bytes)}" if index.bytes is not None else ""
    return METADATA.finding(
        objects=(index_ref(table, index),),
        related=(index_ref(table, by),),
        message=f"index {index.name} of {table.qualified_name} repeats {_role(by)} {by.name}",
        consequence=f"Each insert writes both, and no query needs the second{takes}.",
        severity=by_size(METADATA.severity, table),
        evidence=(definitions(table, index, by),),
        remedy=Remedy(f"Keep {by.name}; {index.name}: {how}.", operations),
    )


def _role(index: Index) -> str:
    if index.primary:
        return "the primary key"
    return "the unique index" if index.unique else "the index"


BAD = (
    Example(
        "a plain index on the primary key's column",
        sql="CREATE TABLE t (id int PRIMARY KEY); CREATE INDEX ix_t_id ON t (id)",
        objects=("ix_t_id",),
        severity="low",
        says=("repeats the primary key", "needs the second; the repeat takes 8 kB", "drop it."),
    ),
    Example(
        "a unique index on the primary key's column, although its name comes first",
        sql="CREATE TABLE t (id int CONSTRAINT t_zz PRIMARY KEY); CREATE UNIQUE INDEX a_first ON t (id)",
        objects=("a_first",),
    ),
    Example(
        "two plain indexes: one of them, not both",
        sql="CREATE TABLE t (a int, b int); CREATE INDEX one ON t (a, b); CREATE INDEX two ON t (a, b)",
        objects=("two",),
        says=("repeats the index",),
    ),
    Example(
        "three of a kind leave one",
        sql="CREATE TABLE t (a int); CREATE INDEX i1 ON t (a); CREATE INDEX i2 ON t (a); CREATE INDEX i3 ON t (a)",
        findings=2,
        objects=("i2", "i3"),
    ),
    Example(
        "a plain index beside a unique constraint whose name comes later",
        sql="CREATE TABLE t (a int CONSTRAINT z_key UNIQUE); CREATE INDEX a_plain ON t (a)",
        objects=("a_plain",),
        says=("repeats the unique index",),
    ),
    Example(
        "a unique constraint on the primary key, with everything its clause can say",
        sql="""
            CREATE TABLE t (a int, b int, CONSTRAINT t_key PRIMARY KEY (a, b) INCLUDE (c), c int, d int);
            ALTER TABLE t ADD CONSTRAINT a_rule UNIQUE (a, b) INCLUDE (c) WITH (fillfactor = 70)
                DEFERRABLE INITIALLY DEFERRED;
        """,
        objects=("a_rule",),
        says=("ON CONFLICT ON CONSTRAINT",),
    ),
    Example(
        "two deferrable constraints",
        sql="""
            CREATE TABLE t (a int);
            ALTER TABLE t ADD CONSTRAINT k1 UNIQUE (a) DEFERRABLE;
            ALTER TABLE t ADD CONSTRAINT k2 UNIQUE (a) DEFERRABLE;
        """,
        objects=("k2",),
    ),
    Example(
        "a constraint that lets no NULL repeat covers one that does",
        sql="""
            CREATE TABLE t (a int, b int);
            CREATE UNIQUE INDEX k2 ON t (a) NULLS NOT DISTINCT;
            ALTER TABLE t ADD CONSTRAINT k1 UNIQUE (a);
        """,
        objects=("k1",),
    ),
    Example(
        "where no NULL can be, it does not matter whether NULLs are distinct",
        sql="""
            CREATE TABLE t (a int PRIMARY KEY);
            ALTER TABLE t ADD CONSTRAINT k1 UNIQUE NULLS NOT DISTINCT (a);
        """,
        objects=("k1",),
    ),
    Example(
        "the constraint stays, the index beside it goes",
        sql="CREATE TABLE t (a int CONSTRAINT z_key UNIQUE); CREATE UNIQUE INDEX a_first ON t (a)",
        objects=("a_first",),
    ),
    Example(
        "the index that foreign keys refer through stays",
        sql="""
            CREATE TABLE t (a int); CREATE UNIQUE INDEX z_target ON t (a);
            CREATE TABLE c (a int REFERENCES t (a)); CREATE INDEX ON c (a);
            ALTER TABLE t ADD CONSTRAINT a_key UNIQUE (a);
        """,
        objects=("a_key",),
    ),
    Example(
        "what foreign keys refer through is told of even beside the primary key, without a drop that would fail",
        sql="""
            CREATE TABLE t (a int CONSTRAINT t_first UNIQUE);
            CREATE TABLE c (a int REFERENCES t (a)); CREATE INDEX ON c (a);
            ALTER TABLE t ADD CONSTRAINT t_second PRIMARY KEY (a);
        """,
        objects=("t_first",),
        says=("has been declared anew",),
    ),
    Example(
        "the replica identity stays",
        sql="""
            CREATE TABLE t (a int NOT NULL);
            CREATE UNIQUE INDEX i1 ON t (a);
            CREATE UNIQUE INDEX i2 ON t (a);
            ALTER TABLE t REPLICA IDENTITY USING INDEX i2;
        """,
        objects=("i1",),
    ),
    Example(
        "a replica identity that repeats the primary key",
        sql="""
            CREATE TABLE t (a int PRIMARY KEY);
            CREATE UNIQUE INDEX i2 ON t (a);
            ALTER TABLE t REPLICA IDENTITY USING INDEX i2;
        """,
        objects=("i2",),
        says=("REPLICA IDENTITY names another",),
    ),
    Example(
        "the index that CLUSTER uses stays",
        sql="CREATE TABLE t (a int); CREATE INDEX i1 ON t (a); CREATE INDEX i2 ON t (a); CLUSTER t USING i2",
        objects=("i1",),
    ),
    Example(
        "a clustered index that repeats the primary key",
        sql="CREATE TABLE t (a int PRIMARY KEY); CREATE INDEX i2 ON t (a); CLUSTER t USING i2",
        objects=("i2",),
        says=("CLUSTER ON names another",),
    ),
    Example(
        "equal expressions and predicates",
        sql="""
            CREATE TABLE t (a text, b bool);
            CREATE INDEX i1 ON t (lower(a) DESC) WHERE b;
            CREATE INDEX i2 ON t (lower(a) DESC) WHERE b;
        """,
        objects=("i2",),
    ),
    Example(
        "equal indexes of another method",
        sql="CREATE TABLE t (a int[]); CREATE INDEX i1 ON t USING gin (a); CREATE INDEX i2 ON t USING gin (a)",
        objects=("i2",),
    ),
    Example(
        "an index that repeats what carries an exclusion constraint",
        sql="""
            CREATE TABLE t (r int4range, CONSTRAINT z_apart EXCLUDE USING gist (r WITH &&));
            CREATE INDEX a_plain ON t USING gist (r);
        """,
        objects=("a_plain",),
    ),
    Example(
        "an index of a materialized view",
        sql="""
            CREATE MATERIALIZED VIEW m AS SELECT 1 AS id;
            CREATE INDEX i1 ON m (id);
            CREATE INDEX i2 ON m (id);
        """,
        objects=("i2",),
    ),
    Example(
        "a partitioned table is reported once, and its indexes cannot be dropped concurrently",
        sql="""
            CREATE TABLE t (a int) PARTITION BY LIST (a);
            CREATE TABLE t_1 PARTITION OF t DEFAULT;
            CREATE INDEX i1 ON t (a);
            CREATE INDEX i2 ON t (a);
        """,
        objects=("i2",),
        says=("cannot be done concurrently",),
    ),
    Example(
        "a partition's own index that repeats the one it has from its parent",
        sql="""
            CREATE TABLE t (a int) PARTITION BY LIST (a);
            CREATE TABLE t_1 PARTITION OF t DEFAULT;
            CREATE INDEX i1 ON t (a);
            CREATE INDEX a_first ON t_1 (a);
            CREATE INDEX a_second ON t_1 (a);
        """,
        findings=2,
        objects=("a_first", "a_second"),
    ),
    Example(
        "on a large table it costs more",
        sql="CREATE TABLE t (a int); CREATE INDEX one ON t (a); CREATE INDEX two ON t (a)",
        given=(given.table("t", reltuples=1_000_000, heap_bytes=8192),),
        renamed=False,
        objects=("two",),
        severity="medium",
    ),
    Example(
        "neither its size nor its definition could be read, and nothing but its columns matters",
        sql="CREATE TABLE t (a int); CREATE INDEX one ON t (a); CREATE INDEX two ON t (a)",
        given=(given.index("two", bytes=None, definition=None),),
        renamed=False,
        objects=("two",),
        says=("needs the second.",),
    ),
)
GOOD = (
    Example(
        "other columns, another order, another direction",
        sql="""
            CREATE TABLE t (a int, b int);
            CREATE INDEX ON t (a, b); CREATE INDEX ON t (b, a); CREATE INDEX ON t (a DESC, b);
            CREATE INDEX ON t (a NULLS FIRST, b);
        """,
    ),
    Example(
        "another method",
        sql="CREATE TABLE t (a int); CREATE INDEX ON t (a); CREATE INDEX ON t USING hash (a)",
    ),
    Example(
        "another operator class",
        sql="CREATE TABLE t (a text); CREATE INDEX ON t (a); CREATE INDEX ON t (a text_pattern_ops)",
    ),
    Example(
        "another collation",
        sql="""CREATE TABLE t (a text); CREATE INDEX ON t (a); CREATE INDEX ON t (a COLLATE "C")""",
    ),
    Example(
        "parameters of an operator class",
        sql="""
            CREATE TABLE t (a tsvector);
            CREATE INDEX ON t USING gist (a tsvector_ops (siglen = 100));
            CREATE INDEX ON t USING gist (a);
        """,
    ),
    Example(
        "other predicates, and none",
        sql="""
            CREATE TABLE t (a int, b int);
            CREATE INDEX ON t (a); CREATE INDEX ON t (a) WHERE b > 0; CREATE INDEX ON t (a) WHERE b > 1;
        """,
    ),
    Example(
        "other expressions",
        sql="CREATE TABLE t (a text); CREATE INDEX ON t (lower(a)); CREATE INDEX ON t (upper(a))",
    ),
    Example(
        "columns carried along serve queries that read no row, and the key serves as key",
        sql="CREATE TABLE t (id int PRIMARY KEY, a int); CREATE UNIQUE INDEX ON t (id) INCLUDE (a)",
    ),
    Example(
        "a rule that is checked at once does more than a deferrable key",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY DEFERRABLE);
            CREATE UNIQUE INDEX ON t (id);
        """,
    ),
    Example(
        "an invalid index is another rule's matter",
        sql="""
            CREATE TABLE t (a int); CREATE INDEX i1 ON t (a); CREATE INDEX i2 ON t (a);
            UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i2'::regclass;
        """,
    ),
    Example(
        "an exclusion constraint is a rule of its own",
        sql="""
            CREATE TABLE t (r int4range, EXCLUDE USING gist (r WITH &&), EXCLUDE USING gist (r WITH -|-));
        """,
    ),
    Example(
        "one table inherits from another, and each has its index",
        sql="""
            CREATE TABLE p (a int); CREATE INDEX ON p (a);
            CREATE TABLE c () INHERITS (p); CREATE INDEX ON c (a);
        """,
    ),
    Example(
        "one that begins another is that rule's matter",
        sql="CREATE TABLE t (a int, b int); CREATE INDEX ON t (a); CREATE INDEX ON t (a, b)",
    ),
    Example(
        "a unique rule that another implies is that rule's matter",
        sql="CREATE TABLE t (a int UNIQUE, b int, UNIQUE (a, b))",
    ),
    Example(
        "predicates and expressions that could not be read",
        sql="""
            CREATE TABLE t (a text);
            CREATE INDEX i1 ON t (a) WHERE a > 'b'; CREATE INDEX i2 ON t (a) WHERE a > 'c';
            CREATE INDEX i3 ON t (lower(a)); CREATE INDEX i4 ON t (upper(a));
        """,
        given=(
            *(given.index(name, predicate=None) for name in ("i1", "i2")),
            *(given.index(name, keys=(IndexKey(None, None, None, "default", False, False),)) for name in ("i3", "i4")),
        ),
        renamed=False,
    ),
    Example(
        "an extension's table is as the extension made it",
        sql="CREATE TABLE t (a int); CREATE INDEX ON t (a); CREATE INDEX ON t (a)",
        given=(given.table("t", extension="postgis"),),
        renamed=False,
    ),
    Example(
        "the quarantine is as a remedy made it",
        sql="CREATE TABLE t (a int); CREATE INDEX ON t (a); CREATE INDEX ON t (a)",
        given=(given.table("t", schema="quarantine"),),
        renamed=False,
    ),
)
