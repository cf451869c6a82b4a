"""A constraint whose rows are checked while everybody waits.

What it finds:
    In upgrades of a table in use: foreign keys and checks added without NOT VALID, unique and primary keys without
    USING INDEX, SET NOT NULL without a check that proves it, and VALIDATE CONSTRAINT in the transaction that added the
    constraint, whose lock it still holds. A column that the same statement adds with REFERENCES has nothing to check.

Why it matters:
    All rows are read, or an index is built, under a lock that keeps writers out, for most of them readers as well; a
    foreign key locks the table that it refers to, too.

Evidence:
    The statement that Alembic sends, and the file and line that sends it. With `--proof` the locks that it was seen to
    hold on a scratch copy, and how long a request waited for them.

Remedy:
    `op.create_foreign_key(..., postgresql_not_valid=True)`, then `ALTER TABLE ... VALIDATE CONSTRAINT ...` in a later
    revision. For NOT NULL a check `(c IS NOT NULL) NOT VALID`, validated, before SET NOT NULL. For a unique key a
    unique index built concurrently, then ADD CONSTRAINT ... UNIQUE USING INDEX.

When to ignore:
    Migrations that run while the application is stopped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from pgproof.facts.experiments import Held
from pgproof.facts.migrations import Operation
from pgproof.facts.model import Facts
from pgproof.facts.questions import Question
from pgproof.rules import given
from pgproof.rules.chain import Chain, chain_of, version_questions
from pgproof.rules.finding import Finding, NotChecked
from pgproof.rules.migrations._examples import AT_FIRST, TABLE, proof, revision
from pgproof.rules.migrations._experiments import locks_seen
from pgproof.rules.migrations._faults import Fault, Step, report, sized, steps, unread
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.severity import by_size

METADATA = Metadata(code="MIG05", slug="constraint-validated-under-lock", severity="medium", needs=("migrations",))

_INDEXED = ("unique", "primary key", "exclusion")


def questions(facts: Facts) -> Iterator[Question]:
    """Ask which revisions the database has."""
    yield from version_questions(facts)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each revision that checks rows under a lock."""
    chain = chain_of(facts)
    faults = (fault for step in steps(facts, chain) if (fault := _fault(chain, step)) is not None)
    measured = (replace(fault, seen=locks_seen(facts, fault)) for fault in faults)
    yield from report(METADATA, chain, measured, "checked all rows of a table under a lock")
    yield from unread(chain)


def _fault(chain: Chain, step: Step) -> Fault | None:
    operation, constraint = step.operation, step.operation.constraint
    if operation.kind == "set_not_null":
        return None if _is_proven(chain, step) else _made(step, "sets NOT NULL on", *_NOT_NULL)
    if operation.kind == "validate_constraint" and _added(step):
        return _made(step, "validates, in the transaction that added it, a constraint of", *_VALIDATED)
    if constraint is None or constraint.not_valid or constraint.using_index:
        return None
    if constraint.kind in _INDEXED:
        return _made(step, f"adds a {constraint.kind} constraint, with its index, to", *_KEY)
    if constraint.inline:
        # A column that comes with its reference or check is empty, or has one value that is known.
        return None
    what, (consequence, remedy) = f"adds a {constraint.kind} constraint to", _CHECKED[constraint.kind]
    referenced = ", ".join(str(each) for each in operation.references)
    return _made(step, what, consequence.format(referenced=referenced), remedy)


_NOT_NULL = (
    "Nobody reads or writes the table until every row has been looked at.",
    "Add a check (column IS NOT NULL) NOT VALID, validate it in a later revision, then set NOT NULL.",
)
_VALIDATED = (
    "The lock of ADD CONSTRAINT is held until the transaction ends, so all rows are checked under it after all.",
    "Validate it in a revision of its own, with transaction_per_migration, or in an autocommit block.",
)
_KEY = (
    "Nobody reads or writes the table until the index is built.",
    "Build a unique index concurrently, then ADD CONSTRAINT ... USING INDEX, which takes no time.",
)
_CHECKED = {
    "foreign key": (
        "Nobody writes to it or to {referenced} until every row has been looked up.",
        "Add it with postgresql_not_valid=True and VALIDATE CONSTRAINT in a later revision.",
    ),
    "check": (
        "Nobody reads or writes the table until every row has been looked at.",
        "Add it with postgresql_not_valid=True and VALIDATE CONSTRAINT in a later revision.",
    ),
    "not null": _NOT_NULL,
}


def _made(step: Step, what: str, consequence: str, remedy: str) -> Fault:
    return Fault(
        step.revision,
        step.operation,
        f"{what} {sized(step.table)} and checks all rows under the lock",
        by_size(METADATA.severity, step.table),
        consequence,
        remedy,
        (step.table,),
    )


def _added(step: Step) -> bool:
    """Whether the transaction of a validation is the one that added the constraint."""
    return step.operation.transaction is not None and any(
        (each.name, each.table, each.transaction)
        == (step.operation.name, step.operation.table, step.operation.transaction)
        for each in step.before
    )


def _is_proven(chain: Chain, step: Step) -> bool:
    """Whether the column is NOT NULL already, or a check says so that is valid, or made so by what comes before."""
    (name,) = step.operation.columns
    if any(column.name == name and column.not_null for column in step.table.columns):
        return not chain.is_applied(step.revision)
    proofs: dict[str | None, bool] = {
        each.name: each.validated for each in step.table.checks if _says_not_null(each.expression, name)
    }
    for each in _earlier(chain, step):
        if each.constraint is not None and _says_not_null(each.constraint.expression, name):
            proofs[each.name] = not each.constraint.not_valid
        elif each.kind == "validate_constraint" and each.name in proofs:
            proofs[each.name] = True
        elif each.kind == "drop_constraint":
            proofs.pop(each.name, None)
    return any(proofs.values())


def _earlier(chain: Chain, step: Step) -> Iterator[Operation]:
    """Operations on the same table that come before, in this revision or in those before it."""
    names = chain.migrations.lineage(step.revision.id) - {step.revision.id}
    for each in chain.migrations.revisions:
        if each.id in names:
            yield from (one for one in each.upgrade.operations if one.table == step.operation.table)
    yield from (one for one in step.before if one.table == step.operation.table)


def _says_not_null(expression: str | None, column: str) -> bool:
    plain = re.sub(r'[()"\s]+', " ", expression or "").strip().lower()
    return plain == f"{column.lower()} is not null"


_SOME = given.table("t", reltuples=5_000.0)
_KEYS = TABLE + "; CREATE TABLE u (id int PRIMARY KEY, a int)"
_REFERENCE = 'op.create_foreign_key("fk", "t", "u", ["a"], ["id"]{})'
_NOT_VALID = ", postgresql_not_valid=True"
_VALIDATE = 'op.execute("ALTER TABLE t VALIDATE CONSTRAINT {}")'
_SET = 'op.alter_column("t", "a", nullable=False)'
_PROOF = 'op.execute("ALTER TABLE t ADD CONSTRAINT c CHECK ({}) {}")'
_BLOCK = "with op.get_context().autocommit_block():"


def _one(line: str, then: str = "") -> tuple[str, ...]:
    return (revision("a1", up=line, then=then),)


BAD = (
    Example(
        "NOT NULL after a check of something else was validated",
        sql=TABLE,
        scripts=(
            revision("a1", up=_PROOF.format("a > 0", "NOT VALID")),
            revision("b2", "a1", up=_VALIDATE.format("c")),
            revision("c3", "b2", up=_SET),
        ),
        objects=("c3",),
    ),
    Example(
        "a foreign key",
        sql=_KEYS,
        given=(_SOME,),
        scripts=_one(_REFERENCE.format("")),
        objects=("a1",),
        severity="medium",
        says=("adds a foreign key constraint to", "about 5,000 rows", "to it or to u until"),
    ),
    Example(
        "one that was measured",
        sql=_KEYS,
        given=(proof(held=(Held("a1", "t", "ShareRowExclusiveLock", 640, None, "ALTER TABLE t ADD"),)),),
        scripts=_one(_REFERENCE.format("")),
        objects=("a1",),
    ),
    Example(
        "a large table",
        sql=_KEYS,
        given=(given.table("t", reltuples=1e6),),
        scripts=_one(_REFERENCE.format("")),
        severity="high",
    ),
    Example(
        "a check",
        sql=TABLE,
        scripts=_one('op.create_check_constraint("c", "t", "a > 0")'),
        says=("a check constraint",),
    ),
    Example(
        "a unique key", sql=TABLE, scripts=_one('op.create_unique_constraint("c", "t", ["a"])'), says=("USING INDEX",)
    ),
    Example("a unique column", sql=TABLE, scripts=_one('op.execute("ALTER TABLE t ADD n int UNIQUE")')),
    Example(
        "NOT NULL after a foreign key",
        sql=_KEYS,
        scripts=_one(_REFERENCE.format(_NOT_VALID), _SET),
        says=("sets NOT NULL on",),
    ),
    Example(
        "NOT NULL after a check that is not valid",
        sql=TABLE,
        scripts=_one(_PROOF.format("a IS NOT NULL", "NOT VALID"), _SET),
    ),
    Example(
        "NOT NULL after the check was dropped",
        sql=TABLE + "; ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL)",
        scripts=_one('op.drop_constraint("c", "t")', _SET),
    ),
    Example(
        "NOT NULL before the check",
        sql=TABLE,
        scripts=(revision("a1", up=_SET), revision("b2", "a1", up=_PROOF.format("a IS NOT NULL", "NOT VALID"))),
    ),
    Example(
        "NOT NULL before the check was validated",
        sql=TABLE + "; ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID",
        scripts=(revision("a1", up=_SET), revision("b2", "a1", up=_VALIDATE.format("c"))),
    ),
    Example(
        "NOT NULL after another check was validated",
        sql=TABLE + "; ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
        scripts=_one(_VALIDATE.format("c"), _SET),
    ),
    Example(
        "NOT NULL after a check of another table in a revision before",
        sql=_KEYS,
        scripts=(
            revision("a1", up='op.execute("ALTER TABLE u ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID")'),
            revision("b2", "a1", up='op.execute("ALTER TABLE u VALIDATE CONSTRAINT c")'),
            revision("c3", "b2", up=_SET),
        ),
    ),
    Example(
        "NOT NULL after a check of something else", sql=TABLE + "; ALTER TABLE t ADD CHECK (a > 0)", scripts=_one(_SET)
    ),
    Example(
        "NOT NULL after a check of another table",
        sql=_KEYS,
        scripts=_one(
            'op.execute("ALTER TABLE u ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID")',
            'with op.get_context().autocommit_block():\n    op.execute("ALTER TABLE u VALIDATE CONSTRAINT c")\n' + _SET,
        ),
    ),
    Example(
        "validated in the transaction that added it",
        sql=_KEYS,
        scripts=_one(_REFERENCE.format(_NOT_VALID), _VALIDATE.format("fk")),
        says=("transaction that added it",),
    ),
    Example(
        "history",
        sql=_KEYS + AT_FIRST.format("a1"),
        scripts=_one(_REFERENCE.format("")),
        severity="low",
        says=("1 applied revision checked",),
    ),
    Example(
        "NOT NULL that was set",
        sql=TABLE + "; ALTER TABLE t ALTER a SET NOT NULL" + AT_FIRST.format("a1"),
        scripts=_one(_SET),
        severity="low",
    ),
)
GOOD = (
    Example(
        "a constraint that is added and dropped",
        sql=_KEYS,
        scripts=_one(_REFERENCE.format(_NOT_VALID), 'op.drop_constraint("fk", "t")'),
    ),
    Example("a foreign key that is not valid yet", sql=_KEYS, scripts=_one(_REFERENCE.format(_NOT_VALID))),
    Example(
        "validated later",
        sql=_KEYS,
        scripts=(revision("a1", up=_REFERENCE.format(_NOT_VALID)), revision("b2", "a1", up=_VALIDATE.format("fk"))),
    ),
    Example(
        "validated in a block of its own",
        sql=_KEYS,
        scripts=_one(_REFERENCE.format(_NOT_VALID), _BLOCK + "\n    " + _VALIDATE.format("fk")),
    ),
    Example(
        "both in a block",
        sql=_KEYS,
        scripts=_one(_BLOCK, "    " + _REFERENCE.format(_NOT_VALID) + "\n    " + _VALIDATE.format("fk")),
    ),
    Example(
        "another constraint validated", sql=_KEYS, scripts=_one(_REFERENCE.format(_NOT_VALID), _VALIDATE.format("o"))
    ),
    Example(
        "an index that is taken over",
        sql=TABLE,
        scripts=_one('op.execute("ALTER TABLE t ADD CONSTRAINT c UNIQUE USING INDEX ix_t_b")'),
    ),
    Example(
        "a column with its reference", sql=_KEYS, scripts=_one('op.execute("ALTER TABLE t ADD n int REFERENCES u")')
    ),
    Example(
        "NOT NULL that a check of the table proves",
        sql=TABLE + "; ALTER TABLE t ADD CHECK (a IS NOT NULL)",
        scripts=_one(_SET),
    ),
    Example(
        "NOT NULL that a validated check proves, beside an index of its name",
        sql=TABLE,
        scripts=(
            revision("a1", up=_PROOF.format("a IS NOT NULL", "NOT VALID")),
            revision("b2", "a1", up=_VALIDATE.format("c"), then='op.create_index("c", "t", ["a"])'),
            revision("c3", "b2", up=_SET),
        ),
    ),
    Example("NOT NULL where it is", sql=TABLE + "; ALTER TABLE t ALTER a SET NOT NULL", scripts=_one(_SET)),
    Example(
        "a table that the same revision makes",
        sql=_KEYS,
        scripts=_one('op.create_table("t", sa.Column("a", sa.Integer))', _REFERENCE.format("")),
    ),
)
