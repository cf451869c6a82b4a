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
from pgproof.advise.workload import WorkloadStatement, read_workload
from pgproof.facts.catalog import Catalog, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import PlanOf, Question
from pgproof.remedy.indexes import CreateStatistics
from pgproof.remedy.names import literal, object_name
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, table_ref
from pgproof.rules.indexes._workload import (
    FEWEST_CALLS,
    NO_STATEMENTS,
    distinct_values,
    explained,
    large_table,
    planned,
    refused,
    rows_of,
    shortened,
    statement_ref,
)
from pgproof.rules.rule import Example, Metadata

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
    """A statement that compares several columns of a table.

    Attributes:
        columns: that equal one value each, in the table's order.
        rows: that a call returned or changed on average.
        planned: the statement whose plan tells what the planner expects.
    """

    statement: WorkloadStatement
    table: Table
    columns: tuple[str, ...]
    rows: float
    planned: str


def questions(facts: Facts) -> Iterator[Question]:
    """Ask what the planner expects of each statement that returns more than independent columns could yield."""
    for case in _cases(facts):
        if (_most_if_independent(facts.catalog, case) or 0) * MISJUDGED <= case.rows:
            yield PlanOf(case.planned)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each set of columns that statements show to depend on each other."""
    if facts.server.statements is None:
        yield NO_STATEMENTS
    shown: dict[tuple[int, tuple[str, ...]], list[tuple[_Case, float]]] = defaultdict(list)
    not_checked: dict[NotChecked, None] = {}
    for case in _cases(facts):
        most = _most_if_independent(facts.catalog, case)
        if most is None:
            needs = "column statistics (ANALYZE, and the right to see them)"
            not_checked[NotChecked(needs, (table_ref(case.table, *case.columns),))] = None
            continue
        if most * MISJUDGED > case.rows:
            continue
        plan = facts.plan(PlanOf(case.planned))
        if plan is None:
            not_checked[refused(facts, case.planned, case.table)] = None
        elif plan.rows * MISJUDGED <= case.rows:
            shown[case.table.oid, case.columns].append((case, plan.rows))
    yield from not_checked
    for cases in shown.values():
        yield _finding(facts, *max(cases, key=lambda each: each[0].rows / each[1]))


def _cases(facts: Facts) -> Iterator[_Case]:
    for each in read_workload(facts):
        if each.statement.calls < FEWEST_CALLS or not each.parsed.plain:
            # Of any other statement the rows that come out are not those that its conditions choose.
            continue
        (use,) = each.parsed.uses
        table = large_table(facts.catalog, use.table)
        if table is None or table.kind == "partitioned table" or facts.catalog.partitions(table):
            # The statistics of one column may be of the table alone and its rows of all that inherit from it.
            continue
        columns = _compared(table, use)
        if len(columns) > 1 and not _has_statistics(table, columns) and not table.is_unique(columns):
            yield _Case(each, table, columns, each.statement.rows / each.statement.calls, planned(each, use))


def _compared(table: Table, use: TableUse) -> tuple[str, ...]:
    """Return the columns that equal one value each; none where one of them may equal several."""
    if any(each.several for each in use.equalities):
        return ()
    names = {each.column for each in use.equalities}
    return tuple(column.name for column in table.columns if column.name in names)


def _has_statistics(table: Table, columns: tuple[str, ...]) -> bool:
    return any(len(set(each.columns) & set(columns)) > 1 and "f" in each.kinds for each in table.extended_statistics)


def _most_if_independent(catalog: Catalog, case: _Case) -> float | None:
    """Return the rows that the most common value of each column would have in common; None where that is unknown."""
    shares = _largest_shares(catalog, case)
    return (
        None if None in shares else rows_of(catalog, case.table) * prod(share for share in shares if share is not None)
    )


def _largest_shares(catalog: Catalog, case: _Case) -> tuple[float | None, ...]:
    """Return the share of the rows of each column's most common value; None where it was never analysed."""
    found: list[float | None] = []
    for name in case.columns:
        statistics = case.table.column(name).statistics
        evenly = 1 / distinct_values(catalog, case.table, name)
        found.append(max((*statistics.common_frequencies[:1], evenly)) if statistics is not None else None)
    return tuple(found)


def _finding(facts: Facts, case: _Case, expected: float) -> Finding:
    table, listed = case.table, ", ".join(case.columns)
    statement = case.statement.statement
    most = _most_if_independent(facts.catalog, case) or 0.0
    return METADATA.finding(
        objects=(table_ref(table, *case.columns),),
        related=(statement_ref(statement),),
        message=f"({listed}) of {table.qualified_name} depend on each other, which the planner does not know",
        consequence=f"It expects {expected:,.0f} rows where {statement.calls:,} calls had {case.rows:,.0f} on average; "
        f"independent columns would have {most:,.0f} at most.",
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
                "largest shares: "
                + ", ".join(f"{share:.4f}" for share in _largest_shares(facts.catalog, case) if share),
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
    name: str, *statements: str, more: str = "ANALYZE t", rows: int = 20, calls: int = 100, columns: str = ""
) -> Example:
    """Return an example of a table where the zip decides the town, and statements with so many rows a call."""
    return Example(
        name,
        sql=f"{_T} {more}",
        given=(given.workload(*((statement, calls, 5.0) for statement in statements), rows=rows * calls),),
        objects=("t", *columns.split()),
        renamed=False,
    )


_ASKED = "SELECT * FROM t WHERE town = $1 AND zip = $2"
BAD = (
    _case("a zip and its town", _ASKED, columns="town zip"),
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
    _case(
        "statistics that say it",
        _ASKED,
        more="CREATE STATISTICS s (dependencies) ON town, zip FROM t; ANALYZE t",
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
