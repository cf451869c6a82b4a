"""A table that is written anew while everybody waits.

What it finds:
    Upgrades of a table in use that certainly rewrite it: a type changed into one that is stored otherwise or checked
    more narrowly (integer to bigint, a shorter varchar), or through USING; a column added with a volatile default, as
    serial or identity, or generated and stored; SET LOGGED, UNLOGGED, TABLESPACE and ACCESS METHOD, VACUUM FULL and
    CLUSTER. A longer varchar, a constant default and now() rewrite nothing. Where the old type is known neither from
    `existing_type` nor from the catalog, nothing is said. With `--proof` also what was seen to have another file
    afterwards, whatever did it.

Why it matters:
    Neither readers nor writers get in until the copy of the table and all its indexes are built anew, and the disk
    holds both meanwhile.

Evidence:
    The statement that Alembic sends, the file and line that sends it, and the column's type in the catalog. With
    `--proof` the file of the table (pg_relation_filenode) before and after, its size, and how long it took.

Remedy:
    Add a column of the new type without a default, fill it in batches, let the application read it, drop the old one
    in a later release.

When to ignore:
    Migrations that run while the application is stopped.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace

from pgproof.facts.catalog import Table
from pgproof.facts.experiments import Rewritten
from pgproof.facts.migrations import ColumnChange, Operation, Revision
from pgproof.facts.model import Facts
from pgproof.facts.questions import Question
from pgproof.rules import given
from pgproof.rules.chain import Chain, chain_of, version_questions
from pgproof.rules.finding import Evidence, Finding, NotChecked
from pgproof.rules.migrations._examples import AT_FIRST, TABLE, proof, revision
from pgproof.rules.migrations._experiments import experiments_of, proven, seen, sent, table_called
from pgproof.rules.migrations._faults import Fault, Step, report, sized, steps, unread
from pgproof.rules.migrations._types import rewrites
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.severity import by_size

METADATA = Metadata(code="MIG06", slug="table-rewrite", severity="medium", needs=("migrations",))

_MEGABYTE = 1_000_000
_VOLATILE = re.compile(
    r"\b(random|gen_random_uuid|uuid_generate_v\w+|uuidv[47]|clock_timestamp|timeofday|nextval|txid_current)\s*\(",
    re.IGNORECASE,
)


def questions(facts: Facts) -> Iterator[Question]:
    """Ask which revisions the database has."""
    yield from version_questions(facts)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each revision that rewrites a table."""
    chain = chain_of(facts)
    stated = [_fault(step, why) for step in steps(facts, chain) if (why := _why(chain, step)) is not None]
    faults = [replace(fault, seen=tuple(_seen(facts, fault.revision, fault.tables))) for fault in stated]
    if facts.experiments is not None:
        faults += _measured(facts, chain, {(fault.revision.id, table) for fault in stated for table in fault.tables})
    yield from report(METADATA, chain, faults, "wrote tables anew under a lock")
    yield from unread(chain)


def _why(chain: Chain, step: Step) -> str | None:
    """What the operation does that rewrites its table; None where that is not sure."""
    operation, column = step.operation, step.operation.column
    if operation.kind == "rewrite":
        return f"runs {' '.join(operation.sql.split())}"
    if column is None:
        return None
    if operation.kind == "add_column":
        reason = _added(column)
        return f"adds {column.name} {reason}" if reason else None
    old = column.old_type or _type_now(chain, step, column)
    if old is None:
        return None
    change = f"changes {column.name} from {old.lower()} to {column.type.lower()}"
    if column.using is not None and not _is_cast(column.using, column):
        return f"{change} through an expression"
    return change if rewrites(old, column.type) else None


def _added(column: ColumnChange) -> str | None:
    if column.identity:
        return "as identity"
    if column.generated == "stored":
        return "as a stored generated column"
    if _VOLATILE.search(column.default or ""):
        return f"with a volatile default ({column.default})"
    return None


def _type_now(chain: Chain, step: Step, column: ColumnChange) -> str | None:
    """The type in the catalog, which is the old one as long as the revision is not applied."""
    if chain.is_applied(step.revision):
        return None
    return next((each.type for each in step.table.columns if each.name == column.name), None)


def _is_cast(using: str, column: ColumnChange) -> bool:
    """Whether USING says no more than PostgreSQL would do without it."""
    plain = re.sub(r'[\s"]', "", using).lower()
    target = re.sub(r"\s", "", column.type).lower()
    name = column.name.lower()
    return plain in (f"{name}::{target}", f"cast({name}as{target})", f"({name})::{target}")


def _seen(facts: Facts, revision: Revision, tables: tuple[Table, ...]) -> Iterator[Evidence]:
    names = {str(table.qualified_name) for table in tables}
    for each in (facts.experiments.rewritten if facts.experiments else None) or ():
        if each.revision == revision.id and each.table in names:
            taken = "" if each.seconds is None else f" in {each.seconds:.2f} s"
            what = f"wrote {each.table} anew{taken}, {each.bytes / _MEGABYTE:.1f} MB with its indexes"
            yield seen(facts, each.statement or f"alembic upgrade {revision.id}", what)


def _measured(facts: Facts, chain: Chain, known: Collection[tuple[str, Table]]) -> Iterator[Fault]:
    """Tables that have another file after a run, where the script does not show why."""
    for proved in proven(facts, chain):
        for each in experiments_of(facts).rewritten or ():
            table = table_called(facts, each.table)
            if table is None or each.revision != proved.id or (proved.id, table) in known:
                continue
            fault = _of(proved, sent(proved, each.statement), "was run", table)
            yield replace(fault, seen=tuple(_seen(facts, proved, (table,))))


def _fault(step: Step, why: str) -> Fault:
    return _of(step.revision, step.operation, why, step.table)


def _of(revision: Revision, operation: Operation, why: str, table: Table) -> Fault:
    return Fault(
        revision,
        operation,
        f"{why} and so writes {sized(table)} anew",
        by_size(METADATA.severity, table),
        "Nobody reads or writes the table until it and its indexes are built again, and the disk holds both.",
        "Add a column of the new kind, fill it in batches, move the application to it, then drop the old one.",
        (table,),
    )


_SOME = given.table("t", reltuples=5_000.0)


def _script(line: str) -> tuple[str, ...]:
    return (revision("a1", up=line),)


def _added_column(column: str) -> tuple[str, ...]:
    return _script(f'op.add_column("t", sa.Column("n", {column}))')


def _changed(column: str, rest: str) -> tuple[str, ...]:
    return _script(f'op.alter_column("t", "{column}", {rest})')


_FILE = proof(rewritten=(Rewritten("a1", "t", 2_400_000, "ALTER TABLE t ALTER a TYPE bigint", 0.4),))

BAD = (
    Example(
        "one that was measured",
        sql=TABLE,
        given=(_FILE,),
        scripts=_changed("a", "type_=sa.BigInteger()"),
        says=("changes a from integer to bigint",),
    ),
    Example(
        "a script that asks the database, seen in a run",
        sql=TABLE,
        given=(_SOME, _FILE),
        scripts=(
            revision(
                "a1",
                up='if op.get_bind().scalar(sa.text("SELECT 1")):',
                then='    op.alter_column("t", "a", type_=sa.BigInteger())',
            ),
        ),
        objects=("a1",),
        severity="medium",
        says=("about 5,000 rows",),
    ),
    Example(
        "an integer becomes a bigint",
        sql=TABLE,
        given=(_SOME,),
        scripts=_changed("a", "type_=sa.BigInteger()"),
        objects=("a1",),
        severity="medium",
        says=("changes a from integer to bigint", "about 5,000 rows"),
    ),
    Example(
        "of a large table",
        sql=TABLE,
        given=(given.table("t", reltuples=1_000_000.0),),
        scripts=_changed("a", "type_=sa.BigInteger()"),
        severity="high",
    ),
    Example(
        "history, where the script says the old type",
        sql=TABLE + AT_FIRST.format("a1"),
        scripts=_changed("a", "type_=sa.BigInteger(), existing_type=sa.SmallInteger()"),
        severity="low",
        says=("1 applied revision wrote",),
    ),
    Example(
        "through an expression",
        sql=TABLE,
        scripts=_changed("b", 'type_=sa.Text(), postgresql_using="lower(b)"'),
        says=("through an expression",),
    ),
    Example(
        "a text gets a limit", sql=TABLE, scripts=_changed("b", "type_=sa.String(5), postgresql_using='b::varchar(5)'")
    ),
    Example(
        "a volatile default",
        sql=TABLE,
        scripts=_added_column('sa.UUID, server_default=sa.text("gen_random_uuid()")'),
        says=("volatile default (gen_random_uuid())",),
    ),
    Example("a serial column", sql=TABLE, scripts=_script('op.execute("ALTER TABLE t ADD n bigserial")')),
    Example("an identity column", sql=TABLE, scripts=_added_column("sa.Integer, sa.Identity()"), says=("as identity",)),
    Example(
        "a stored generated column",
        sql=TABLE,
        scripts=_added_column('sa.Integer, sa.Computed("a + 1", persisted=True)'),
        says=("stored generated",),
    ),
    Example(
        "VACUUM FULL",
        sql=TABLE,
        scripts=(
            revision("a1", up="with op.get_context().autocommit_block():", then='    op.execute("VACUUM FULL t")'),
        ),
        says=("runs VACUUM FULL t",),
    ),
)
GOOD = (
    Example(
        "a table of another revision that was seen to be written anew",
        sql=TABLE,
        given=(proof("a1", "z9", rewritten=(Rewritten("z9", "t", 2_400_000, "ALTER TABLE t", 0.4),)),),
        scripts=_added_column("sa.Integer"),
    ),
    Example("a plain column", sql=TABLE, scripts=_added_column("sa.Integer")),
    Example("a longer text", sql="CREATE TABLE t (b varchar(10))", scripts=_changed("b", "type_=sa.String(20)")),
    Example(
        "a cast that says no more",
        sql="CREATE TABLE t (b varchar(10))",
        scripts=_changed("b", "type_=sa.Text(), postgresql_using='b::text'"),
    ),
    Example("a constant default", sql=TABLE, scripts=_added_column('sa.Integer, server_default="0"')),
    Example(
        "now() is the same for all rows", sql=TABLE, scripts=_added_column("sa.DateTime, server_default=sa.func.now()")
    ),
    Example(
        "a type that nobody knows the old one of",
        sql=TABLE + AT_FIRST.format("a1"),
        scripts=_changed("a", "type_=sa.BigInteger()"),
    ),
    Example("a column that is not there", sql=TABLE, scripts=_changed("z", "type_=sa.BigInteger()")),
    Example(
        "a table that the same revision makes",
        sql=TABLE,
        scripts=(
            revision(
                "a1",
                up='op.create_table("t", sa.Column("a", sa.Integer))',
                then='op.alter_column("t", "a", type_=sa.BigInteger())',
            ),
        ),
    ),
    Example("timestamps, where it depends on the time zone", sql=TABLE, scripts=_changed("c", "type_=sa.DateTime()")),
)
