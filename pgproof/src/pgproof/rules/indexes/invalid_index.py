"""An index that no query can use, left behind by a build that failed.

What it finds:
    An index marked invalid: CREATE or REINDEX INDEX CONCURRENTLY was interrupted, or failed on a duplicate. One that
    is being built right now looks the same in the catalog; so where a session of this database has been running a
    statement for a second or longer, where the role cannot see the sessions of others, and on a standby,
    the rule says that it could not check. A partitioned index is invalid until each partition has its part.

Why it matters:
    Queries read the table without it, while writes may go on maintaining it. A unique rule is not kept for the rows
    that were there before. A migration that is run again with IF NOT EXISTS takes it for done.

Evidence:
    pg_index.indisvalid, pg_stat_activity, and for a unique index the count of rows that break its rule.

Remedy:
    `REINDEX INDEX CONCURRENTLY`, or drop and create again with `op.create_index(..., postgresql_concurrently=True)`
    in an autocommit block; without lock_timeout, which is what most often interrupts such a build. What a failed
    REINDEX left, named ..._ccnew or ..._ccold, is dropped. Duplicates have to go before a unique index can be built.

When to ignore:
    Its build is in progress: see pg_stat_progress_create_index.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from pgproof.facts.catalog import Catalog, Index, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import Duplicates, Question
from pgproof.facts.server_state import Session
from pgproof.remedy.invalid_indexes import DropInvalidIndex, RebuildInvalidIndex
from pgproof.remedy.names import literal, quoted
from pgproof.remedy.operation import Operation
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, counted, index_ref
from pgproof.rules.indexes._shared import indexed_tables, size
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="IDX06", slug="invalid-index", severity="medium", needs=("catalog",))

BRIEF = 1.0
"""Seconds: a build shows its index only after its first transaction, and a statement begun later is another one."""

_LEFT_BY_REINDEX = re.compile(r"_cc(new|old)\d*")
"""PostgreSQL documentation, REINDEX, Rebuilding Indexes Concurrently."""


def questions(facts: Facts) -> Iterator[Question]:
    """Ask whether rows break the rule of each invalid unique index."""
    for table, index in _invalid(facts.catalog):
        question = _duplicates(table, index)
        if question is not None:
            yield question


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each invalid index that nobody can be building."""
    found = list(_invalid(facts.catalog))
    unknown = _cannot_tell(facts)
    if found and unknown is not None:
        yield NotChecked(unknown, tuple(index_ref(table, index) for table, index in found))
        return
    for table, index in found:
        yield _of_parts(table, index) if table.kind == "partitioned table" else _finding(facts, table, index)


def _invalid(catalog: Catalog) -> Iterator[tuple[Table, Index]]:
    for table in indexed_tables(catalog):
        for index in table.indexes:
            if not index.usable:
                yield table, index


def _cannot_tell(facts: Facts) -> str | None:
    """Return what is needed to tell a build in progress from one that failed; None if none can be in progress."""
    if facts.database.in_recovery:
        return "the primary server, where an index may be being built"
    if not facts.rights.read_all_stats:
        return "pg_read_all_stats, to see whether a session is building the index"
    pids = [str(session.pid) for session in facts.server.sessions if _may_be_building(session)]
    if pids:
        return f"pg_stat_progress_create_index: session {', '.join(pids)} may be building the index right now"
    return None


def _may_be_building(session: Session) -> bool:
    """Tell whether a session's statement is old enough to have made an index that the facts contain."""
    return session.state == "active" and (session.statement_seconds is None or session.statement_seconds >= BRIEF)


def _finding(facts: Facts, table: Table, index: Index) -> Finding:
    question = _duplicates(table, index)
    answer = facts.answer(question) if question is not None else None
    surplus = answer.counts.surplus_rows or 0 if answer is not None and answer.counts is not None else None
    evidence = [_catalog_evidence(table, index)]
    if answer is not None and surplus is not None:
        evidence.append(counted(answer, f"{surplus} rows would have to go for the rule to hold"))
    if index.unique:
        consequence = "Rows may break the unique rule that it stands for, and no query can use it."
    else:
        consequence = "No query can use it."
    if index.ready:
        consequence += " Each write still maintains it."
    if index.bytes is not None:
        consequence += f" It takes {size(index.bytes)}."
    exact = answer is not None and answer.counts is not None and answer.counts.exact
    return METADATA.finding(
        objects=(index_ref(table, index),),
        message=f"index {index.name} of {table.qualified_name} is invalid",
        consequence=consequence,
        severity="high" if index.unique else None,
        confidence="exact" if exact else "catalog",
        evidence=tuple(evidence),
        remedy=_remedy(table, index, surplus if exact else None),
    )


def _remedy(table: Table, index: Index, surplus: int | None) -> Remedy:
    drop: tuple[Operation, ...] = (DropInvalidIndex(table.schema, index.name, index.definition or ""),)
    rebuild: tuple[Operation, ...] = (RebuildInvalidIndex(table.schema, index.name),)
    if _LEFT_BY_REINDEX.search(index.name) and index.constraint is None:
        return Remedy(f"Drop {index.name}, which a failed REINDEX left behind.", drop)
    if index.unique and surplus != 0:
        rows = "rows that break its rule" if surplus is None else f"{surplus} surplus rows"
        return Remedy(f"Move the {rows} away, then REINDEX INDEX CONCURRENTLY {index.name}.")
    if index.exclusion:
        return Remedy(f"REINDEX INDEX {index.name}; an exclusion constraint's cannot be rebuilt concurrently.")
    return Remedy(f"REINDEX INDEX CONCURRENTLY {index.name}.", rebuild)


def _of_parts(table: Table, index: Index) -> Finding:
    return METADATA.finding(
        objects=(index_ref(table, index),),
        message=f"partitioned index {index.name} of {table.qualified_name} is not complete",
        consequence="Not every partition has a valid part of it, so queries of those read without it"
        f"{', and the unique rule does not hold' if index.unique else ''}.",
        severity="high" if index.unique else None,
        evidence=(_catalog_evidence(table, index),),
        remedy=Remedy(
            "Build the index concurrently on each partition that lacks it, then ALTER INDEX "
            f"{index.name} ATTACH PARTITION each."
        ),
    )


def _catalog_evidence(table: Table, index: Index) -> Evidence:
    return Evidence(
        "catalog",
        "SELECT indisvalid, indisready, indislive FROM pg_index WHERE indexrelid = "
        f"{literal(quoted(table.schema, index.name))}::regclass",
        f"{index.valid}, {index.ready}, {index.live}",
    )


def _duplicates(table: Table, index: Index) -> Duplicates | None:
    """Return the question whether rows break the rule; None where there is no rule, or it is not over plain columns."""
    columns = tuple(name for name in index.columns if name is not None)
    if not index.unique or index.partial or index.nulls_not_distinct or len(columns) < len(index.keys):
        return None
    return Duplicates(table.qualified_name, columns) if table.kind == "table" else None


_INVALID = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass"
_BUILDER = Session(4711, "app", "psql", "active", None, 5.0, 5.0, 5.0, ())

BAD = (
    Example(
        "a plain index",
        sql=f"CREATE TABLE t (a int); CREATE INDEX i ON t (a); {_INVALID}",
        objects=("i",),
        severity="medium",
        says=("No query can use it. Each write still maintains it. It takes", "REINDEX INDEX CONCURRENTLY"),
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
        says=("Rows may break the unique rule",),
    ),
    Example(
        "a unique index whose rule rows break",
        sql=f"""
            CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1); CREATE INDEX i ON t (a);
            UPDATE pg_index SET indisunique = true WHERE indexrelid = 'i'::regclass; {_INVALID};
        """,
        objects=("i",),
        severity="high",
        says=("Move the 1 surplus rows away",),
    ),
    Example(
        "a unique index of which nobody can count the duplicates: some rows, an expression, and NULLs that count",
        sql="""
            CREATE TABLE t (a text); CREATE UNIQUE INDEX i1 ON t (a) WHERE a > 'b';
            CREATE UNIQUE INDEX i2 ON t (lower(a)); CREATE UNIQUE INDEX i3 ON t (a) NULLS NOT DISTINCT;
            UPDATE pg_index SET indisvalid = false WHERE indrelid = 't'::regclass;
        """,
        findings=3,
        objects=("i1", "i2", "i3"),
        says=("Move the rows that break its rule away",),
    ),
    Example(
        "what a failed REINDEX left behind",
        sql="""
            CREATE TABLE t (a int); CREATE INDEX i ON t (a); CREATE INDEX i_ccnew1 ON t (a);
            UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i_ccnew1'::regclass;
        """,
        objects=("i_ccnew1",),
        says=("which a failed REINDEX left behind",),
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
        "a session whose statement began later cannot have made it, nor one that runs none",
        sql=f"CREATE TABLE t (a int); CREATE INDEX i ON t (a); {_INVALID}",
        given=(
            given.server(
                sessions=(
                    replace(_BUILDER, statement_seconds=0.9),
                    replace(_BUILDER, state="idle in transaction"),
                )
            ),
        ),
        objects=("i",),
    ),
    Example(
        "a partitioned unique index that one partition lacks",
        sql="""
            CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t_1 PARTITION OF t DEFAULT;
            CREATE UNIQUE INDEX i ON ONLY t (a);
        """,
        objects=("i",),
        severity="high",
        says=("the unique rule does not hold",),
    ),
    Example(
        "a size that could not be read",
        sql=f"CREATE TABLE t (a int); CREATE INDEX i ON t (a); {_INVALID}",
        given=(given.index("i", bytes=None),),
        renamed=False,
        objects=("i",),
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
        "one that a session may be building right now",
        sql=f"CREATE TABLE t (a int); CREATE INDEX i ON t (a); {_INVALID}",
        given=(given.server(sessions=(replace(_BUILDER, statement_seconds=1.0),)),),
    ),
    Example(
        "a session of which nobody knows how long its statement runs",
        sql=f"CREATE TABLE t (a int); CREATE INDEX i ON t (a); {_INVALID}",
        given=(given.server(sessions=(replace(_BUILDER, statement_seconds=None),)),),
    ),
    Example(
        "sessions of others that the role may not see",
        sql=f"CREATE TABLE t (a int); CREATE INDEX i ON t (a); {_INVALID}",
        given=(given.rights(read_all_stats=False),),
    ),
    Example(
        "on a standby it is built on the primary",
        sql=f"CREATE TABLE t (a int); CREATE INDEX i ON t (a); {_INVALID}",
        given=(given.database(in_recovery=True),),
    ),
)
