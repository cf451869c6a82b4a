"""A statement of the workload that reads a table as a whole, or sorts it, for want of an index.

What it finds:
    Statements whose plan reads every row of a table to keep those in which some columns have given values, or sorts
    many rows to take the first, where an index over these columns would lead to the rows. One index is proposed for
    all statements that it serves. Tables of fewer than 1,000 rows, statements with fewer than 10 calls and values
    that more than one row in twenty has are left alone.

Why it matters:
    The time of such a statement grows with the table, and each call pushes other pages out of the cache.

Evidence:
    pg_stat_statements, the statistics of the columns, and the generic plan of each statement, which looks at no value.

Remedy:
    `op.create_index(..., postgresql_concurrently=True)` in an autocommit block, and `Index(...)` in the model: columns
    that equal a value first, then the one that is ordered by or bounded.

When to ignore:
    The statement runs rarely and may take its time, and the table is written much more often than it is read: each
    index costs every INSERT and most UPDATEs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from pgproof.advise.candidates import Candidate, Shape, candidates, shape_of
from pgproof.advise.deparsed import filter_columns, sort_columns
from pgproof.advise.statements import TableUse
from pgproof.advise.workload import WorkloadStatement, read_workload
from pgproof.facts.catalog import Catalog, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import PlanNode, PlanOf, Question
from pgproof.remedy.indexes import CreateIndex
from pgproof.rules import given
from pgproof.rules.finding import Finding, NotChecked, Remedy, table_ref
from pgproof.rules.indexes._shared import Names
from pgproof.rules.indexes._workload import (
    FEWEST_CALLS,
    NO_STATEMENTS,
    by_share,
    described,
    distinct_values,
    expected_share,
    explained,
    key_sql,
    large_table,
    most_time_first,
    nodes,
    planned,
    reads,
    refused,
    rows_of,
    shortened,
    statement_ref,
    time_taken,
    unproven,
    whole_reads,
)
from pgproof.rules.indexes._workload_examples import reading
from pgproof.rules.reading import locked
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.severity import FEW_ROWS

METADATA = Metadata(
    code="IDX12", slug="workload-without-index", severity="medium", needs=("catalog", "statements", "plan")
)

SELECTIVE = 0.05
"""Share of the rows up to which an index is worth its random reads; beyond it the planner reads the table anyway."""

SHOWN = 3
"""Plans that a finding shows: of the statements that take most time."""


@dataclass(frozen=True)
class _Wanted:
    """What a statement would need of a table.

    Attributes:
        planned: the statement whose plan shows it.
        shape: by the text.
    """

    statement: WorkloadStatement
    table: Table
    use: TableUse
    planned: str
    shape: Shape


@dataclass(frozen=True)
class _Lacking:
    """What a statement's plan shows to be lacking; `found` is the node that reads or sorts for want of it."""

    wanted: _Wanted
    shape: Shape
    found: PlanNode


def questions(facts: Facts) -> Iterator[Question]:
    """Ask how the server runs each statement that no index is made for."""
    for wanted in _wanted(facts):
        yield PlanOf(wanted.planned)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each index that statements of the workload would need."""
    if facts.server.statements is None:
        yield NO_STATEMENTS
    by_table: dict[int, list[_Lacking]] = defaultdict(list)
    not_checked: dict[NotChecked, None] = {}
    for wanted in _wanted(facts):
        plan = facts.plan(PlanOf(wanted.planned))
        if wanted.table.locked:
            not_checked[locked(wanted.table)] = None
        elif plan is None:
            not_checked[refused(facts, wanted.planned, wanted.table)] = None
        elif any(wanted.table.column(name).statistics is None for name in wanted.shape.equal):
            not_checked[NotChecked("column statistics: ANALYZE, or pg_read_all_data", (table_ref(wanted.table),))] = (
                None
            )
        elif (confirmed := _confirmed(facts.catalog, wanted, plan)) is not None:
            by_table[wanted.table.oid].append(confirmed)
    yield from not_checked
    names = Names(facts.catalog)
    for lacking in by_table.values():
        yield from _of_table(facts, lacking, names)


def _wanted(facts: Facts) -> Iterator[_Wanted]:
    for statement in read_workload(facts):
        if statement.statement.calls < FEWEST_CALLS:
            continue
        for use in statement.parsed.uses:
            table = large_table(facts.catalog, use.table)
            shape = shape_of(use, partial(_is_indexable, table)) if table is not None else None
            if table is not None and shape is not None and not _is_left_to_others(table, use, shape):
                yield _Wanted(statement, table, use, planned(statement, use), shape)


def _is_indexable(table: Table, name: str) -> bool:
    """Whether a column's values are sorted by a B-tree to any purpose: an array or JSON is searched otherwise."""
    column = table.column(name)
    return column.type_category != "A" and column.base_type not in ("json", "jsonb", "xml", "tsvector")


def _is_left_to_others(table: Table, use: TableUse, shape: Shape) -> bool:
    """Whether these columns are indexed already, and the planner knows better, or a partial index waits for a value."""
    for index in table.indexes:
        if not index.usable:
            continue
        if index.partial:
            if index.columns[0] in shape.columns and unproven(table, index, use):
                return True
        elif set(index.columns) == shape.columns or _begins_with(index.columns, shape):
            return True
    return False


def _begins_with(columns: tuple[str | None, ...], shape: Shape) -> bool:
    equal = len(shape.equal)
    tail = tuple(key.column for key in shape.tail)
    return set(columns[:equal]) == shape.equal and columns[equal : equal + len(tail)] == tail


def _confirmed(catalog: Catalog, wanted: _Wanted, plan: PlanNode) -> _Lacking | None:
    """Return what is wanted as far as the plan lacks it; None where the plan does well without."""
    table, shape = wanted.table, wanted.shape
    for node in whole_reads(catalog, plan, table):
        equal = shape.equal & filter_columns(node.filter, table) if node.filter is not None else frozenset()
        if equal and (shape.ordered or expected_share(catalog, table, wanted.use, equal) <= SELECTIVE):
            return _Lacking(wanted, replace(shape, equal=equal), node)
    if not shape.ordered:
        return None
    order = tuple(key.column for key in shape.tail)
    for node in nodes(plan):
        if node.node_type not in ("Sort", "Incremental Sort") or sort_columns(node.sort_key) != order:
            continue
        if node.rows >= FEW_ROWS and any(reads(catalog, below, table) for below in nodes(node)):
            return _Lacking(wanted, shape, node)
    return None


def _of_table(facts: Facts, lacking: list[_Lacking], names: Names) -> Iterator[Finding]:
    table = lacking[0].wanted.table
    weights = ((each.shape, each.wanted.statement.statement.total_ms) for each in lacking)
    for candidate in candidates(weights, _more_distinct_first(facts.catalog, table)):
        if not _is_a_plain_reference(table, candidate):
            served = [each for each in lacking if each.shape in candidate.serves]
            yield _finding(facts, table, candidate, served, names)


def _more_distinct_first(catalog: Catalog, table: Table) -> Callable[[str], tuple[float, int]]:
    return lambda name: (-distinct_values(catalog, table, name), table.column(name).number)


def _is_a_plain_reference(table: Table, candidate: Candidate) -> bool:
    """Whether these are just the columns of a foreign key, which IDX01 asks an index for whatever the workload."""
    columns = {key.column for key in candidate.keys}
    return any(set(key.columns) == columns for key in table.foreign_keys)


def _finding(facts: Facts, table: Table, candidate: Candidate, served: list[_Lacking], names: Names) -> Finding:
    columns = tuple(key.column for key in candidate.keys)
    statements = most_time_first(each.wanted.statement for each in served)
    plans = {each.wanted.statement.statement.query: each for each in served}
    sorted_too = any(each.found.sort_key for each in served)
    many = "1 statement" if len(statements) == 1 else f"{len(statements)} statements"
    done = "sorts" if sorted_too else "reads the whole of"
    if len(statements) > 1:
        done = "sort or read the whole of" if sorted_too else "read the whole of"
    return METADATA.finding(
        objects=(table_ref(table, *columns),),
        related=tuple(statement_ref(each.statement) for each in statements),
        message=f"{many} {done} {table.qualified_name} for want of an index on ({', '.join(columns)})",
        consequence=f"{time_taken(statements)}; each call looks at about {rows_of(facts.catalog, table):,} rows.",
        severity=by_share(METADATA.severity, statements),
        confidence="plan",
        evidence=tuple(
            explained(facts, shown.wanted.planned, described(shown.found))
            for shown in (plans[each.statement.query] for each in statements[:SHOWN])
        ),
        remedy=_remedy(facts.catalog, table, candidate, statements, names),
    )


def _remedy(
    catalog: Catalog, table: Table, candidate: Candidate, statements: tuple[WorkloadStatement, ...], names: Names
) -> Remedy:
    columns = tuple(key.column for key in candidate.keys)
    keys = ", ".join(key_sql(key) for key in candidate.keys)
    summary = f"Create an index on ({keys}), which serves: {shortened(statements[0].statement.query)}"
    if table.kind == "partitioned table":
        return Remedy(f"{summary}. On each partition concurrently, then on the table, which takes them over.")
    if catalog.partitions(table):
        return Remedy(f"{summary}. On each of the tables that inherit from it as well.")
    name = names.free(table, columns)
    return Remedy(
        summary, (CreateIndex(table.schema, table.name, name, tuple(key_sql(key) for key in candidate.keys)),)
    )


_T = """
    CREATE TABLE t (id int PRIMARY KEY, a int, b int, c text, d int, part int, tags int[], extra jsonb, noise text,
                    made timestamptz);
    INSERT INTO t SELECT n, n % 300, n % 210, (n % 2)::text, n % 150, n / 1200, ARRAY[n % 300], to_jsonb(n % 300),
                         md5(n::text), now() + n * '1s'::interval
    FROM generate_series(1, 6000) n;
"""


_case = partial(reading, table=_T)


BAD = (
    _case("an equality without an index", "SELECT * FROM t WHERE a = $1", columns="a"),
    _case("an equality and a bound", "SELECT id FROM t WHERE a = $1 AND made > $2", columns="a made"),
    _case(
        "several values, which come in no order",
        "SELECT id FROM t WHERE a IN ($1,$2) ORDER BY made LIMIT $3",
        columns="a",
    ),
    _case("the newest of a kind", "SELECT id FROM t WHERE a = $1 ORDER BY made DESC LIMIT $2", columns="a made"),
    _case("the newest of half the rows", "SELECT id FROM t WHERE c = $1 ORDER BY made DESC LIMIT $2", columns="c made"),
    _case("the first rows of all", "SELECT id FROM t ORDER BY made, a DESC LIMIT $1", columns="made a"),
    _case(
        "many rows of an index, sorted to take the first",
        "SELECT id FROM t WHERE part = $1 ORDER BY made LIMIT $2",
        more="CREATE INDEX i ON t (part, d)",
        columns="part made",
    ),
    _case(
        "one index for three statements, whichever columns come first in them",
        "SELECT id FROM t WHERE b = $1 AND a = $2",
        "SELECT id FROM t WHERE b = $1",
        "SELECT id FROM t WHERE a = $1 AND b = $2 AND made > $3",
        columns="b a made",
    ),
    _case(
        "never two indexes over the same columns",
        "SELECT id FROM t WHERE a = $1 ORDER BY b LIMIT $2",
        "SELECT id FROM t WHERE b = $1 ORDER BY a LIMIT $2",
        findings=2,
        columns="a b",
    ),
    _case("a change that looks for its rows", "UPDATE t SET c = $1 WHERE a = $2", columns="a"),
    _case("a queue", "SELECT id FROM t WHERE a = $1 ORDER BY made LIMIT $2 FOR UPDATE SKIP LOCKED", columns="a made"),
    _case(
        "a partial index whose predicate is another matter",
        "SELECT id FROM t WHERE a = $1",
        more="CREATE INDEX i ON t (a) WHERE b IS NULL",
        columns="a",
    ),
    _case(
        "an index that was never finished",
        "SELECT id FROM t WHERE a = $1",
        more="CREATE INDEX i ON t (a); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass",
        columns="a",
    ),
    Example(
        "a partitioned table, whatever partition is read",
        sql="""
            CREATE TABLE t (id int, a int) PARTITION BY RANGE (id);
            CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (3000);
            CREATE TABLE t_2 PARTITION OF t DEFAULT;
            INSERT INTO t SELECT n, n % 300 FROM generate_series(1, 6000) n;
            ANALYZE t;
        """,
        given=(given.workload(("SELECT * FROM t WHERE a = $1", 1000, 5.0), ("DELETE FROM t_2 WHERE a = $1", 99, 1.0)),),
        objects=("t", "a"),
        renamed=False,
    ),
    Example(
        "a table that others inherit from",
        sql=f"{_T} CREATE TABLE u () INHERITS (t); ANALYZE t",
        given=(given.workload(("SELECT id FROM ONLY t WHERE a = $1", 1000, 5.0)),),
        objects=("t", "a"),
        renamed=False,
    ),
)
GOOD = (
    _case("an index that serves", "SELECT * FROM t WHERE a = $1", more="CREATE INDEX i ON t (a, b)"),
    _case("the key serves", "SELECT * FROM t WHERE id = $1 AND a = $2"),
    _case("a statement that ran nine times", "SELECT * FROM t WHERE a = $1", calls=9),
    _case("a value that half the rows have", "SELECT * FROM t WHERE c = $1"),
    _case("so many values of a list that a fifteenth of the rows has one", "SELECT * FROM t WHERE d = ANY($1)"),
    _case("a bound, behind which there may be any number of rows", "SELECT * FROM t WHERE made BETWEEN $1 AND $2"),
    _case("all rows in order", "SELECT id FROM t ORDER BY made"),
    _case("the first by an expression", "SELECT id FROM t ORDER BY lower(c) LIMIT $1"),
    _case("the first of all groups", "SELECT made, count(*) FROM t GROUP BY made ORDER BY made LIMIT $1"),
    _case("a comparison in another type, which no index answers", "SELECT * FROM t WHERE a = $1::numeric"),
    _case("an array and a document are searched otherwise", "SELECT * FROM t WHERE tags = $1 AND extra = $2"),
    _case("the first by a document", "SELECT id FROM t ORDER BY extra LIMIT $1"),
    _case(
        "few rows of an index, sorted to take the first",
        "SELECT id FROM t WHERE a = $1 ORDER BY made LIMIT $2",
        more="CREATE INDEX i ON t (a)",
    ),
    _case(
        "an index in the order asked for, which the planner leaves aside",
        "SELECT * FROM t ORDER BY noise LIMIT $1",
        more="CREATE INDEX i ON t (noise, a)",
    ),
    _case(
        "an index over the same columns in another order",
        "SELECT * FROM t WHERE a = $1 ORDER BY made LIMIT $2",
        more="CREATE INDEX i ON t (made, a)",
    ),
    _case(
        "a partial index that waits for a value to be written out",
        "SELECT * FROM t WHERE a = $1 AND c = $2",
        more="CREATE INDEX i ON t (a) WHERE c = 'x'",
    ),
    _case(
        "the columns of a foreign key, which needs an index whatever the workload",
        "SELECT * FROM t WHERE a = $1",
        more="CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p SELECT generate_series(0, 299);"
        "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p",
    ),
    _case("a view is not indexed", "SELECT * FROM v WHERE a = $1", more="CREATE VIEW v AS SELECT * FROM t"),
    _case("a table of another schema", "SELECT * FROM elsewhere.t WHERE a = $1"),
    _case("a statement cut short", "SELECT * FROM t WHERE (a = $1"),
    Example(
        "columns that were never analysed",
        sql=f"{_T} ANALYZE t (id)",
        given=(given.workload(("SELECT * FROM t WHERE a = $1", 1000, 5.0)),),
        renamed=False,
    ),
    Example(
        "a table that is locked",
        sql=f"{_T} ANALYZE t",
        given=(given.workload(("SELECT * FROM t WHERE a = $1", 1000, 5.0)), given.table("t", locked=True)),
        renamed=False,
    ),
    Example(
        "a small table",
        sql="CREATE TABLE t (a int); INSERT INTO t SELECT n FROM generate_series(1, 999) n; ANALYZE t",
        given=(given.workload(("SELECT * FROM t WHERE a = $1", 1000, 5.0)),),
        renamed=False,
    ),
    Example("no statements were recorded", sql=f"{_T} ANALYZE t", given=(given.server(statements=None),)),
)
