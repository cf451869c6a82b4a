"""An index that is built or dropped with writers locked out.

What it finds:
    CREATE INDEX, DROP INDEX and REINDEX without CONCURRENTLY in an upgrade, on a table that the database has and that
    the same revision did not make. The index of a partitioned table alone (ON ONLY) is no build.

Why it matters:
    Until the build ends no row can be inserted, updated or deleted; until the transaction of the migration ends, as
    Alembic runs it. DROP INDEX and REINDEX keep readers out as well.

Evidence:
    The statement that Alembic sends, and the file and line that sends it. With `--proof` the locks that it was seen to
    hold on a scratch copy, and how long a request waited for them.

Remedy:
    `with op.get_context().autocommit_block(): op.create_index(..., postgresql_concurrently=True)`, in a revision of its
    own, with `SET lock_timeout = 0` before it. A partitioned table takes no CONCURRENTLY: create the index ON ONLY the
    parent, concurrently on each partition, then ALTER INDEX ... ATTACH PARTITION.

When to ignore:
    Migrations that run while the application is stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pgproof.facts.experiments import Held
from pgproof.facts.model import Facts
from pgproof.facts.questions import Question
from pgproof.rules import given
from pgproof.rules.chain import chain_of, version_questions
from pgproof.rules.finding import Finding, NotChecked
from pgproof.rules.migrations._examples import AT_FIRST, TABLE, proof, revision
from pgproof.rules.migrations._experiments import locks_seen
from pgproof.rules.migrations._faults import Fault, Step, index_name, report, sized, steps, unread
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.severity import by_size, lowered

METADATA = Metadata(code="MIG03", slug="blocking-index-build", severity="medium", needs=("migrations",))

_WORDS = {"create_index": "builds", "drop_index": "drops", "reindex": "rebuilds"}


def questions(facts: Facts) -> Iterator[Question]:
    """Ask which revisions the database has."""
    yield from version_questions(facts)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each revision that builds or drops an index under a lock."""
    chain = chain_of(facts)
    faults = (_fault(step) for step in steps(facts, chain) if _blocks(step))
    measured = (replace(fault, seen=locks_seen(facts, fault)) for fault in faults)
    yield from report(METADATA, chain, measured, "built or dropped indexes with writers locked out")
    yield from unread(chain)


def _blocks(step: Step) -> bool:
    operation = step.operation
    return operation.kind in _WORDS and not operation.concurrently and not operation.only


def _fault(step: Step) -> Fault:
    operation, table = step.operation, step.table
    severity = by_size(METADATA.severity, table)
    drops = operation.kind == "drop_index"
    if drops:
        consequence = (
            "It waits for every transaction that reads the table, and who comes later waits behind it; then it holds "
            "its lock until the migration commits."
        )
    else:
        consequence = "Nobody inserts, updates or deletes rows of it until the build ends and the migration commits."
    if table.kind == "partitioned table":
        remedy = (
            "Create the index ON ONLY the parent, concurrently on each partition in an autocommit block, and attach "
            "the parts to it."
        )
    else:
        remedy = "Do it in op.get_context().autocommit_block() with postgresql_concurrently=True, lock_timeout at 0."
    return Fault(
        step.revision,
        operation,
        f"{_WORDS[operation.kind]} {index_name(operation)} on {sized(table)} without CONCURRENTLY",
        lowered(severity) if drops else severity,
        consequence,
        remedy,
        (table,),
    )


_BUILD = 'op.create_index("ix_t_a", "t", ["a"])'
_MANY = given.table("t", reltuples=1_000_000.0)
_SOME = given.table("t", reltuples=5_000.0)

BAD = (
    Example(
        "an index of a table in use",
        sql=TABLE,
        given=(_SOME,),
        scripts=(revision("a1", up=_BUILD),),
        objects=("a1",),
        severity="medium",
        says=("builds ix_t_a", "about 5,000 rows", "(pending)", "until the build ends", "autocommit_block"),
    ),
    Example(
        "one that was measured",
        sql=TABLE,
        given=(proof(held=(Held("a1", "t", "ShareLock", 640, 618, "CREATE INDEX ix_t_a ON t (a)"),)),),
        scripts=(revision("a1", up=_BUILD),),
        objects=("a1",),
    ),
    Example("a large one", sql=TABLE, given=(_MANY,), scripts=(revision("a1", up=_BUILD),), severity="high"),
    Example(
        "a drop",
        sql=TABLE,
        given=(_SOME,),
        scripts=(revision("a1", up='op.drop_index("ix_t_b")'),),
        severity="low",
        says=("drops ix_t_b", "waits for every transaction"),
    ),
    Example(
        "raw SQL",
        sql=TABLE,
        given=(_SOME,),
        scripts=(revision("a1", up='op.execute("REINDEX INDEX ix_t_b")'),),
        severity="medium",
        says=("rebuilds",),
    ),
    Example(
        "an index that PostgreSQL names",
        sql=TABLE,
        scripts=(revision("a1", up='op.execute("CREATE INDEX ON t (a)")'),),
        says=("builds an index on",),
    ),
    Example(
        "two in one revision are one finding",
        sql=TABLE,
        given=(_SOME,),
        scripts=(revision("a1", up=_BUILD, then='op.create_index("ix_t_c", "t", ["c"])'),),
        says=("and 1 more",),
    ),
    Example(
        "history is one finding, and a low one",
        sql=TABLE + AT_FIRST.format("b2"),
        given=(_MANY,),
        scripts=(revision("a1", up=_BUILD), revision("b2", "a1", up='op.create_index("ix_t_c", "t", ["c"])')),
        objects=("migrations",),
        severity="low",
        says=("2 applied revisions", "last b2"),
    ),
    Example(
        "a partitioned table cannot have it concurrently",
        sql="CREATE TABLE t (id int, a int) PARTITION BY RANGE (id)",
        scripts=(revision("a1", up=_BUILD),),
        says=("attach",),
    ),
)
GOOD = (
    Example(
        "concurrently, in an autocommit block",
        sql=TABLE,
        scripts=(
            revision(
                "a1",
                up="with op.get_context().autocommit_block():",
                then='    op.create_index("ix_t_a", "t", ["a"], postgresql_concurrently=True)',
            ),
        ),
    ),
    Example(
        "on a table that the same revision makes",
        sql=TABLE,
        scripts=(revision("a1", up='op.create_table("t", sa.Column("a", sa.Integer))', then=_BUILD),),
    ),
    Example("on a table that this database does not have", scripts=(revision("a1", up=_BUILD),)),
    Example(
        "ON ONLY a partitioned table, which builds nothing",
        sql="CREATE TABLE t (id int, a int) PARTITION BY RANGE (id)",
        scripts=(revision("a1", up='op.execute("CREATE INDEX i ON ONLY t (a)")'),),
    ),
    Example("in a downgrade, which nobody plans", sql=TABLE, scripts=(revision("a1", down=_BUILD),)),
    Example("something else", sql=TABLE, scripts=(revision("a1", up='op.execute("COMMENT ON TABLE t IS NULL")'),)),
)
