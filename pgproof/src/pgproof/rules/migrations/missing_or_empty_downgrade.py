"""A revision that cannot be undone, or only seems to be.

What it finds:
    Upgrades that change the schema without a downgrade(), or with one that sends nothing. A downgrade that raises says
    plainly that there is no way back, and is left alone, as is one of an upgrade that moves rows, validates a
    constraint or adds a label to an enum, which PostgreSQL cannot take back.

Why it matters:
    `alembic downgrade` moves the version back and leaves the schema as it is, on the day when a release has to be taken
    back: older code meets the newer schema, and the next upgrade meets what it made before.

Evidence:
    What Alembic sends up and down; where upgrade() could not be read without a database, what its source calls.

Remedy:
    Write the operations that undo it, last one first, or `raise NotImplementedError("...")` where nothing can.

When to ignore:
    Projects that only ever go forward; let the scripts raise, then nothing is reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.migrations import Revision
from pgproof.facts.model import Facts
from pgproof.facts.questions import Question
from pgproof.rules.chain import chain_of, version_questions
from pgproof.rules.finding import Finding, NotChecked
from pgproof.rules.migrations._downgrades import not_taken_back
from pgproof.rules.migrations._examples import AT_FIRST, TABLE, revision
from pgproof.rules.migrations._faults import Fault, report
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="MIG08", slug="missing-or-empty-downgrade", severity="medium", needs=("migrations",))


def questions(facts: Facts) -> Iterator[Question]:
    """Ask which revisions the database has."""
    yield from version_questions(facts)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each revision that changes the schema and cannot change it back."""
    chain = chain_of(facts)
    faults = (fault for each in chain.migrations.revisions if (fault := _fault(each)) is not None)
    yield from report(METADATA, chain, faults, "cannot be undone")


def _fault(revision: Revision) -> Fault | None:
    change = not_taken_back(revision)
    if change is None:
        return None
    # A function that sends nothing may do so under a condition that does not hold for PostgreSQL.
    what = "has no downgrade()" if revision.downgrade.line is None else "has a downgrade() that does nothing"
    return Fault(
        revision,
        change,
        f"changes the schema and {what}",
        METADATA.severity,
        "A downgrade moves the version back and leaves the schema as it is, so older code meets the newer schema.",
        "Write what undoes it, last operation first, or let it raise where nothing can.",
    )


_ADD = 'op.add_column("t", sa.Column("n", sa.Integer))'
_DROP = 'op.drop_column("t", "n")'
_ASKS = 'if not op.get_bind().scalar(sa.text("SELECT 1")):'

BAD = (
    Example(
        "an empty downgrade",
        sql=TABLE,
        scripts=(revision("a1", up=_ADD),),
        objects=("a1",),
        severity="medium",
        says=("changes the schema and has a downgrade() that does nothing",),
    ),
    Example(
        "none at all",
        sql=TABLE,
        scripts=(revision("a1", up=_ADD).partition("def downgrade")[0],),
        says=("has no downgrade()",),
    ),
    Example(
        "one that says so and does nothing", scripts=(revision("a1", up=_ADD, down='reason = "there is no way back"'),)
    ),
    Example("a view made by SQL", scripts=(revision("a1", up='op.execute("CREATE VIEW v AS SELECT 1")'),)),
    Example("an upgrade that asks the database", scripts=(revision("a1", up=_ASKS, then=f"    {_ADD}"),)),
    Example("a script that cannot be imported", scripts=("import nowhere\n" + revision("a1", up=_ADD),)),
    Example(
        "one that cannot be imported, without a downgrade",
        scripts=("import nowhere\n" + revision("a1", up=_ADD).partition("def downgrade")[0],),
    ),
    Example(
        "history",
        sql=AT_FIRST.format("b2"),
        severity="low",
        says=("2 applied revisions cannot be undone, last b2",),
        scripts=(revision("a1", up=_ADD), revision("b2", "a1", up=_DROP)),
    ),
)
GOOD = (
    Example("a label of an enum", scripts=(revision("a1", up="op.execute(\"ALTER TYPE e ADD VALUE 'x'\")"),)),
    Example("a validation", scripts=(revision("a1", up='op.execute("ALTER TABLE t VALIDATE CONSTRAINT c")'),)),
    Example(
        "a change of another database",
        scripts=(revision("a1", up='if op.get_context().dialect.name == "mysql":', then=f"    {_ADD}"),),
    ),
    Example("undone", scripts=(revision("a1", up=_ADD, down=_DROP),)),
    Example(
        "a downgrade that refuses", scripts=(revision("a1", up=_ADD, down='raise NotImplementedError("no way back")'),)
    ),
    Example("one that asks the database", scripts=(revision("a1", up=_ADD, down=f"{_ASKS} pass"),)),
    Example("rows alone", scripts=(revision("a1", up='op.execute("UPDATE t SET a = 1")'),)),
    Example("a lookup", scripts=(revision("a1", up='op.execute("SELECT 1")'),)),
    Example("a revision that joins two", scripts=(revision("a1"),)),
    Example("an upgrade that asks and moves rows", scripts=(revision("a1", up=f"{_ASKS} op.bulk_insert()"),)),
    Example(
        "a script that cannot be imported, with one",
        scripts=("import nowhere\n" + revision("a1", up=_ADD, down=_DROP),),
    ),
)
