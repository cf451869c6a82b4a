"""An index that no query can use, left behind by a build that failed.

What it finds:
    An index marked invalid: CREATE or REINDEX INDEX CONCURRENTLY was interrupted, or failed on a duplicate. One that
    is being built, rebuilt or dropped concurrently right now looks the same in pg_index, but the server shows who does
    it; of such an index, where the role cannot see the builds of others, and on a standby, the rule says that it could
    not check.

Why it matters:
    Queries read the table without it, while writes may go on maintaining it. A unique rule is not kept for the rows
    that were there before. A migration that is run again with IF NOT EXISTS takes it for done.

Evidence:
    pg_index.indisvalid, pg_stat_progress_create_index, pg_locks (REINDEX and DROP INDEX CONCURRENTLY hold SHARE UPDATE
    EXCLUSIVE on the index), and for a unique index the count of rows that break its rule.

Remedy:
    `REINDEX INDEX CONCURRENTLY`, or drop and create again with `op.create_index(..., postgresql_concurrently=True)`
    in an autocommit block; without lock_timeout, which is what most often interrupts such a build. What a failed
    REINDEX left, named ..._ccnew or ..._ccold, is dropped. Duplicates have to go before a unique index can be built.

When to ignore:
    A migration that failed on it is about to be run again, and begins by dropping it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pgproof.facts.amounts import amount
from pgproof.facts.catalog import Catalog, Index, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import Duplicates, Question
from pgproof.remedy.invalid_indexes import DropInvalidIndex, RebuildInvalidIndex
from pgproof.remedy.names import literal, quoted
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, counted, index_ref
from pgproof.rules.indexes._shared import answered, indexed_tables, takes
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="IDX06", slug="invalid-index", severity="medium", needs=("catalog",))

_IN_HAND = "the end of the statement that is building, rebuilding or dropping it right now"

_LEFT_BY_REINDEX = re.compile(r"_cc(new|old)\d*")
"""PostgreSQL documentation, REINDEX, Rebuilding Indexes Concurrently."""


def questions(facts: Facts) -> Iterator[Question]:
    """Ask whether rows break the rule of each invalid unique index."""
    for table, index in _invalid(facts.catalog):
        yield from _duplicates(table, index)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each invalid index that nobody is building."""
    unknown = _cannot_tell(facts)
    for table, index in _invalid(facts.catalog):
        needs = _IN_HAND if index.building else unknown
        if needs is not None:
            yield NotChecked(needs, (index_ref(table, index),))
        elif table.kind == "partitioned table":
            yield _of_parts(facts, table, index)
        else:
            yield _finding(facts, table, index)


def _invalid(catalog: Catalog) -> Iterator[tuple[Table, Index]]:
    for table in indexed_tables(catalog):
        for index in table.indexes:
            if not index.usable:
                yield table, index


def _cannot_tell(facts: Facts) -> str | None:
    """Return what is needed to tell a build in progress from one that failed; None if the facts tell it."""
    if facts.database.in_recovery:
        return "the primary server, where an index may be being built"
    if not facts.rights.read_all_stats:
        return "pg_read_all_stats, to see whether a session is building the index"
    return None


def _finding(facts: Facts, table: Table, index: Index) -> Finding:
    surplus, counts = _surplus(facts, table, index)
    if index.unique:
        consequence = "Rows may break the unique rule that it stands for, and no query can use it."
    else:
        consequence = "No query can use it."
    if index.ready:
        consequence += " Each write still maintains it."
    return METADATA.finding(
        objects=(index_ref(table, index),),
        message=f"index {index.name} of {table.qualified_name} is invalid",
        consequence=consequence + takes(index),
        severity="high" if index.unique else None,
        confidence="catalog" if surplus is None else "exact",
        evidence=(_catalog_evidence(table, index), *counts),
        remedy=_remedy(table, index, surplus),
    )


def _surplus(facts: Facts, table: Table, index: Index) -> tuple[int | None, tuple[Evidence, ...]]:
    """Return how many rows break the rule of a unique index, None if not known exactly, and what was counted."""
    surplus, evidence = None, []
    for answer, counts in answered(facts, _duplicates(table, index)):
        evidence.append(counted(answer, f"rows that would have to go for the rule to hold: {counts.surplus_rows}"))
        surplus = counts.surplus_rows if counts.exact else None
    return surplus, tuple(evidence)


def _remedy(table: Table, index: Index, surplus: int | None) -> Remedy:
    if _LEFT_BY_REINDEX.search(index.name) and index.constraint is None:
        left = f"Drop {index.name}, which a failed REINDEX left behind"
        if index.definition is None:
            return Remedy(f"{left}, once no session locks its table.")
        return Remedy(f"{left}.", (DropInvalidIndex(table.schema, index.name, index.definition),))
    if index.unique and surplus != 0:
        rows = "rows that break its rule" if surplus is None else amount(surplus, "surplus row")
        return Remedy(f"Move the {rows} away, then REINDEX INDEX CONCURRENTLY {index.name}.")
    if index.exclusion:
        return Remedy(f"REINDEX INDEX {index.name}; an exclusion constraint's cannot be rebuilt concurrently.")
    return Remedy(f"REINDEX INDEX CONCURRENTLY {index.name}.", (RebuildInvalidIndex(table.schema, index.name),))


def _moving_first(surplus: int | None) -> str:
    return f"Move the {amount(surplus, 'surplus row')} away. " if surplus else ""


def _of_parts(facts: Facts, table: Table, index: Index) -> Finding:
    surplus, counts = _surplus(facts, table, index)
    return METADATA.finding(
        objects=(index_ref(table, index),),
        message=f"partitioned index {index.name} of {table.qualified_name} is not complete",
        consequence="Not every partition has a valid part of it, so queries of those read without it"
        f"{', and the unique rule does not hold' if index.unique else ''}.",
        severity="high" if index.unique else None,
        evidence=(_catalog_evidence(table, index), *counts),
        remedy=Remedy(
            f"{_moving_first(surplus)}Build the index concurrently on each "
            f"partition that lacks it, then ALTER INDEX {index.name} ATTACH PARTITION each."
        ),
    )


def _catalog_evidence(table: Table, index: Index) -> Evidence:
    return Evidence(
        "catalog",
        "SELECT indisvalid, indisready, indislive FROM pg_index WHERE indexrelid = "
        f"{literal(quoted(table.schema, index.name))}::regclass",
        f"{index.valid}, {index.ready}, {index.live}",
    )


def _duplicates(table: Table, index: Index) -> tuple[Duplicates, ...]:
    """Return the question whether rows break the rule; none where there is no rule, or it is not over plain columns."""
    columns = tuple(name for name in index.columns if name is not None)
    if not index.unique or index.partial or index.nulls_not_distinct or len(columns) < len(index.keys):
        return ()
    return (Duplicates(table.qualified_name, columns),)


_INVALID = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass"

BAD = (
    Example(
        "a plain index",
        sql=f"CREATE TABLE t (a int); CREATE INDEX i ON t (a); {_INVALID}",
        objects=("i",),
        severity="medium",
        says=("No query can use it. Each write still maintains it. It takes", "kB. REINDEX INDEX CONCURRENTLY"),
    ),
    Example(
        "one that is being dropped and was never finished",
        sql="""
            CREATE TABLE t (a int); CREATE INDEX i ON t (a);
            UPDATE pg_index SET indislive = false, indisready = false, indisvalid = false
            WHERE indexrelid = 'i'::regclass;
        """,
        objects=("i",),
        says=("No query can use it. It takes",),
    ),
    Example(
        "a unique index whose rule no row breaks",
        sql=f"CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2); CREATE UNIQUE INDEX i ON t (a); {_INVALID}",
        objects=("i",),
        severity="high",
        says=("Rows may break the unique rule", "kB. REINDEX INDEX CONCURRENTLY"),
    ),
    Example(
        "a unique index whose rule rows break",
        sql=f"""
            CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1); CREATE INDEX i ON t (a);
            UPDATE pg_index SET indisunique = true WHERE indexrelid = 'i'::regclass; {_INVALID};
        """,
        objects=("i",),
        severity="high",
        says=("Move the 1 surplus row away",),
    ),
    *(
        Example(
            f"a unique index of which nobody can count the duplicates: {why}",
            sql=f"""
                CREATE TABLE t (a text, b text); CREATE UNIQUE INDEX i ON t {index};
                UPDATE pg_index SET indisvalid = false WHERE indrelid = 't'::regclass;
            """,
            objects=("i",),
            says=("Move the rows that break its rule away",),
        )
        for why, index in (
            ("it is of some rows", "(a) WHERE a > 'b'"),
            ("of an expression", "(a, lower(b))"),
            ("of NULLs that count", "(a) NULLS NOT DISTINCT"),
        )
    ),
    Example(
        "a unique index of a table that is locked while rows would be counted",
        sql=f"CREATE TABLE t (a int); CREATE UNIQUE INDEX i ON t (a); {_INVALID}",
        given=(given.table("t", locked=True),),
        renamed=False,
        objects=("i",),
        says=("Move the rows that break its rule away",),
    ),
    Example(
        "a unique index of so large a table that only a sample is counted",
        sql=f"CREATE TABLE t (a int); CREATE UNIQUE INDEX i ON t (a); {_INVALID}",
        given=(given.table("t", bytes=2 << 30),),
        renamed=False,
        objects=("i",),
        says=("Move the rows that break its rule away",),
    ),
    Example(
        "what a failed REINDEX left behind",
        sql="""
            CREATE TABLE t (a int); CREATE INDEX i ON t (a); CREATE INDEX i_ccnew1 ON t (a);
            UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i_ccnew1'::regclass;
        """,
        objects=("i_ccnew1",),
        says=("which a failed REINDEX left behind.",),
    ),
    Example(
        "what a failed REINDEX left behind on a table that is locked",
        sql="""
            CREATE TABLE t (a int); CREATE INDEX i_ccold ON t (a);
            UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i_ccold'::regclass;
        """,
        given=(given.index("i_ccold", definition=None),),
        renamed=False,
        objects=("i_ccold",),
        says=("once no session locks its table",),
    ),
    Example(
        "a constraint that is named like one",
        sql="""
            CREATE TABLE t (a int CONSTRAINT a_ccnew UNIQUE);
            UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'a_ccnew'::regclass;
        """,
        objects=("a_ccnew",),
        says=("REINDEX INDEX CONCURRENTLY",),
    ),
    Example(
        "an exclusion constraint's",
        sql="""
            CREATE TABLE t (r int4range, CONSTRAINT i EXCLUDE USING gist (r WITH &&));
            UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass;
        """,
        objects=("i",),
        severity="medium",
        says=("cannot be rebuilt concurrently",),
    ),
    Example(
        "a partitioned index that one partition lacks",
        sql="""
            CREATE TABLE t (a int) PARTITION BY LIST (a);
            CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1); CREATE TABLE t_2 PARTITION OF t DEFAULT;
            CREATE INDEX i ON ONLY t (a); CREATE INDEX i_1 ON t_1 (a); ALTER INDEX i ATTACH PARTITION i_1;
        """,
        objects=("i",),
        severity="medium",
        says=("read without it.",),
    ),
    Example(
        "a partitioned unique index that one partition lacks",
        sql="""
            CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t_1 PARTITION OF t DEFAULT;
            CREATE UNIQUE INDEX i ON ONLY t (a);
        """,
        objects=("i",),
        severity="high",
        says=("the unique rule does not hold. Build",),
    ),
    Example(
        "a partitioned unique index whose rule rows break",
        sql="""
            CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t_1 PARTITION OF t DEFAULT;
            CREATE UNIQUE INDEX i ON ONLY t (a); INSERT INTO t VALUES (1), (1);
        """,
        objects=("i",),
        severity="high",
        says=("Move the 1 surplus row away. Build",),
    ),
    Example(
        "a size that could not be read",
        sql=f"CREATE TABLE t (a int); CREATE INDEX i ON t (a); {_INVALID}",
        given=(given.index("i", bytes=None),),
        renamed=False,
        objects=("i",),
        says=("maintains it. REINDEX",),
    ),
)
GOOD = (
    Example("a valid index", sql="CREATE TABLE t (a int); CREATE INDEX ON t (a)"),
    Example("a valid unique index", sql="CREATE TABLE t (a int UNIQUE)"),
    Example(
        "a partitioned index that each partition has",
        sql="""
            CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t_1 PARTITION OF t DEFAULT;
            CREATE INDEX i ON ONLY t (a); CREATE INDEX i_1 ON t_1 (a); ALTER INDEX i ATTACH PARTITION i_1;
        """,
    ),
    Example(
        "one that a session is building right now",
        sql=f"CREATE TABLE t (a int); CREATE INDEX i ON t (a); {_INVALID}",
        given=(given.index("i", building=True),),
        renamed=False,
    ),
    Example(
        "builds of others that the role may not see",
        sql=f"CREATE TABLE t (a int); CREATE INDEX i ON t (a); {_INVALID}",
        given=(given.rights(read_all_stats=False),),
    ),
    Example(
        "on a standby it is built on the primary",
        sql=f"CREATE TABLE t (a int); CREATE INDEX i ON t (a); {_INVALID}",
        given=(given.database(in_recovery=True),),
    ),
)
