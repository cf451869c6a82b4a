"""Columns that go together while the planner takes them for independent.

What it finds:
    Statements that compare several columns of one table with values and return at least ten times the rows that the
    planner expects, on average over all calls, and more than independent columns could yield even if each call
    asked for the most common value of every one: so the columns depend on each other. Not reported where CREATE
    STATISTICS already tells the planner.

Why it matters:
    The planner multiplies the shares of the columns. Expecting a single row where there are hundreds, it joins by
    nested loops, one look-up for each row, and sorts in too little memory.

Evidence:
    Rows and calls of pg_stat_statements, the statistics of each column, and the generic plan. No row is read.

Remedy:
    CREATE STATISTICS over these columns, and ANALYZE: `op.execute(...)` in Alembic, since neither SQLAlchemy nor
    Alembic has an object for it.

When to ignore:
    The statement stands alone: nothing is joined to these rows, and an index over all columns finds them anyway.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from pgproof.advise.statements import TableUse
from pgproof.advise.workload import WorkloadStatement
from pgproof.facts.catalog import Catalog, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import PlanOf, Question
from pgproof.remedy.indexes import CreateStatistics
from pgproof.remedy.names import literal, object_name
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, table_ref
from pgproof.rules.indexes._stated import analysed
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.statement_examples import HAZARD
from pgproof.rules.statements import (
    distinct_values,
    explained,
    frequent,
    large_table,
    plan_of,
    planned,
    rows_of,
    shortened,
    statement_ref,
    unrecorded,
)

METADATA = Metadata(
    code="IDX14",
    slug="correlated-columns-without-statistics",
    severity="medium",
    needs=("catalog", "statistics", "statements", "plan"),
)

MISJUDGED = 10
"""Times as many rows as expected from which plans go wrong: a smaller error is common, and rarely changes a plan."""


@dataclass(frozen=True)
class _Case:
    """A statement that returns more rows than independent columns could have in common.

    Attributes:
        columns: that equal one value each, in the table's order.
        shares: of the rows, of each column's most common value.
        most: rows that these values would have in common if the columns were independent.
        rows: that a call returned or changed on average.
        planned: the statement whose plan tells what the planner expects.
    """

    statement: WorkloadStatement
    table: Table
    columns: tuple[str, ...]
    shares: tuple[float, ...]
    most: float
    rows: float
    planned: str


def questions(facts: Facts) -> Iterator[Question]:
    """Ask what the planner expects of each statement that returns more than independent columns could yield."""
    return (PlanOf(case.planned) for case in _cases(facts) if isinstance(case, _Case))


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each set of columns that statements show to depend on each other."""
    yield from unrecorded(facts)
    shown: dict[tuple[int, tuple[str, ...]], list[tuple[_Case, float]]] = defaultdict(list)
    not_checked: dict[NotChecked, None] = {}
    for case in _cases(facts):
        if isinstance(case, NotChecked):
            not_checked[case] = None
            continue
        plan = plan_of(facts, case.planned, case.table)
        if isinstance(plan, NotChecked):
            not_checked[plan] = None
        elif plan.rows * MISJUDGED <= case.rows:
            shown[case.table.oid, case.columns].append((case, plan.rows))
    yield from not_checked
    for cases in shown.values():
        yield _finding(facts, *max(cases, key=lambda each: each[0].rows / each[1]))


def _cases(facts: Facts) -> Iterator[_Case | NotChecked]:
    for each in frequent(facts):
        if not each.parsed.plain:
            # Of any other statement the rows that come out are not those that its conditions choose.
            continue
        (use,) = each.parsed.uses
        table = large_table(facts.catalog, use.table)
        if table is None or facts.catalog.partitions(table):
            # The statistics of one column may be of the table alone and its rows of all that inherit from it.
            continue
        columns = _compared(table, use)
        if len(columns) > 1 and not _has_statistics(table, columns) and not table.is_unique(columns):
            yield from _misjudged(facts.catalog, each, table, columns, planned(each, use))


def _misjudged(
    catalog: Catalog, each: WorkloadStatement, table: Table, columns: tuple[str, ...], text: str
) -> Iterator[_Case | NotChecked]:
    shares = _largest_shares(catalog, table, columns)
    if shares is None:
        needs = "column statistics (ANALYZE, and the right to see them)"
        yield NotChecked(needs, (table_ref(table, *columns),))
        return
    most, rows = rows_of(catalog, table) * prod(shares), each.statement.rows / each.statement.calls
    if most * MISJUDGED <= rows:
        yield _Case(each, table, columns, shares, most, rows, text)


def _compared(table: Table, use: TableUse) -> tuple[str, ...]:
    """Return the columns that equal one value each; none where one of them may equal several."""
    if any(each.several for each in use.equalities):
        return ()
    names = {each.column for each in use.equalities}
    return tuple(column.name for column in table.columns if column.name in names)


def _has_statistics(table: Table, columns: tuple[str, ...]) -> bool:
    return any(len(set(each.columns) & set(columns)) > 1 and "f" in each.kinds for each in table.extended_statistics)


def _largest_shares(catalog: Catalog, table: Table, columns: tuple[str, ...]) -> tuple[float, ...] | None:
    """Return the share of the rows of each column's most common value; None where one was never analysed."""
    found: list[float] = []
    for name in columns:
        statistics = table.column(name).statistics
        if statistics is None:
            return None
        found.append(max((*statistics.common_frequencies[:1], 1 / distinct_values(catalog, table, name))))
    return tuple(found)


def _finding(facts: Facts, case: _Case, expected: float) -> Finding:
    table, listed = case.table, ", ".join(case.columns)
    statement = case.statement.statement
    return METADATA.finding(
        objects=(table_ref(table, *case.columns),),
        related=(statement_ref(statement),),
        message=f"({listed}) of {table.qualified_name} depend on each other, which the planner does not know",
        consequence=f"It expects {expected:,.0f} rows where {statement.calls:,} calls had {case.rows:,.0f} on average; "
        f"independent columns would have {case.most:,.0f} at most.",
        confidence="plan",
        evidence=(
            explained(facts, case.planned, f"{expected:,.0f} rows expected"),
            Evidence(
                "statistics",
                f"SELECT rows, calls FROM pg_stat_statements WHERE queryid = {statement.query_id}",
                f"{statement.rows:,} rows in {statement.calls:,} calls",
            ),
            Evidence(
                "statistics",
                "SELECT attname, n_distinct, most_common_freqs FROM pg_stats"
                f" WHERE schemaname = {literal(table.schema)} AND tablename = {literal(table.name)}"
                f" AND attname IN ({', '.join(literal(name) for name in case.columns)})",
                f"largest shares: {', '.join(f'{share:.4f}' for share in case.shares)}",
            ),
        ),
        remedy=Remedy(
            f"Create statistics over ({listed}), for: {shortened(statement.query)}",
            (CreateStatistics(table.schema, table.name, object_name("st", table.name, case.columns), case.columns),),
        ),
    )


_T = """
    CREATE TABLE t (id int PRIMARY KEY, town int, zip int, a int, b int, note text);
    INSERT INTO t SELECT n, n % 300 / 3, n % 300, n % 90, (n / 90) % 60, 'x' FROM generate_series(1, 6000) n;
"""


def _case(
    name: str,
    *statements: str,
    more: str = "ANALYZE t",
    rows: float = 20,
    calls: int = 100,
    columns: str = "",
    stated: tuple[given.Given, ...] = (),
) -> Example:
    """Return an example of a table where the zip decides the town, and statements with so many rows a call."""
    return Example(
        name,
        sql=f"{_T} {more}",
        given=(given.workload(*((statement, calls, 5.0) for statement in statements), rows=int(rows * calls)), *stated),
        objects=("t", *columns.split()),
        renamed=False,
    )


_ASKED = "SELECT * FROM t WHERE town = $1 AND zip = $2"
BAD = (
    _case("a zip and its town", _ASKED, columns="town zip"),
    _case("a statement that ran ten times", _ASKED, calls=10, columns="town zip"),
    _case("ten times as many rows as expected", _ASKED, rows=10, columns="town zip"),
    _case(
        "ten times as many rows as independent columns could have at most",
        _ASKED,
        rows=937.5,
        columns="town zip",
        stated=tuple(analysed("t", name, common_frequencies=(0.125,)) for name in ("town", "zip")),
    ),
    _case(
        "whichever statements ask for it",
        "SELECT id, note AS n FROM t WHERE zip = $2 AND town = $1 AND id > $3",
        _ASKED,
        columns="town zip",
    ),
    _case("a change", "UPDATE t SET note = $1 WHERE town = $2 AND zip = $3", columns="town zip"),
    _case(
        "statistics of other columns, and of another kind",
        _ASKED,
        more="CREATE STATISTICS s (dependencies) ON a, zip FROM t; CREATE STATISTICS n (ndistinct) ON town, zip FROM t;"
        "ANALYZE t",
        columns="town zip",
    ),
)
GOOD = (
    _case("as many rows as expected", _ASKED, rows=1),
    _case("fewer than ten times the one row that a plan expects at least", _ASKED, rows=9),
    _case(
        "statistics that say it",
        _ASKED,
        more="CREATE STATISTICS s (dependencies) ON town, zip FROM t; ANALYZE t",
    ),
    _case(
        "statistics that were declared and wait for ANALYZE",
        _ASKED,
        more="ANALYZE t; CREATE STATISTICS s (dependencies) ON town, zip FROM t",
    ),
    _case(
        "a statement that nobody may plan",
        "SELECT * FROM t WHERE town = $1 AND zip = $2 AND probe(id)",
        more=f"{HAZARD}; ANALYZE t",
    ),
    _case("independent columns, one row for each pair", "SELECT * FROM t WHERE a = $1 AND b = $2", rows=1),
    _case("one column alone", "SELECT * FROM t WHERE zip = $1", rows=500),
    _case("a statement that ran nine times", _ASKED, calls=9),
    _case("several values", "SELECT * FROM t WHERE town = $1 AND zip = ANY($2)"),
    _case("a join has other rows", "SELECT x.id FROM t x, t y WHERE x.town = $1 AND x.zip = $2"),
    _case("a function may return many rows", "SELECT generate_series(1, 9) FROM t WHERE town = $1 AND zip = $2"),
    _case("columns that were never analysed", _ASKED, more="ANALYZE t (zip)"),
    _case(
        "values so common that pairs of them are",
        "SELECT * FROM t WHERE a = $1 AND b = $2",
        more="UPDATE t SET a = 1, b = 1 WHERE id % 3 = 0; ANALYZE t",
        rows=500,
    ),
    _case(
        "a pair that is unique has one row, whatever was counted",
        _ASKED,
        more="DELETE FROM t a USING t b WHERE a.id > b.id AND (a.town, a.zip) = (b.town, b.zip);"
        "INSERT INTO t SELECT n, n, n FROM generate_series(10001, 12000) n; CREATE UNIQUE INDEX u ON t (zip, town);"
        "ANALYZE t",
    ),
    _case(
        "children of inheritance have rows of their own",
        _ASKED,
        more="CREATE TABLE c () INHERITS (t); ANALYZE t",
    ),
    Example(
        "a small table",
        sql="""
            CREATE TABLE t (town int, zip int);
            INSERT INTO t SELECT n % 90 / 3, n % 90 FROM generate_series(1, 900) n;
            ANALYZE t;
        """,
        given=(given.workload((_ASKED, 100, 5.0), rows=1000),),
        renamed=False,
    ),
    Example("no statements were recorded", sql=_T, given=(given.server(statements=None),)),
)
