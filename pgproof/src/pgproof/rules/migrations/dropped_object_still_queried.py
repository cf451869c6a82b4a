"""A table or a column that is about to go, and that the application still uses.

What it finds:
    Upgrades not yet applied that drop or rename a table or a column which the models still declare, or which statements
    in pg_stat_statements name that ran more than once. In a statement a column counts where it can belong to that
    table alone.

Why it matters:
    From the commit of the migration on, each of those statements ends with an error.

Evidence:
    The statement that Alembic sends, the models' file and line, the statements of the workload with their calls.

Remedy:
    Take the column out of the models and the queries first, deploy that, and drop it in a later release.

When to ignore:
    Statements of reports or of old versions that nobody runs any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlglot import exp

from pgproof.advise.syntax import identifier, syntax_tree
from pgproof.facts.catalog import Table
from pgproof.facts.migrations import Relation
from pgproof.facts.model import Facts
from pgproof.facts.once import once
from pgproof.facts.questions import Question
from pgproof.rules import given
from pgproof.rules.chain import Chain, chain_of, revision_ref, table_named, version_questions
from pgproof.rules.finding import Evidence, Finding, NotChecked
from pgproof.rules.migrations._examples import AT_FIRST, TABLE, revision
from pgproof.rules.migrations._faults import Fault, Step, report, steps, unread
from pgproof.rules.modelled import modelled_tables, written
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="MIG14", slug="dropped-object-still-queried", severity="high", needs=("migrations",))

_ENDS = {"drop_table": "drops", "rename_table": "renames", "drop_column": "drops", "rename_column": "renames"}
_SHOWN = 5


@dataclass(frozen=True)
class _Query:
    """A statement of the workload: its tables by the names that it gives them, and the columns that it names.

    Attributes:
        columns: each with the name of its table, None where the statement leaves that open.
    """

    evidence: Evidence
    tables: dict[str | None, Table | None]
    columns: frozenset[tuple[str | None, str | None]]


def questions(facts: Facts) -> Iterator[Question]:
    """Ask which revisions the database has."""
    yield from version_questions(facts)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each revision to come that takes away what is used."""
    chain = chain_of(facts)
    ends = [
        each for each in steps(facts, chain) if each.operation.kind in _ENDS and not chain.is_applied(each.revision)
    ]
    if facts.models is None and not facts.server.statements:
        needed = "the SQLAlchemy models (--models) or pg_stat_statements, to see what is still used"
        for each in dict.fromkeys(revision_ref(step.revision) for step in ends):
            yield NotChecked(needed, (each,))
    else:
        yield from _found(facts, chain, ends)
    yield from unread(chain)


def _found(facts: Facts, chain: Chain, ends: list[Step]) -> Iterator[Finding]:
    found = [(_fault(step, used), used) for step in ends if (used := tuple(_used(facts, step)))]
    seen = {fault.revision.id: used for fault, used in reversed(found)}
    for finding in report(METADATA, chain, (fault for fault, _ in found), ""):
        yield replace(finding, evidence=(*finding.evidence, *seen[finding.objects[0].name][:_SHOWN]))


def _used(facts: Facts, step: Step) -> Iterator[Evidence]:
    column = next(iter(step.operation.columns), None)
    for each in modelled_tables(facts):
        if each.table == step.table and (column is None or each.model.column(column) is not None):
            yield written(each.model, f"{each.model.name} still has it", *step.operation.columns)
    for query in _queries(facts):
        if _names(query, step.table, column):
            yield query.evidence


def _names(query: _Query, table: Table, column: str | None) -> bool:
    aliases = {alias for alias, each in query.tables.items() if each == table}
    if column is None or not aliases:
        return bool(aliases)
    others = [each for alias, each in query.tables.items() if alias not in aliases]
    alone = all(each is not None and all(one.name != column for one in each.columns) for each in others)
    return any(name == column and (of in aliases or (of is None and alone)) for of, name in query.columns)


@once
def _queries(facts: Facts) -> tuple[_Query, ...]:
    queries = []
    for statement in facts.server.statements or ():
        tree = syntax_tree(statement.query)
        if statement.calls < 2 or not isinstance(tree, exp.Query | exp.DML):
            continue
        tables: dict[str | None, Table | None] = {}
        for node in tree.find_all(exp.Table):
            name, alias = identifier(node.this), node.args.get("alias")
            schema = identifier(node.args.get("db"))
            shown = identifier(alias.this) if isinstance(alias, exp.TableAlias) else name
            tables[shown] = table_named(facts, Relation(schema, name or ""))
        columns = {(identifier(each.args.get("table")), identifier(each.this)) for each in tree.find_all(exp.Column)}
        # The columns of an INSERT are names of its target.
        columns |= {(None, identifier(each)) for target in tree.find_all(exp.Schema) for each in target.expressions}
        seen = Evidence("statistics", statement.query, f"{statement.calls} calls")
        queries.append(_Query(seen, tables, frozenset(columns)))
    return tuple(queries)


def _fault(step: Step, used: tuple[Evidence, ...]) -> Fault:
    operation = step.operation
    column = next(iter(operation.columns), None)
    what = f"{step.table.qualified_name}.{column}" if column else str(step.table.qualified_name)
    where = sorted({"models" if each.kind == "models" else "workload" for each in used})
    return Fault(
        step.revision,
        operation,
        f"{_ENDS[operation.kind]} {what}, which is still used by the {' and the '.join(where)}",
        METADATA.severity,
        "Each statement that names it ends with an error once the migration has committed.",
        "Take it out of the models and queries first, deploy that, and drop it in a later release.",
        (step.table,),
    )


_MODEL = """
class T(Base):
    __tablename__ = "t"
    id: Mapped[int] = mapped_column(primary_key=True)
    a: Mapped[int]
"""
_DROP = 'op.drop_column("t", "{}")'


def _one(line: str) -> tuple[str, ...]:
    return (revision("a1", up=line),)


def _ran(query: str, calls: int = 7) -> given.Given:
    return given.workload((query, calls, 1.0))


_OTHER = TABLE + "; CREATE TABLE u (id int PRIMARY KEY, a int)"
BAD = (
    Example(
        "a column of a model",
        sql=TABLE,
        models=_MODEL,
        scripts=_one(_DROP.format("a")),
        objects=("a1",),
        severity="high",
        says=(".a, which is still used by the models",),
    ),
    Example("a table of a model", sql=TABLE, models=_MODEL, scripts=_one('op.drop_table("t")'), says=("drops",)),
    Example(
        "a column of a statement",
        sql=TABLE,
        given=(_ran("SELECT b FROM t WHERE id = $1"),),
        renamed=False,
        scripts=_one(_DROP.format("b")),
        says=("still used by the workload",),
    ),
    Example(
        "a column that is renamed",
        sql=TABLE,
        given=(_ran("UPDATE t SET b = $1 WHERE id = $2"),),
        renamed=False,
        scripts=_one('op.alter_column("t", "b", new_column_name="z")'),
        says=("renames",),
    ),
    Example(
        "a column that is inserted",
        sql=TABLE,
        given=(_ran("INSERT INTO t (id, b) VALUES ($1, $2)"),),
        renamed=False,
        scripts=_one(_DROP.format("b")),
    ),
    Example(
        "by an alias among tables",
        sql=_OTHER,
        given=(_ran("SELECT x.a FROM t AS x JOIN u ON u.id = x.id"),),
        renamed=False,
        scripts=_one(_DROP.format("a")),
    ),
    Example(
        "a name that one of the tables alone has",
        sql=_OTHER,
        given=(_ran("SELECT b FROM t JOIN u ON u.id = t.id"),),
        renamed=False,
        scripts=_one(_DROP.format("b")),
    ),
    Example(
        "a table of a statement",
        sql=TABLE,
        given=(_ran("DELETE FROM t WHERE id = $1", 2),),
        renamed=False,
        scripts=_one('op.rename_table("t", "z")'),
        says=(".t, which is still used by the workload",),
    ),
    Example(
        "models and statements",
        sql=TABLE,
        models=_MODEL,
        given=(_ran("SELECT a FROM t"),),
        renamed=False,
        scripts=_one(_DROP.format("a")),
        says=("by the models and the workload",),
    ),
)
GOOD = (
    Example(
        "a name that a function gives",
        sql=TABLE,
        given=(_ran("SELECT b FROM unnest($1::int[]) AS b"),),
        renamed=False,
        scripts=_one(_DROP.format("b")),
    ),
    Example(
        "a column of a subquery",
        sql=TABLE,
        given=(_ran("SELECT x.b FROM t, (SELECT 1 AS b) x"),),
        renamed=False,
        scripts=_one(_DROP.format("b")),
    ),
    Example("a column that the models have not any more", sql=TABLE, models=_MODEL, scripts=_one(_DROP.format("b"))),
    Example("a table that the models have not", sql=_OTHER, models=_MODEL, scripts=_one('op.drop_table("u")')),
    Example(
        "a statement about another column",
        sql=TABLE,
        given=(_ran("SELECT a FROM t"),),
        renamed=False,
        scripts=_one(_DROP.format("b")),
    ),
    Example(
        "a statement that ran once, as a migration does",
        sql=TABLE,
        given=(_ran("SELECT b FROM t", 1),),
        renamed=False,
        scripts=_one(_DROP.format("b")),
    ),
    Example(
        "a column of the other table",
        sql=_OTHER,
        given=(_ran("SELECT u.a FROM t JOIN u ON u.id = t.id"),),
        renamed=False,
        scripts=_one(_DROP.format("a")),
    ),
    Example(
        "a name that both tables have",
        sql=_OTHER,
        given=(_ran("SELECT a FROM t JOIN u ON u.id = t.id"),),
        renamed=False,
        scripts=_one(_DROP.format("a")),
    ),
    Example(
        "a name that a subquery may have",
        sql=TABLE,
        given=(_ran("SELECT b FROM t, (SELECT 1 AS b) x, nowhere"),),
        renamed=False,
        scripts=_one(_DROP.format("b")),
    ),
    Example(
        "another table", sql=_OTHER, given=(_ran("SELECT a FROM u"),), renamed=False, scripts=_one(_DROP.format("a"))
    ),
    Example(
        "DDL that ran",
        sql=TABLE,
        given=(_ran("CREATE INDEX i ON t (b)"),),
        renamed=False,
        scripts=_one(_DROP.format("b")),
    ),
    Example(
        "what is used is not known",
        sql=TABLE,
        given=(given.server(statements=None),),
        scripts=_one(_DROP.format("a")),
    ),
    Example("it was dropped", sql=TABLE + AT_FIRST.format("a1"), models=_MODEL, scripts=_one(_DROP.format("a"))),
    Example("an index dropped", sql=TABLE, models=_MODEL, scripts=_one('op.drop_index("ix_t_b")')),
)
