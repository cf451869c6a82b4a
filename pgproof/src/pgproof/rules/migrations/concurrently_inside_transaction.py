"""CONCURRENTLY inside a transaction, where PostgreSQL refuses it.

What it finds:
    CREATE INDEX, DROP INDEX, REINDEX and DETACH PARTITION with CONCURRENTLY in upgrade() or downgrade(), in the
    transaction that Alembic began, or in one text with other statements, which makes a transaction of its own. Not
    where env.py speaks of AUTOCOMMIT or transactional_ddl, after a COMMIT of the script's own, nor where the database
    shows that such a revision did run on it.

Why it matters:
    The migration ends with an error. Of a downgrade that is found out on the day it is needed.

Evidence:
    The statement that Alembic sends, and the file and line that sends it. With `--proof` what PostgreSQL said to it on
    a scratch copy, and no finding where it ran there.

Remedy:
    `with op.get_context().autocommit_block():` around it, in a revision of its own, one statement a call.

When to ignore:
    Scripts that something else than Alembic runs, outside of a transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from pgproof.facts.experiments import Failed
from pgproof.facts.migrations import Direction, Operation, Revision
from pgproof.facts.model import Facts
from pgproof.facts.questions import Question
from pgproof.rules.chain import Chain, chain_of, version_questions
from pgproof.rules.finding import Evidence, Finding, NotChecked
from pgproof.rules.migrations._examples import AT_FIRST, TABLE, proof, revision
from pgproof.rules.migrations._experiments import proven, seen, sent
from pgproof.rules.migrations._faults import Fault, report, unread
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="MIG04", slug="concurrently-inside-transaction", severity="high", needs=("migrations",))

_KIND = "concurrently in a transaction"
"""What a proof calls it."""


def questions(facts: Facts) -> Iterator[Question]:
    """Ask which revisions the database has."""
    yield from version_questions(facts)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each revision that cannot run up, or cannot run down."""
    chain = chain_of(facts)
    revisions = chain.migrations.revisions
    if not any(chain.is_applied(each) and any(_refused(each.upgrade)) for each in revisions):
        faults = [fault for each in revisions for fault in _faults(facts, each, applied=chain.is_applied(each))]
        if facts.experiments is not None:
            faults += _refused_in_proof(facts, chain, {fault.revision.id for fault in faults})
        # What cannot run down can still be mended where it once ran up, so nothing of it is history.
        yield from report(METADATA, replace(chain, applied=None), faults, "")
    yield from unread(chain)
    yield from unread(chain, "downgrade")


def _refused(direction: Direction) -> Iterator[Operation]:
    for operation in direction.operations:
        if operation.concurrently and operation.transaction is not None:
            yield operation


def _faults(facts: Facts, revision: Revision, *, applied: bool) -> Iterator[Fault]:
    tried = facts.experiments
    for name, direction in (("upgrade", revision.upgrade), ("downgrade", revision.downgrade)):
        if tried is not None and revision.id in (tried.upgraded if name == "upgrade" else tried.downgraded):
            continue
        for operation in _refused(direction):
            said = tuple(_said(facts, each) for each in _failed(facts, revision) if each.direction == name)
            yield _fault(revision, name, operation, applied=applied, said=said)


def _refused_in_proof(facts: Facts, chain: Chain, known: Collection[str]) -> Iterator[Fault]:
    """What PostgreSQL refused in a run, and no script shows."""
    for proved in proven(facts, chain):
        for each in _failed(facts, proved):
            if proved.id not in known:
                operation = sent(proved, each.statement)
                applied = chain.is_applied(proved)
                yield _fault(proved, each.direction, operation, applied=applied, said=(_said(facts, each),))


def _failed(facts: Facts, revision: Revision) -> Iterator[Failed]:
    for each in facts.experiments.failed if facts.experiments else ():
        if each.kind == _KIND and each.revision == revision.id:
            yield each


def _said(facts: Facts, each: Failed) -> Evidence:
    return seen(facts, each.statement or f"alembic {each.direction}", f"failed: {each.said}")


def _fault(revision: Revision, name: str, operation: Operation, *, applied: bool, said: tuple[Evidence, ...]) -> Fault:
    return Fault(
        revision,
        operation,
        f"cannot {name}: {' '.join(operation.sql.split())} runs inside a transaction",
        "medium" if applied else METADATA.severity,
        f"PostgreSQL refuses it (SQLSTATE 25001), so {name}() ends with an error and undoes what it did.",
        "Put it into op.get_context().autocommit_block(), alone in its call of op.",
        seen=said,
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
    Example(
        "a script that asks the database, seen in a run",
        sql=TABLE,
        given=(proof(failed=(Failed("a1", "upgrade", "CREATE INDEX CONCURRENTLY i ON t (a)", "no", _KIND),)),),
        scripts=(revision("a1", up='if op.get_bind().scalar(sa.text("SELECT 1")):', then=f"    {_INDEX}"),),
        says=("cannot upgrade: CREATE INDEX CONCURRENTLY i ON t (a)",),
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
    Example(
        "one that ran all the same",
        sql=TABLE,
        given=(proof(upgraded=("a1",), downgraded=("a1",)),),
        scripts=(revision("a1", up=_INDEX, down=_DROP),),
    ),
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
