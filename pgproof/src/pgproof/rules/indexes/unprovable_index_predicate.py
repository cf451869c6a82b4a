"""A partial index that statements cannot use, since they leave the value of its predicate to a parameter.

What it finds:
    A partial index whose predicate fixes the value of a column (WHERE state = 'open'), and statements that compare this
    column with a parameter (WHERE state = $1). Planned for any value they read the whole table, and planned with the
    value written out they use the index. Reported where the index was scanned less often than the statements ran, on
    tables of at least 1,000 rows.

Why it matters:
    A plan that must serve any value cannot take an index that holds only some rows. PostgreSQL goes over to such a
    plan after five runs of a prepared statement, unless it costs so much more that planning each run anew seems
    better (PostgreSQL documentation, PREPARE), and with plan_cache_mode = force_generic_plan at once. asyncpg prepares
    every statement, psycopg from the fifth run on.

Evidence:
    The generic plan of the statement as it is and with the value written out, pg_stat_statements and
    pg_stat_user_indexes. pg_stat_statements shows $1 also where the application writes the value out; that is what the
    scans of the index are compared with.

Remedy:
    Write the value into the statement: `Job.state == literal("open", literal_execute=True)`, which SQLAlchemy renders
    in place. Or an index whose first column is this one, in the place of the predicate.

When to ignore:
    The driver does not prepare statements (psycopg2; `prepare_threshold=None`), or sets plan_cache_mode to
    force_custom_plan: then the value is known whenever the statement is planned.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from pgproof.advise.statements import TableUse
from pgproof.advise.workload import WorkloadStatement, read_workload
from pgproof.facts.catalog import Index, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import PlanNode, PlanOf, Question
from pgproof.rules import given
from pgproof.rules.finding import Finding, NotChecked, Remedy, index_ref
from pgproof.rules.indexes._shared import definitions
from pgproof.rules.indexes._workload import (
    FEWEST_CALLS,
    NO_STATEMENTS,
    by_share,
    explained,
    large_table,
    most_time_first,
    nodes,
    planned,
    refused,
    shortened,
    statement_ref,
    time_taken,
    unproven,
    whole_reads,
    with_values,
)
from pgproof.rules.reading import locked
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(
    code="IDX11", slug="unprovable-index-predicate", severity="medium", needs=("catalog", "statements", "plan")
)


@dataclass(frozen=True)
class _Case:
    """A statement that leaves to parameters what an index's predicate fixes.

    Attributes:
        generic: the statement whose plan knows no value.
        written: the same with the values of the predicate written out.
        values: those values, as SQL by column.
    """

    statement: WorkloadStatement
    table: Table
    index: Index
    generic: str
    written: str
    values: tuple[tuple[str, str], ...]


def questions(facts: Facts) -> Iterator[Question]:
    """Ask how the server runs each such statement for any value, and with the value written out."""
    for case in _cases(facts):
        yield PlanOf(case.generic)
        yield PlanOf(case.written)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each partial index that statements would use if they named its value."""
    if facts.server.statements is None:
        yield NO_STATEMENTS
    kept_out: dict[int, list[_Case]] = defaultdict(list)
    not_checked: dict[NotChecked, None] = {}
    for case in _cases(facts):
        generic, written = facts.plan(PlanOf(case.generic)), facts.plan(PlanOf(case.written))
        if generic is None or written is None:
            not_checked[refused(facts, case.written if written is None else case.generic, case.table)] = None
        elif case.index.scans is None:
            needs = "how often the index was scanned, which this server does not count"
            not_checked[NotChecked(needs, (index_ref(case.table, case.index),))] = None
        elif _uses(written, case.index) and whole_reads(facts.catalog, generic, case.table):
            kept_out[case.index.oid].append(case)
    for table in facts.catalog.tables:
        if table.locked and any(index.partial for index in table.indexes):
            yield locked(table)
    yield from not_checked
    for cases in kept_out.values():
        if (cases[0].index.scans or 0) < sum(case.statement.statement.calls for case in cases):
            yield _finding(facts, cases)


def _cases(facts: Facts) -> Iterator[_Case]:
    for statement in read_workload(facts):
        if statement.statement.calls < FEWEST_CALLS:
            continue
        for use in statement.parsed.uses:
            table = large_table(facts.catalog, use.table)
            for index in table.indexes if table is not None else ():
                if table is not None and index.usable and index.partial:
                    yield from _case(statement, table, index, use)


def _case(statement: WorkloadStatement, table: Table, index: Index, use: TableUse) -> Iterator[_Case]:
    parameters = unproven(table, index, use)
    if parameters:
        text = planned(statement, use)
        if not statement.parsed.reads_only:
            # The look-up in its place numbers the parameters anew.
            numbers = {each.column: number for number, each in enumerate(use.equalities, 1)}
            parameters = {column: (numbers[column], value) for column, (_, value) in parameters.items()}
        written = with_values(text, dict(parameters.values()))
        values = tuple((column, value) for column, (_, value) in parameters.items())
        yield _Case(statement, table, index, text, written, values)


def _uses(plan: PlanNode, index: Index) -> bool:
    return any(node.index == index.name for node in nodes(plan))


def _finding(facts: Facts, cases: list[_Case]) -> Finding:
    table, index = cases[0].table, cases[0].index
    statements = most_time_first(case.statement for case in cases)
    case = next(case for case in cases if case.statement == statements[0])
    generic, written = facts.plan(PlanOf(case.generic)), facts.plan(PlanOf(case.written))
    assert generic is not None
    assert written is not None
    fixed = " AND ".join(f"{column} = {value}" for column, value in case.values)
    columns = ", ".join(column for column, _ in case.values)
    return METADATA.finding(
        objects=(index_ref(table, index),),
        related=tuple(statement_ref(each.statement) for each in statements),
        message=f"index {index.name} of {table.qualified_name} holds the rows with {fixed} alone, and cannot serve "
        f"{_many(len(statements))} {columns} to a parameter",
        consequence=f"Planned for any value a call costs {generic.cost:,.0f}, with the value written out "
        f"{written.cost:,.0f}. {time_taken(statements)}; the index was scanned {index.scans:,} times.",
        severity=by_share(METADATA.severity, statements),
        confidence="plan",
        evidence=(
            explained(facts, case.generic, f"Seq Scan on {table.qualified_name}, cost {generic.cost:,.0f}"),
            explained(facts, case.written, f"uses {index.name}, cost {written.cost:,.0f}"),
            definitions(table, index),
        ),
        remedy=Remedy(
            f"Write the value out where it is always the same (literal(..., literal_execute=True)), or index {columns} "
            f"in the place of the predicate: {shortened(case.statement.statement.query)}"
        ),
    )


def _many(statements: int) -> str:
    return "a statement that leaves" if statements == 1 else f"{statements} statements that leave"


_T = """
    CREATE TABLE t (id int PRIMARY KEY, a int, state varchar(9), open boolean, made timestamptz);
    INSERT INTO t SELECT n, n % 300, CASE WHEN n % 40 = 0 THEN 'open' ELSE 'shut' END, n % 40 = 0,
                         now() + n * '1s'::interval
    FROM generate_series(1, 6000) n;
"""


def _example(
    name: str, *statements: str, index: str = "(a) WHERE state = 'open'", calls: int = 1000, scans: int | None = 3
) -> Example:
    """Return an example of one large table with a partial index, and the statements that read it."""
    return Example(
        name,
        sql=f"{_T} CREATE INDEX i ON t {index}; ANALYZE t",
        given=(
            given.workload(*((statement, calls, 5.0) for statement in statements)),
            given.index("i", scans=scans),
        ),
        objects=("i", "t"),
        renamed=False,
    )


BAD = (
    _example("a value that is always the same", "SELECT * FROM t WHERE a = $1 AND state = $2"),
    _example(
        "two statements, one of which locks what it finds",
        "SELECT id FROM t WHERE state = $1::text AND a = $2",
        "SELECT id FROM t WHERE a = $1 AND state = $2 FOR UPDATE SKIP LOCKED",
    ),
    _example("a change", "UPDATE t SET open = $1 WHERE $2 = a AND state = $3"),
    _example("a boolean", "SELECT * FROM t WHERE a = $1 AND open = $2", index="(a) WHERE open"),
    _example("the other boolean", "SELECT * FROM t WHERE a = $2 AND open = $1", index="(a) WHERE NOT open"),
    _example(
        "an order", "SELECT * FROM t WHERE state = $1 ORDER BY made LIMIT $2", index="(made) WHERE state = 'open'"
    ),
    _example(
        "scans of other statements, fewer than the calls", "SELECT * FROM t WHERE a = $1 AND state = $2", scans=999
    ),
)
GOOD = (
    _example("the value written out", "SELECT * FROM t WHERE a = $1 AND state = 'open'"),
    _example(
        "as many scans as calls: the application writes it out",
        "SELECT * FROM t WHERE a = $1 AND state = $2",
        scans=1000,
    ),
    _example("a statement that ran nine times", "SELECT * FROM t WHERE a = $1 AND state = $2", calls=9),
    _example("scans that nobody counted", "SELECT * FROM t WHERE a = $1 AND state = $2", scans=None),
    _example("a predicate that fixes nothing", "SELECT * FROM t WHERE a = $1 AND state = $2", index="(a) WHERE a > 5"),
    _example("no predicate", "SELECT * FROM t WHERE a = $1 AND state = $2", index="(a)"),
    _example("several values", "SELECT * FROM t WHERE a = $1 AND state IN ($2, $3)"),
    _example("an index that would not serve with the value either", "SELECT * FROM t WHERE id = $1 AND state = $2"),
    _example(
        "another condition that the statement does not meet",
        "SELECT * FROM t WHERE a = $1 AND state = $2",
        index="(a) WHERE state = 'open' AND made IS NULL",
    ),
    _example(
        "another index that does as well",
        "SELECT * FROM t WHERE a = $1 AND state = $2",
        index="(a) WHERE state = 'open'; CREATE INDEX j ON t (a, state)",
    ),
    _example(
        "an index that was never finished",
        "SELECT * FROM t WHERE a = $1 AND state = $2",
        index="(a) WHERE state = 'open'; UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass",
    ),
    Example(
        "a small table",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, a int, state text);
            INSERT INTO t SELECT n, n, 'open' FROM generate_series(1, 900) n;
            CREATE INDEX i ON t (a) WHERE state = 'open';
            ANALYZE t;
        """,
        given=(given.workload(("SELECT * FROM t WHERE a = $1 AND state = $2", 1000, 5.0)),),
        renamed=False,
    ),
    Example(
        "a table that is locked",
        sql=f"{_T} CREATE INDEX i ON t (a) WHERE state = 'open'; ANALYZE t",
        given=(
            given.workload(("SELECT * FROM t WHERE a = $1 AND state = $2", 1000, 5.0)),
            given.index("i", predicate=None),
            given.table("t", locked=True),
        ),
        renamed=False,
    ),
    Example("no statements were recorded", sql=_T, given=(given.server(statements=None),)),
)
