"""CONCURRENTLY inside a transaction, where PostgreSQL refuses it.

What it finds:
    CREATE INDEX, DROP INDEX, REINDEX and DETACH PARTITION with CONCURRENTLY in upgrade() or downgrade(), in the
    transaction that Alembic began, or in one text with other statements, which makes a transaction of its own. Not
    where env.py speaks of AUTOCOMMIT or transactional_ddl, after a COMMIT of the script's own, nor where the database
    shows that such a revision did run on it.

Why it matters:
    The migration ends with an error. Of a downgrade that is found out on the day it is needed.

Evidence:
    The statement that Alembic sends, and the file and line that sends it.

Remedy:
    `with op.get_context().autocommit_block():` around it, in a revision of its own, one statement a call.

When to ignore:
    Scripts that something else than Alembic runs, outside of a transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pgproof.facts.migrations import Direction, Operation, Revision
from pgproof.facts.model import Facts
from pgproof.facts.questions import Question
from pgproof.rules.finding import Finding, NotChecked
from pgproof.rules.migrations._chain import chain_of, version_questions
from pgproof.rules.migrations._examples import AT_FIRST, TABLE, revision
from pgproof.rules.migrations._faults import Fault, report, unread
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="MIG04", slug="concurrently-inside-transaction", severity="high", needs=("migrations",))


def questions(facts: Facts) -> Iterator[Question]:
    """Ask which revisions the database has."""
    yield from version_questions(facts)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each revision that cannot run up, or cannot run down."""
    chain = chain_of(facts)
    revisions = chain.migrations.revisions
    if not any(chain.is_applied(each) and any(_refused(each.upgrade)) for each in revisions):
        faults = (fault for each in revisions for fault in _faults(each, applied=chain.is_applied(each)))
        # What cannot run down can still be mended where it once ran up, so nothing of it is history.
        yield from report(METADATA, replace(chain, applied=None), faults, "")
    yield from unread(chain)
    yield from unread(chain, "downgrade")


def _refused(direction: Direction) -> Iterator[Operation]:
    for operation in direction.operations:
        if operation.concurrently and operation.transaction is not None:
            yield operation


def _faults(revision: Revision, *, applied: bool) -> Iterator[Fault]:
    for name, direction in (("upgrade", revision.upgrade), ("downgrade", revision.downgrade)):
        for operation in _refused(direction):
            statement = " ".join(operation.sql.split())
            yield Fault(
                revision,
                operation,
                f"cannot {name}: {statement} runs inside a transaction",
                "medium" if applied else METADATA.severity,
                f"PostgreSQL refuses it (SQLSTATE 25001), so {name}() ends with an error and undoes what it did.",
                "Put it into op.get_context().autocommit_block(), alone in its call of op.",
            )


_INDEX = 'op.create_index("i", "t", ["a"], postgresql_concurrently=True)'
_DROP = 'op.drop_index("ix_t_b", postgresql_concurrently=True)'
_BLOCK = "with op.get_context().autocommit_block():"

BAD = (
    Example(
        "an index built in Alembic's transaction",
        sql=TABLE,
        scripts=(revision("a1", up=_INDEX),),
        objects=("a1",),
        severity="high",
        says=("cannot upgrade: CREATE INDEX CONCURRENTLY i ON t (a)", "25001", "autocommit_block"),
    ),
    Example(
        "a downgrade of a revision that was applied",
        sql=TABLE + AT_FIRST.format("a1"),
        scripts=(revision("a1", up=_BLOCK, then=f"    {_INDEX}", down=_DROP),),
        severity="medium",
        says=("cannot downgrade: DROP INDEX CONCURRENTLY ix_t_b",),
    ),
    Example("a downgrade of one to come", sql=TABLE, scripts=(revision("a1", down=_DROP),), severity="high"),
    Example(
        "after the block",
        sql=TABLE,
        scripts=(revision("a1", up=_BLOCK, then=f"    op.execute('SELECT 1')\n{_INDEX}"),),
    ),
    Example(
        "two statements in one text make a transaction",
        sql=TABLE,
        scripts=(
            revision(
                "a1", up=_BLOCK, then='    op.execute("SET lock_timeout = 0; CREATE INDEX CONCURRENTLY i ON t (a)")'
            ),
        ),
    ),
    Example(
        "a partition detached",
        scripts=(revision("a1", up='op.execute("ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY")'),),
    ),
)
GOOD = (
    Example("in a block", sql=TABLE, scripts=(revision("a1", up=_BLOCK, then=f"    {_INDEX}"),)),
    Example("not concurrently", sql=TABLE, scripts=(revision("a1", up='op.create_index("i", "t", ["a"])'),)),
    Example(
        "after a COMMIT, where it depends on the driver",
        sql=TABLE,
        scripts=(revision("a1", up='op.execute("COMMIT")', then=_INDEX),),
    ),
    Example(
        "a chain that shows that env.py does otherwise",
        sql=TABLE + AT_FIRST.format("a1"),
        scripts=(revision("a1", up=_INDEX, down=_DROP), revision("b2", "a1", up=_INDEX)),
    ),
    Example(
        "a view refreshed, which may be in a transaction",
        sql=TABLE,
        scripts=(revision("a1", up='op.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY v")'),),
    ),
)
