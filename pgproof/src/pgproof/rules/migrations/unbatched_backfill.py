"""Rows changed all at once in a migration.

What it finds:
    UPDATE and DELETE in an upgrade, on a table in use of 1 000 rows or more, without a limit and without a unique key
    that picks the row. Statements that do not parse are left alone. With `--proof` also a statement that was seen to
    change 10 000 rows, wherever it came from.

Why it matters:
    Every changed row stays locked until the migration commits, the table grows by as many dead rows, replicas fall
    behind, and after an ALTER TABLE in the same transaction nobody reads the table meanwhile.

Evidence:
    The statement that Alembic sends, its constants left out, and the file and line that sends it. With `--proof` the
    rows that the server counted.

Remedy:
    A loop over ranges of the key outside the migration's transaction, some thousand rows and a commit at a time:
    `UPDATE ... WHERE id BETWEEN ... AND ... AND new IS NULL`.

When to ignore:
    Conditions that pick few rows, which the text does not show.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from sqlglot import exp

from pgproof.advise.statements import parse
from pgproof.advise.syntax import syntax_tree
from pgproof.advise.workload import search_path
from pgproof.facts.amounts import amount
from pgproof.facts.catalog import Table
from pgproof.facts.experiments import Written
from pgproof.facts.migrations import Revision
from pgproof.facts.model import Facts
from pgproof.facts.questions import Question
from pgproof.rules import given
from pgproof.rules.chain import Chain, chain_of, version_questions
from pgproof.rules.finding import Evidence, Finding, NotChecked
from pgproof.rules.migrations._examples import AT_FIRST, TABLE, proof, revision
from pgproof.rules.migrations._experiments import experiments_of, proven, seen, sent, table_called
from pgproof.rules.migrations._faults import Fault, Step, report, sized, steps, unread
from pgproof.rules.migrations._locks import locks_out
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.severity import FEW_ROWS, by_size, lowered, raised

METADATA = Metadata(code="MIG11", slug="unbatched-backfill", severity="medium", needs=("migrations",))

_MANY_AT_ONCE = 10_000
_ALONE = "Its rows stay locked until the migration commits, and as many dead ones stay behind."
_IN_BATCHES = "Change some thousand rows and commit, again and again, outside the transaction of the migration."
_WORDS = {"update": "updates", "delete": "deletes"}


def questions(facts: Facts) -> Iterator[Question]:
    """Ask which revisions the database has."""
    yield from version_questions(facts)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each revision that changes many rows at once."""
    chain = chain_of(facts)
    stated = [_fault(step) for step in steps(facts, chain) if _is_large(step) and _is_unbatched(facts, step)]
    faults = [replace(fault, seen=tuple(_seen(facts, fault.revision, fault.tables))) for fault in stated]
    if facts.experiments is not None:
        faults += _measured(facts, chain, {(fault.revision.id, table) for fault in stated for table in fault.tables})
    yield from report(METADATA, chain, faults, "changed all rows of a table at once")
    yield from unread(chain)


def _is_large(step: Step) -> bool:
    return step.operation.kind in _WORDS and (step.table.estimated_rows or 0) >= FEW_ROWS


def _is_unbatched(facts: Facts, step: Step) -> bool:
    sql = step.operation.sql
    parsed = parse(sql, facts.catalog, search_path(facts, None))
    if parsed is None or _tree(sql).find(exp.Limit, exp.Fetch, exp.Between) is not None:
        return False
    uses = [use for use in parsed.uses if use.table == step.table.qualified_name]
    return not any(use.ranges or step.table.is_unique(tuple(each.column for each in use.equalities)) for use in uses)


def _seen(facts: Facts, revision: Revision, tables: tuple[Table, ...]) -> Iterator[Evidence]:
    names = {str(table.qualified_name) for table in tables}
    for each in (facts.experiments.written if facts.experiments else None) or ():
        if revision.id in each.revisions and each.table in names:
            sent_by = "one statement of" if each.statements == 1 else f"{each.statements} statements, the longest of"
            what = f"changed {amount(each.rows, 'row')} of {each.table} in {sent_by} {each.seconds:.2f} s"
            yield seen(facts, each.statement, what)


def _measured(facts: Facts, chain: Chain, known: Collection[tuple[str, Table]]) -> Iterator[Fault]:
    """Statements that changed many rows in a run, where the script does not show it."""
    for proved in proven(facts, chain):
        for each in experiments_of(facts).written or ():
            table = table_called(facts, each.table)
            if table is None or proved.id not in each.revisions or (proved.id, table) in known:
                continue
            if each.rows / each.statements >= _MANY_AT_ONCE:
                yield Fault(
                    proved,
                    sent(proved, each.statement),
                    f"changes {sized(table)} in one statement",
                    by_size(METADATA.severity, table),
                    _ALONE,
                    _IN_BATCHES,
                    (table,),
                    tuple(_seen(facts, proved, (table,))),
                )


def _tree(sql: str) -> exp.Expr:
    tree = syntax_tree(sql)
    assert tree is not None, "it was parsed"
    return tree


def _fault(step: Step) -> Fault:
    severity = by_size(METADATA.severity, step.table)
    if _tree(step.operation.sql).args.get("where") is not None:
        severity = lowered(severity)
    locked = any(
        each.table == step.operation.table and each.transaction == step.operation.transaction is not None
        for each in step.before
        if locks_out(each)
    )
    meanwhile = "Nobody reads or writes the table until it is done, since the same transaction altered it before."
    return Fault(
        step.revision,
        step.operation,
        f"{_WORDS[step.operation.kind]} {sized(step.table)} in one statement",
        raised(severity) if locked else severity,
        meanwhile if locked else _ALONE,
        _IN_BATCHES,
        (step.table,),
    )


_MANY = given.table("t", reltuples=5_000.0)


def _sent(sql: str, before: str = "pass") -> tuple[str, ...]:
    return (revision("a1", up=before, then=f'op.execute("{sql}")'),)


_ALTER = 'op.add_column("t", sa.Column("n", sa.Integer))'
_ASKS = 'if op.get_bind().scalar(sa.text("SELECT 1")):'
BAD = (
    Example(
        "rows that were counted",
        sql=TABLE,
        given=(_MANY, proof(written=(Written(("a1",), "t", 5_000, 1, "UPDATE t SET a = ?", 0.2),))),
        scripts=_sent("UPDATE t SET a = 0"),
    ),
    Example(
        "a script that asks the database, seen in a run",
        sql=TABLE,
        given=(_MANY, proof(written=(Written(("a1",), "t", 50_000, 2, "UPDATE t SET a = ?", 0.2),))),
        scripts=(revision("a1", up=_ASKS, then="    pass"),),
        objects=("a1",),
        says=("in one statement",),
    ),
    Example(
        "a thousand rows",
        sql=TABLE,
        given=(given.table("t", reltuples=1_000.0),),
        scripts=_sent("UPDATE t SET a = 0"),
    ),
    Example(
        "by one row of another table",
        sql=TABLE + "; CREATE TABLE u (id int PRIMARY KEY, a int)",
        given=(_MANY,),
        scripts=_sent("UPDATE t SET a = u.a FROM u WHERE u.id = 7"),
    ),
    Example(
        "every row",
        sql=TABLE,
        given=(_MANY,),
        scripts=_sent("UPDATE t SET a = 0"),
        objects=("a1",),
        severity="medium",
        says=("updates", "about 5,000 rows", "in one statement", "dead ones"),
    ),
    Example(
        "a million rows",
        sql=TABLE,
        given=(given.table("t", reltuples=1e6),),
        scripts=_sent("DELETE FROM t"),
        severity="high",
        says=("deletes",),
    ),
    Example(
        "after an ALTER TABLE",
        sql=TABLE,
        given=(_MANY,),
        scripts=_sent("UPDATE t SET n = a", _ALTER),
        severity="high",
        says=("Nobody reads or writes",),
    ),
    Example(
        "after another table was altered",
        sql=TABLE,
        given=(_MANY,),
        severity="medium",
        scripts=_sent("UPDATE t SET a = 0", 'op.execute("ALTER TABLE u ADD n int")'),
    ),
    Example(
        "after a row was inserted",
        sql=TABLE,
        given=(_MANY,),
        severity="medium",
        scripts=_sent("UPDATE t SET a = 0", 'op.execute("INSERT INTO t VALUES (1)")'),
    ),
    Example(
        "some of them", sql=TABLE, given=(_MANY,), scripts=_sent("UPDATE t SET a = 0 WHERE a IS NULL"), severity="low"
    ),
    Example(
        "after an ALTER TABLE that was committed",
        sql=TABLE,
        given=(_MANY,),
        severity="medium",
        scripts=_sent("UPDATE t SET a = 0", f"with op.get_context().autocommit_block():\n        {_ALTER}"),
    ),
    Example(
        "both in a block",
        sql=TABLE,
        given=(_MANY,),
        severity="medium",
        scripts=(
            revision(
                "a1",
                up="with op.get_context().autocommit_block():",
                then=f'    {_ALTER}\n    op.execute("UPDATE t SET a = 0")',
            ),
        ),
    ),
    Example(
        "history",
        sql=TABLE + AT_FIRST.format("a1"),
        given=(_MANY,),
        scripts=_sent("UPDATE t SET a = 0"),
        severity="low",
    ),
    Example(
        "through Core",
        sql=TABLE,
        given=(_MANY,),
        scripts=(revision("a1", up='t = sa.table("t", sa.column("a"))', then="op.execute(t.update().values(a=1))"),),
    ),
)
GOOD = (
    Example(
        "batches that were seen in a run",
        sql=TABLE,
        given=(_MANY, proof(written=(Written(("a1",), "t", 50_000, 50, "UPDATE t SET a = ?", 0.2),))),
        scripts=(revision("a1", up=_ASKS, then="    pass"),),
    ),
    Example(
        "one row by its key, compared with others",
        sql=TABLE,
        given=(_MANY,),
        scripts=_sent("DELETE FROM t USING t x WHERE t.id = 7 AND x.a = t.a"),
    ),
    Example("rows made from others", sql=TABLE, given=(_MANY,), scripts=_sent("INSERT INTO t (id) SELECT a FROM t")),
    Example("one row by its key", sql=TABLE, given=(_MANY,), scripts=_sent("UPDATE t SET a = 0 WHERE id = 7")),
    Example(
        "a range of the key", sql=TABLE, given=(_MANY,), scripts=_sent("UPDATE t SET a = 0 WHERE id > 1 AND id <= 5")
    ),
    Example(
        "between two keys", sql=TABLE, given=(_MANY,), scripts=_sent("UPDATE t SET a = 0 WHERE id BETWEEN 1 AND 5")
    ),
    Example(
        "a limit",
        sql=TABLE,
        given=(_MANY,),
        scripts=_sent("UPDATE t SET a = 0 WHERE id IN (SELECT id FROM t WHERE a IS NULL LIMIT 1000)"),
    ),
    Example(
        "a small table", sql=TABLE, given=(given.table("t", reltuples=999.0),), scripts=_sent("UPDATE t SET a = 0")
    ),
    Example(
        "a table that nobody counted",
        sql=TABLE,
        given=(given.table("t", reltuples=-1.0, heap_bytes=None),),
        scripts=_sent("UPDATE t SET a = 0"),
    ),
    Example("rows that are added", sql=TABLE, given=(_MANY,), scripts=_sent("INSERT INTO t (id) VALUES (1)")),
    Example("what does not parse", sql=TABLE, given=(_MANY,), scripts=_sent("UPDATE t SET WHERE")),
)
