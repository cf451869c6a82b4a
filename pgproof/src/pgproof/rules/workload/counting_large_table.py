"""A count of very many rows, again and again.

What it finds:
    Statements on tables of 1,000 rows or more that return nothing but a count and whose plan expects to go through
    100,000 rows or more for it, called at least ten times by pg_stat_statements, or at all in a recording.

Why it matters:
    PostgreSQL keeps no count of rows that is exact for every transaction: each count reads all of them, or an index of
    all of them. Pages of a list ask for it with every request, and few people need to know whether it is 612,309.

Evidence:
    The generic plan of the statement.

Remedy:
    Count up to a bound and say "1,000+": `select(func.count()).select_from(stmt.limit(1001).subquery())`. For a whole
    table the estimate `reltuples` of pg_class; for what is shown on every page, a number that a job keeps.

When to ignore:
    A report that needs the number and may take its time.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from pgproof.advise.syntax import syntax_tree
from pgproof.facts.model import Facts
from pgproof.facts.questions import PlanNode, PlanOf, Question
from pgproof.rules import given
from pgproof.rules.finding import Finding, NotChecked, Remedy
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.statements import explained, large_table, nodes, plan_of
from pgproof.rules.workload._recorded import Run, on
from pgproof.rules.workload._seen import Seen, by_share, seen, unseen

METADATA = Metadata(code="WRK09", slug="counting-large-table", severity="low", needs=("statements", "plan"))

MANY = 100_000


def questions(facts: Facts) -> Iterator[Question]:
    """Ask how many rows each count goes through."""
    for each in _counts(facts):
        yield PlanOf(each.text)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each count of many rows."""
    yield from unseen(facts)
    for each in _counts(facts):
        plan = plan_of(facts, each.text, each.tables[0])
        if isinstance(plan, NotChecked):
            yield plan
        elif (rows := _counted(plan)) >= MANY:
            yield _finding(facts, each, rows)


def _counts(facts: Facts) -> Iterator[Seen]:
    for each in seen(facts):
        tree = syntax_tree(each.text)
        if not isinstance(tree, exp.Select) or tree.args.get("group") is not None:
            continue
        counts = all(isinstance(column.unalias(), exp.Count) for column in tree.expressions)
        if counts and any(large_table(facts.catalog, table.qualified_name) for table in each.tables):
            yield each


def _counted(plan: PlanNode) -> float:
    """The rows that reach the lowest aggregate: what a LIMIT below it leaves."""
    aggregates = [node for node in nodes(plan) if node.node_type == "Aggregate"]
    return max((child.rows for node in aggregates[-1:] for child in node.children), default=0.0)


def _finding(facts: Facts, each: Seen, rows: float) -> Finding:
    return METADATA.finding(
        objects=(each.ref,),
        message=f"a statement on {each.names}{each.sent_by} counts about {rows:,.0f} rows",
        consequence=f"It ran {each.calls:,} times, {each.total_ms / each.calls:,.0f} ms each, and each call goes "
        "through all of them.",
        severity=by_share(METADATA.severity, each),
        confidence="plan",
        evidence=(explained(facts, each.text, f"{rows:,.0f} rows expected below Aggregate"),),
        remedy=Remedy('Count up to a bound and say "1,000+", or keep the number elsewhere'),
        location=each.location,
    )


_T = """
    CREATE TABLE kinds (id int PRIMARY KEY);
    INSERT INTO kinds SELECT generate_series(0, 998);
    CREATE TABLE events (id int, kind int NOT NULL);
    INSERT INTO events SELECT n, n % 999 FROM generate_series(1, 100000) n;
    ALTER TABLE events ADD PRIMARY KEY (id), ADD FOREIGN KEY (kind) REFERENCES kinds;
    ANALYZE kinds, events;
"""
_ALL = "SELECT count(*) AS count_1 FROM events"


def _case(name: str, text: str, calls: int = 10, says: tuple[str, ...] = ()) -> Example:
    return Example(
        name, sql=_T, given=(given.workload((text, calls, 5.0)),), objects=("events",), renamed=False, says=says
    )


_CASE = on(_T)
BAD = (
    _case("all rows", _ALL, says=("100,000 rows", "10 times", "5 ms")),
    _case("rows with their kinds", "SELECT count(*) FROM events JOIN kinds ON kinds.id = events.kind"),
    _CASE("once in a recording", Run(_ALL), objects="events", says="shop/orders.py:10"),
)
GOOD = (
    _case("some rows", "SELECT count(*) FROM events WHERE kind = $1"),
    _case("rows up to a bound", "SELECT count(*) FROM (SELECT id FROM events LIMIT 1001) AS some"),
    _case("groups", "SELECT count(*) FROM events GROUP BY kind"),
    _case("a count beside a sum", "SELECT count(*), sum(kind) FROM events"),
    _case("different values of two lists", "SELECT kind FROM events UNION SELECT id FROM events"),
    _case("pairs of a small table, which are another rule's matter", "SELECT count(*) FROM kinds a, kinds b"),
    _case("a statement that ran nine times", _ALL, calls=9),
    _case("a statement without a plan", "SELECT count(gone) FROM events"),
    _case("what is inserted", "INSERT INTO events SELECT count(*), 1 FROM events"),
    Example(
        "a small table",
        sql="CREATE TABLE events (id int PRIMARY KEY)",
        given=(given.workload((_ALL, 10, 5.0)),),
        renamed=False,
    ),
    Example("nothing is known", given=(given.server(statements=None),)),
)
