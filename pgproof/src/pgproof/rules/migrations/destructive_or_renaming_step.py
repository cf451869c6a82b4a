"""A step that running code does not survive.

What it finds:
    Upgrades that drop, rename or move a table or a column that the database has, or empty a table.

Why it matters:
    While a release is rolled out, old and new code run side by side: one of them does not know the name, and its
    statements end with an error. What was dropped comes back from a backup alone, whatever downgrade() says.

Evidence:
    The statement that Alembic sends, the file and line that sends it, the rows that the catalog estimates, and the
    models where they are given.

Remedy:
    Expand, then contract: add the new column, write both, move the reads, and drop the old one in a release after the
    last code that reads it is gone. A table is renamed behind a view of the old name.

When to ignore:
    What no running code has used for a release.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.model import Facts
from pgproof.facts.questions import Question
from pgproof.rules import given
from pgproof.rules.chain import chain_of, version_questions
from pgproof.rules.finding import Finding, NotChecked
from pgproof.rules.migrations._examples import AT_FIRST, TABLE, revision
from pgproof.rules.migrations._faults import Fault, Step, report, sized, steps, unread
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.severity import by_size

METADATA = Metadata(code="MIG12", slug="destructive-or-renaming-step", severity="medium", needs=("migrations",))

_RENAMES = ("rename_table", "rename_column")
_DESTROYS = ("drop_table", "drop_column", "truncate")


def questions(facts: Facts) -> Iterator[Question]:
    """Ask which revisions the database has."""
    yield from version_questions(facts)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each revision that drops, empties or renames what code may use."""
    chain = chain_of(facts)
    faults = (_fault(step) for step in steps(facts, chain) if _breaks(step))
    yield from report(METADATA, chain, faults, "dropped, emptied or renamed what code may have used")
    yield from unread(chain)


def _breaks(step: Step) -> bool:
    operation = step.operation
    if operation.kind not in (*_RENAMES, *_DESTROYS):
        return False
    return all(any(each.name == name for each in step.table.columns) for name in operation.columns)


def _fault(step: Step) -> Fault:
    operation, table = step.operation, step.table
    column = next(iter(operation.columns), "")
    what = {
        "rename_table": f"renames or moves {sized(table)} to {operation.new_name}",
        "rename_column": f"renames {table.qualified_name}.{column} to {operation.new_name}",
        "drop_table": f"drops {sized(table)}",
        "drop_column": f"drops {column} of {sized(table)}",
        "truncate": f"empties {sized(table)}",
    }[operation.kind]
    if operation.kind in _RENAMES:
        severity = METADATA.severity
        consequence = "Code that runs with the old name, or that comes with the new one too early, fails from then on."
        remedy = "Add the new name beside the old one, move the code over, and drop the old one in a later release."
    else:
        severity = by_size(METADATA.severity, table)
        consequence = (
            "What it holds is gone with the commit, and code that still reads it fails; no downgrade brings it back."
        )
        remedy = "Drop it in a release after the last code that uses it is gone, with a backup taken before."
    return Fault(step.revision, operation, what, severity, consequence, remedy, (table,))


_SOME = given.table("t", reltuples=5_000.0)


def _one(line: str) -> tuple[str, ...]:
    return (revision("a1", up=line),)


BAD = (
    Example(
        "a column dropped",
        sql=TABLE,
        given=(_SOME,),
        scripts=_one('op.drop_column("t", "a")'),
        objects=("a1",),
        severity="medium",
        says=("drops a of", "about 5,000 rows", "no downgrade"),
    ),
    Example(
        "of a large table",
        sql=TABLE,
        given=(given.table("t", reltuples=1e6),),
        severity="high",
        scripts=_one('op.drop_column("t", "a")'),
    ),
    Example("a table dropped", sql=TABLE, given=(_SOME,), scripts=_one('op.drop_table("t")'), says=("drops",)),
    Example("an empty one", sql=TABLE, scripts=_one('op.drop_table("t")'), severity="low"),
    Example("a table emptied", sql=TABLE, given=(_SOME,), scripts=_one('op.execute("TRUNCATE t")'), says=("empties",)),
    Example(
        "a table renamed",
        sql=TABLE,
        scripts=_one('op.rename_table("t", "u")'),
        severity="medium",
        says=("renames or moves", "to u"),
    ),
    Example(
        "a column renamed", sql=TABLE, scripts=_one('op.alter_column("t", "a", new_column_name="z")'), says=(".a to z",)
    ),
    Example("history", sql=TABLE + AT_FIRST.format("a1"), scripts=_one('op.rename_table("t", "u")'), severity="low"),
)
GOOD = (
    Example(
        "a column that is not there", sql=TABLE, scripts=_one('op.execute("ALTER TABLE t DROP COLUMN IF EXISTS z")')
    ),
    Example("a table that is not there", sql=TABLE, scripts=_one('op.drop_table("u")')),
    Example(
        "what the same revision made",
        sql=TABLE,
        scripts=(revision("a1", up='op.create_table("t", sa.Column("a", sa.Integer))', then='op.drop_table("t")'),),
    ),
    Example("a constraint dropped", sql=TABLE, scripts=_one('op.drop_constraint("t_pkey", "t")')),
    Example("an index dropped", sql=TABLE, scripts=_one('op.drop_index("ix_t_b")')),
    Example("a column added", sql=TABLE, scripts=_one('op.add_column("t", sa.Column("z", sa.Integer))')),
)
