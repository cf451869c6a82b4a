"""An index whose columns begin another index.

What it finds:
    A B-tree index whose keys are the first keys of another B-tree index of its table, with the same operator classes,
    collations, directions and predicate, and whose INCLUDE columns the other has as well. A unique index is one only
    if the other enforces the same rule.

Why it matters:
    Whatever can be looked up or sorted by the shorter index can be by the longer one; each insert writes both.

Evidence:
    pg_index: the two definitions, and their sizes.

Remedy:
    Drop the shorter one: `op.drop_index(..., postgresql_concurrently=True)` in an autocommit block, and `index=True`
    or the `Index` in the model. Where it is in use and the longer one is several times larger, as one with a wide
    column is, the shorter may read fewer pages: measure before dropping it.

When to ignore:
    The shorter index is much smaller and its queries are the ones that matter.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.catalog import Catalog, Index
from pgproof.facts.model import Facts
from pgproof.rules import given
from pgproof.rules.finding import Finding, NotChecked, Remedy, index_ref
from pgproof.rules.indexes._covering import Redundancy, redundancies
from pgproof.rules.indexes._shared import definitions, dropping, size
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.severity import by_size

METADATA = Metadata(code="IDX03", slug="prefix-redundant-index", severity="low")

MUCH_LARGER = 3
"""Times: from here on a scan of the longer index reads so many more pages that its use has to be measured."""


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each index that is the beginning of another."""
    for redundancy in redundancies(facts.catalog):
        if redundancy.kind != "prefix":
            continue
        yield _finding(facts.catalog, redundancy)


def _finding(catalog: Catalog, redundancy: Redundancy) -> Finding:
    table, index, by = redundancy.table, redundancy.index, redundancy.by
    how, operations = dropping(catalog, table, index)
    sizes = ""
    if index.bytes is not None and by.bytes is not None:
        sizes = f"; the two take {size(index.bytes)} and {size(by.bytes)}"
    severity = by_size(METADATA.severity, table)
    if _may_be_worth_its_size(index, by):
        severity, operations = METADATA.severity, ()
        how = f"it is in use and much smaller than {by.name}, so measure its queries without it first; then {how}"
    return METADATA.finding(
        objects=(index_ref(table, index),),
        related=(index_ref(table, by),),
        message=f"index {index.name} of {table.qualified_name} is the beginning of {by.name}",
        consequence=f"What it looks up, {by.name} looks up as well, and each insert writes both{sizes}.",
        severity=severity,
        evidence=(definitions(table, index, by),),
        remedy=Remedy(f"Keep {by.name}; {index.name}: {how}.", operations),
    )


def _may_be_worth_its_size(index: Index, by: Index) -> bool:
    return (
        index.scans != 0
        and by.bytes is not None
        and index.bytes is not None
        and (by.bytes >= MUCH_LARGER * index.bytes)
    )


BAD = (
    Example(
        "the first column of two",
        sql="CREATE TABLE t (a int, b int); CREATE INDEX short ON t (a); CREATE INDEX long ON t (a, b)",
        objects=("short",),
        severity="low",
        says=("; the two take 8 kB and 8 kB", "drop it."),
    ),
    Example(
        "the first column of a primary key",
        sql="CREATE TABLE t (a int, b int, PRIMARY KEY (a, b)); CREATE INDEX short ON t (a)",
        objects=("short",),
    ),
    Example(
        "of three, each is told of once, and the longest stays",
        sql="""
            CREATE TABLE t (a int, b int, c int);
            CREATE INDEX i1 ON t (a); CREATE INDEX i2 ON t (a, b); CREATE INDEX i3 ON t (a, b, c);
        """,
        findings=2,
        objects=("i1", "i2"),
    ),
    Example(
        "two equal ones that begin a third both go",
        sql="""
            CREATE TABLE t (a int, b int);
            CREATE INDEX i1 ON t (a); CREATE INDEX i2 ON t (a); CREATE INDEX i3 ON t (a, b);
        """,
        findings=2,
        objects=("i1", "i2"),
    ),
    Example(
        "equal direction, predicate and expression",
        sql="""
            CREATE TABLE t (a text, b int, c bool);
            CREATE INDEX short ON t (lower(a) DESC) WHERE c;
            CREATE INDEX long ON t (lower(a) DESC, b) WHERE c;
        """,
        objects=("short",),
    ),
    Example(
        "what it carries along is a key of the other",
        sql="""
            CREATE TABLE t (a int, b int, c int);
            CREATE INDEX short ON t (a) INCLUDE (b); CREATE INDEX long ON t (a, c) INCLUDE (b);
            CREATE INDEX shorter ON t (a) INCLUDE (c);
        """,
        findings=2,
        objects=("short", "shorter"),
    ),
    Example(
        "a unique index beside one that keeps the same rule and carries more",
        sql="""
            CREATE TABLE t (a int, b int);
            CREATE UNIQUE INDEX short ON t (a); CREATE UNIQUE INDEX long ON t (a) INCLUDE (b);
        """,
        objects=("short",),
    ),
    Example(
        "a much smaller one that is in use is told of without a drop",
        sql="CREATE TABLE t (a int, b text); CREATE INDEX short ON t (a); CREATE INDEX long ON t (a, b)",
        given=(
            given.table("t", reltuples=1_000_000, heap_bytes=8192),
            given.index("short", scans=5, bytes=1_000_000),
            given.index("long", bytes=3_000_000),
        ),
        renamed=False,
        objects=("short",),
        severity="low",
        says=("measure its queries without it first",),
    ),
    Example(
        "one that is not much smaller, on a large table",
        sql="CREATE TABLE t (a int, b text); CREATE INDEX short ON t (a); CREATE INDEX long ON t (a, b)",
        given=(
            given.table("t", reltuples=1_000_000, heap_bytes=8192),
            given.index("short", scans=5, bytes=1_000_000),
            given.index("long", bytes=2_999_999),
        ),
        renamed=False,
        objects=("short",),
        severity="medium",
        says=("short: drop it.",),
    ),
    Example(
        "a much smaller one that nothing uses",
        sql="CREATE TABLE t (a int, b text); CREATE INDEX short ON t (a); CREATE INDEX long ON t (a, b)",
        given=(given.index("short", scans=0, bytes=1_000_000), given.index("long", bytes=3_000_000)),
        renamed=False,
        objects=("short",),
        says=("short: drop it.",),
    ),
    Example(
        "sizes that could not be read",
        sql="""
            CREATE TABLE t (a int, b int, c int); CREATE INDEX short ON t (a); CREATE INDEX long ON t (a, b);
            CREATE TABLE u (a int, b int, c int); CREATE INDEX small ON u (a); CREATE INDEX wide ON u (a, b);
        """,
        given=(
            given.index("short", scans=5, bytes=None),
            given.index("small", scans=5),
            given.index("wide", bytes=None),
        ),
        findings=2,
        renamed=False,
        objects=("short", "small"),
        says=("each insert writes both.", "short: drop it.", "small: drop it."),
    ),
    Example(
        "of a partitioned table",
        sql="""
            CREATE TABLE t (a int, b int) PARTITION BY LIST (a);
            CREATE TABLE t_1 PARTITION OF t DEFAULT;
            CREATE INDEX short ON t (a);
            CREATE INDEX long ON t (a, b);
        """,
        objects=("short",),
    ),
)
GOOD = (
    Example(
        "a later column is not the beginning",
        sql="CREATE TABLE t (a int, b int); CREATE INDEX ON t (b); CREATE INDEX ON t (a, b)",
    ),
    Example(
        "a unique index enforces its rule whatever begins with its column",
        sql="CREATE TABLE t (a int, b int); CREATE UNIQUE INDEX ON t (a); CREATE INDEX ON t (a, b)",
    ),
    Example(
        "a unique rule over fewer columns is another rule than one over more",
        sql="CREATE TABLE t (a int, b int, UNIQUE (a)); CREATE UNIQUE INDEX ON t (a, b)",
    ),
    Example(
        "another direction",
        sql="CREATE TABLE t (a int, b int); CREATE INDEX ON t (a DESC); CREATE INDEX ON t (a, b)",
    ),
    Example(
        "another predicate: the longer one has not all rows",
        sql="CREATE TABLE t (a int, b int); CREATE INDEX ON t (a); CREATE INDEX ON t (a, b) WHERE b > 0",
    ),
    Example(
        "another predicate: the shorter one has fewer rows",
        sql="CREATE TABLE t (a int, b int); CREATE INDEX ON t (a) WHERE b > 0; CREATE INDEX ON t (a, b)",
    ),
    Example(
        "another collation and another operator class",
        sql="""
            CREATE TABLE t (a text, b int);
            CREATE INDEX ON t (a COLLATE "C"); CREATE INDEX ON t (a text_pattern_ops); CREATE INDEX ON t (a, b);
        """,
    ),
    Example(
        "it carries a column that the longer one lacks",
        sql="CREATE TABLE t (a int, b int, c int); CREATE INDEX ON t (a) INCLUDE (c); CREATE INDEX ON t (a, b)",
    ),
    Example(
        "columns that are carried along are no keys",
        sql="CREATE TABLE t (a int, b int); CREATE UNIQUE INDEX ON t (a) INCLUDE (b); CREATE INDEX ON t (a, b)",
    ),
    Example(
        "the shorter is a hash index",
        sql="CREATE TABLE t (a int, b int); CREATE INDEX ON t USING hash (a); CREATE INDEX ON t (a, b)",
    ),
    Example(
        "only a B-tree is read by its first columns alone at no loss",
        sql="""
            CREATE TABLE t (a int[], b int[]); CREATE INDEX ON t USING gin (a); CREATE INDEX ON t USING gin (a, b)
        """,
    ),
    Example(
        "an equal index is another rule's matter",
        sql="CREATE TABLE t (a int); CREATE INDEX ON t (a); CREATE INDEX ON t (a)",
    ),
    Example(
        "an index that no query can use vouches for none",
        sql="""
            CREATE TABLE t (a int, b int); CREATE INDEX ON t (a); CREATE INDEX long ON t (a, b);
            UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'long'::regclass;
        """,
    ),
    Example(
        "a unique rule that another implies does not vouch for a plain index",
        sql="""
            CREATE TABLE t (a int PRIMARY KEY, b int);
            CREATE INDEX ON t (b); CREATE UNIQUE INDEX ON t (b, a);
        """,
    ),
    Example(
        "a unique rule that another implies is that rule's matter",
        sql="CREATE TABLE t (a int UNIQUE, b int, UNIQUE (b, a))",
    ),
)
