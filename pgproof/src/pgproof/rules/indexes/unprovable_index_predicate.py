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

from pgproof.facts.amounts import amount
from pgproof.facts.model import Facts
from pgproof.facts.questions import Question
from pgproof.rules import given
from pgproof.rules.finding import Finding, NotChecked, Remedy, index_ref
from pgproof.rules.indexes._shared import definitions, scans_of
from pgproof.rules.indexes._unprovable import KeptOut, kept_out, plans_of, unprovable
from pgproof.rules.reading import locked
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.statement_examples import HAZARD
from pgproof.rules.statements import (
    by_share,
    explained,
    most_time_first,
    shortened,
    statement_ref,
    time_taken,
    unrecorded,
)

METADATA = Metadata(
    code="IDX11", slug="unprovable-index-predicate", severity="medium", needs=("catalog", "statements", "plan")
)


def questions(facts: Facts) -> Iterator[Question]:
    """Ask how the server runs each such statement for any value, and with the value written out."""
    return plans_of(unprovable(facts))


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each partial index that statements would use if they named its value."""
    yield from unrecorded(facts)
    by_index: dict[int, list[KeptOut]] = defaultdict(list)
    not_checked: dict[NotChecked, None] = {}
    for each in kept_out(facts):
        if isinstance(each, NotChecked):
            not_checked[each] = None
        else:
            by_index[each.case.index.oid].append(each)
    for table in facts.catalog.tables:
        if table.locked and any(index.partial for index in table.indexes):
            yield locked(table)
    yield from not_checked
    for found in by_index.values():
        table, index = found[0].case.table, found[0].case.index
        scans = scans_of(facts.catalog, table, index)
        if scans < sum(each.statement.statement.calls for each in found):
            yield _finding(facts, most_time_first(found), scans)


def _finding(facts: Facts, found: tuple[KeptOut, ...], scans: int) -> Finding:
    case, generic, written = found[0].case, found[0].generic, found[0].written
    table, index = case.table, case.index
    fixed = " AND ".join(f"{column} = {value}" for column, value in case.values)
    columns = ", ".join(column for column, _ in case.values)
    return METADATA.finding(
        objects=(index_ref(table, index),),
        related=tuple(statement_ref(each.statement.statement) for each in found),
        message=f"index {index.name} of {table.qualified_name} holds the rows with {fixed} alone, and cannot serve "
        f"{_many(len(found))} {columns} to a parameter",
        consequence=f"Planned for any value a call costs {generic.cost:,.0f}, with the value written out "
        f"{written.cost:,.0f}. {time_taken(found)}; the index was scanned {amount(scans, 'time')}.",
        severity=by_share(METADATA.severity, found),
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
    name: str,
    *statements: str,
    index: str = "(a) WHERE state = 'open'",
    calls: int = 1000,
    scans: int = 3,
    says: tuple[str, ...] = (),
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
        says=says,
        renamed=False,
    )


_PARTITIONED = """
    CREATE TABLE t (id int, a int, state text) PARTITION BY RANGE (id);
    CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (3000); CREATE TABLE t_2 PARTITION OF t DEFAULT;
    INSERT INTO t SELECT n, n % 300, CASE WHEN n % 40 = 0 THEN 'open' ELSE 'shut' END FROM generate_series(1, 6000) n;
    CREATE INDEX i ON ONLY t (a) WHERE state = 'open'; CREATE INDEX i_1 ON t_1 (a) WHERE state = 'open';
    CREATE INDEX i_2 ON t_2 (a) WHERE state = 'open'; ALTER INDEX i ATTACH PARTITION i_1;
    ALTER INDEX i ATTACH PARTITION i_2; ANALYZE t;
"""

BAD = (
    _example(
        "a value that is always the same",
        "SELECT * FROM t WHERE a = $1 AND state = $2",
        says=("cannot serve a statement that leaves state to a parameter", "was scanned 3 times"),
    ),
    _example("a statement that ran ten times", "SELECT * FROM t WHERE a = $1 AND state = $2", calls=10),
    _example(
        "two statements, one of which locks what it finds",
        "SELECT id FROM t WHERE state = $1::text AND a = $2",
        "SELECT id FROM t WHERE a = $1 AND state = $2 FOR UPDATE SKIP LOCKED",
        says=("cannot serve 2 statements that leave state",),
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
    Example(
        "a partitioned table whose parts were scanned less often",
        sql=_PARTITIONED,
        given=(
            given.workload(("SELECT * FROM t WHERE a = $1 AND state = $2", 1000, 5.0)),
            given.index("i_1", scans=400),
            given.index("i_2", scans=599),
        ),
        objects=("i",),
        says=("was scanned 999 times",),
        renamed=False,
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
    _example(
        "a statement that nobody may plan",
        "SELECT * FROM t WHERE a = $1 AND state = $2 AND probe(id)",
        index=f"(a) WHERE state = 'open'; {HAZARD}",
    ),
    _example(
        "one of two mentions of the table finds its rows by it",
        "SELECT x.id FROM t x, t y WHERE x.a = $1 AND x.made IS NOT NULL AND y.state = $2",
        index="(a) WHERE made IS NOT NULL",
    ),
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
        "a partitioned table whose parts were scanned as often",
        sql=_PARTITIONED,
        given=(
            given.workload(("SELECT * FROM t WHERE a = $1 AND state = $2", 1000, 5.0)),
            given.index("i_1", scans=400),
            given.index("i_2", scans=600),
        ),
        renamed=False,
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
