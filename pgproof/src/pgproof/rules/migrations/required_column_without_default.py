"""A column that existing rows cannot have.

What it finds:
    An upgrade, not applied yet, that adds a NOT NULL column without a default, identity or expression to a table that
    holds rows. Alembic's autogenerate writes this for every new column that a model requires.

Why it matters:
    PostgreSQL refuses it: the upgrade ends with an error, and with it the deployment.

Evidence:
    The statement that Alembic sends, and the rows that the catalog estimates.

Remedy:
    Add it with a `server_default`, which rewrites nothing as long as it is not volatile; or nullable, filled in
    batches, then made NOT NULL by a validated check.

When to ignore:
    Never; where the table is empty in production, nothing is reported there.
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

METADATA = Metadata(code="MIG15", slug="required-column-without-default", severity="high", needs=("migrations",))


def questions(facts: Facts) -> Iterator[Question]:
    """Ask which revisions the database has."""
    yield from version_questions(facts)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each revision to come that adds a column which existing rows cannot have."""
    chain = chain_of(facts)
    faults = (_fault(step) for step in steps(facts, chain) if not chain.is_applied(step.revision) and _fails(step))
    yield from report(METADATA, chain, faults, "")
    yield from unread(chain)


def _fails(step: Step) -> bool:
    column = step.operation.column
    if column is None or not step.table.estimated_rows:
        return False
    has_value = column.identity or column.generated is not None or (column.default or "null").lower() != "null"
    there = any(each.name == column.name for each in step.table.columns)
    emptied = any(each.kind == "truncate" and each.table == step.operation.table for each in step.before)
    return column.not_null and not has_value and not there and not emptied


def _fault(step: Step) -> Fault:
    column = step.operation.column
    assert column is not None, "it is added"
    return Fault(
        step.revision,
        step.operation,
        f"adds {column.name} NOT NULL without a default to {sized(step.table)}",
        METADATA.severity,
        "PostgreSQL refuses it, since the rows that are there would have NULL, so the upgrade ends with an error.",
        "Give it a server_default, or add it nullable, fill it in batches and make it NOT NULL afterwards.",
        (step.table,),
    )


_ROWS = TABLE + "; INSERT INTO t VALUES (1); ANALYZE t"


def _added(column: str, before: str = "pass") -> tuple[str, ...]:
    return (revision("a1", up=before, then=f'op.add_column("t", sa.Column("n", {column}))'),)


BAD = (
    Example(
        "after something else was done to the table",
        sql=_ROWS,
        scripts=_added("sa.Integer, nullable=False", before='op.drop_column("t", "b")'),
    ),
    Example(
        "as autogenerate writes it",
        sql=_ROWS,
        scripts=_added("sa.Integer, nullable=False"),
        objects=("a1",),
        severity="high",
        says=("adds n NOT NULL without a default", "about 1 row)"),
    ),
    Example(
        "a default of NULL", sql=_ROWS, scripts=_added('sa.Integer, nullable=False, server_default=sa.text("NULL")')
    ),
    Example(
        "a key",
        sql="CREATE TABLE t (a int); INSERT INTO t VALUES (1); ANALYZE t",
        scripts=(revision("a1", up='op.execute("ALTER TABLE t ADD n int PRIMARY KEY")'),),
    ),
    Example(
        "another table is emptied",
        sql=_ROWS,
        scripts=_added("sa.Integer, nullable=False", before='op.execute("TRUNCATE u")'),
    ),
)
GOOD = (
    Example("with a default", sql=_ROWS, scripts=_added('sa.Integer, nullable=False, server_default="0"')),
    Example("nullable", sql=_ROWS, scripts=_added("sa.Integer")),
    Example("numbered", sql=_ROWS, scripts=_added("sa.Integer, sa.Identity(), nullable=False")),
    Example(
        "generated", sql=_ROWS, scripts=_added('sa.Integer, sa.Computed("id + 1", persisted=True), nullable=False')
    ),
    Example("a table without rows", sql=TABLE + "; ANALYZE t", scripts=_added("sa.Integer, nullable=False")),
    Example(
        "a table that nobody counted",
        sql=TABLE,
        given=(given.table("t", reltuples=-1.0, heap_bytes=None),),
        scripts=_added("sa.Integer, nullable=False"),
    ),
    Example("it ran", sql=_ROWS + AT_FIRST.format("a1"), scripts=_added("sa.Integer, nullable=False")),
    Example(
        "a table that is emptied before",
        sql=_ROWS,
        scripts=_added("sa.Integer, nullable=False", before='op.execute("TRUNCATE t")'),
    ),
    Example(
        "IF NOT EXISTS, and it does",
        sql=TABLE + "; ALTER TABLE t ADD n int; INSERT INTO t VALUES (1); ANALYZE t",
        scripts=(revision("a1", up='op.execute("ALTER TABLE t ADD COLUMN IF NOT EXISTS n int NOT NULL")'),),
    ),
    Example(
        "NOT NULL of a column that is there",
        sql=_ROWS,
        scripts=(revision("a1", up='op.alter_column("t", "id", nullable=False)'),),
    ),
)
