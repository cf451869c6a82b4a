"""An indexed column inside a cast or a function, which its index cannot answer.

What it finds:
    Statements on tables of 1,000 rows or more whose plan reads all of a table and tests a condition in which an indexed
    column stands inside a cast or a function (`made::date = ...`, `date_trunc('day', made)`, `id::text = ...`,
    `coalesce(state, '') = ...`), while the column has 20 different values or more and no index on an expression with
    it. Searches of text and lower() are IDX13's.

Why it matters:
    An index holds the column, not what the function makes of it: every row is read and the function called on each.

Evidence:
    The generic plan, whose Filter shows the condition, and pg_index.

Remedy:
    Leave the column alone and change the other side: `made >= day AND made < day + 1` for a day, a parameter of the
    column's own type for a cast. Where the function must be, an index on it: `Index("...", func.date_trunc(...))`, for
    immutable functions.

When to ignore:
    The condition leaves most rows, so that reading them all is right anyway.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from sqlglot import exp

from pgproof.advise.conditions import comparisons, is_value
from pgproof.advise.deparsed import columns_in
from pgproof.advise.syntax import identifier, syntax_tree
from pgproof.facts.catalog import Column, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import PlanOf, Question
from pgproof.rules import given
from pgproof.rules.finding import Finding, NotChecked, Remedy, table_ref
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.statements import distinct_values, explained, large_table, plan_of, rows_of, whole_reads
from pgproof.rules.workload._recorded import Run, on
from pgproof.rules.workload._seen import Seen, by_share, seen, unseen

METADATA = Metadata(
    code="WRK07",
    slug="cast-or-function-defeats-index",
    severity="medium",
    needs=("catalog", "statements", "plan"),
)

FEWEST_VALUES = 20
"""Of a column with fewer, an index would leave so many rows that reading all of them may be right."""
_COMPARED = (exp.EQ, exp.GT, exp.GTE, exp.LT, exp.LTE)


def questions(facts: Facts) -> Iterator[Question]:
    """Ask how each statement on a large table is run."""
    for each, _ in _candidates(facts):
        yield PlanOf(each.text)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each column whose index a cast or a function keeps out, merged over the statements."""
    yield from unseen(facts)
    found: dict[tuple[int, str], list[tuple[Table, str, Seen]]] = defaultdict(list)
    for each, tables in _candidates(facts):
        plan = plan_of(facts, each.text, tables[0])
        if isinstance(plan, NotChecked):
            yield plan
            continue
        for table in tables:
            for node in whole_reads(facts.catalog, plan, table):
                for column, condition in _wrapped(node.filter, table):
                    if _has_index(facts, table, column):
                        found[table.oid, column].append((table, condition, each))
    for (_, column), cases in found.items():
        yield _finding(facts, column, cases)


def _candidates(facts: Facts) -> Iterator[tuple[Seen, list[Table]]]:
    for each in seen(facts):
        named = [large_table(facts.catalog, table.qualified_name) for table in each.tables]
        tables = [table for table in named if table is not None]
        if tables and each.parsed.reads_only:
            yield each, tables


def _wrapped(condition: str | None, table: Table) -> Iterator[tuple[str, str]]:
    """Yield each column that a part of a filter compares through a cast or a function, with that part."""
    tree = syntax_tree("SELECT FROM t WHERE " + (condition or "true"))
    if tree is None:
        return
    whole = tree.args["where"].this.unnest()
    for part in whole.flatten() if isinstance(whole, exp.And) else (whole,):
        compared = part.unnest()
        # What is a look-up as it stands, an index answers; of lower() and the like, IDX13 speaks.
        if isinstance(compared, _COMPARED) and not any(comparisons(compared)):
            for one, other in ((compared.this, compared.expression), (compared.expression, compared.this)):
                inside, columns = one.unnest(), list(one.find_all(exp.Column))
                if isinstance(inside, exp.Cast | exp.Func) and len(columns) == 1 and is_value(other):
                    name = identifier(columns[0].this)
                    if name is not None and not _is_relabelled(inside, table.column(name)):
                        yield name, compared.sql(dialect="postgres")


def _is_relabelled(node: exp.Expr, column: Column) -> bool:
    """Whether a cast changes nothing: plans write a varchar as text."""
    text = isinstance(node, exp.Cast) and node.to.is_type(exp.DataType.Type.TEXT)
    return text and column.base_type == "varchar" and isinstance(node.this.unnest(), exp.Column)


def _has_index(facts: Facts, table: Table, column: str) -> bool:
    usable = [index for index in table.indexes if index.usable]
    expressions = (", ".join(key.expression for key in index.keys if key.expression) for index in usable)
    if any(column in columns_in(each) for each in expressions):
        return False
    leads = any(index.method == "btree" and not index.partial and index.keys[0].column == column for index in usable)
    return leads and distinct_values(facts.catalog, table, column) >= FEWEST_VALUES


def _finding(facts: Facts, column: str, cases: list[tuple[Table, str, Seen]]) -> Finding:
    table, condition, each = max(cases, key=lambda case: (case[2].total_ms, case[2].text))
    return METADATA.finding(
        objects=(table_ref(table, column),),
        related=tuple(dict.fromkeys(case[2].ref for case in cases)),
        message=f"a statement{each.sent_by} compares {column} of {table.qualified_name} as {condition}, which its "
        "index cannot answer",
        consequence=f"{each.calls:,} calls took {each.total_ms / 1000:,.1f} s; each tests about "
        f"{rows_of(facts.catalog, table):,} rows.",
        severity=by_share(METADATA.severity, each),
        confidence="plan",
        evidence=(explained(facts, each.text, f"Seq Scan on {table.qualified_name}, Filter: {condition}"),),
        remedy=Remedy(
            f"Compare {column} itself and change the other side: a range for a day or a month, a parameter of its own "
            "type; or index the expression"
        ),
        location=each.location,
    )


_T = """
    CREATE TABLE events (id int PRIMARY KEY, kind int, few int, code varchar(40), made timestamptz, other int);
    INSERT INTO events SELECT n, n % 20, n % 19, 'c' || n, now() + n * '1 min'::interval, n
        FROM generate_series(1, 4000) n;
    CREATE INDEX ON events (made); CREATE INDEX ON events (code); CREATE INDEX ON events (kind);
    CREATE INDEX ON events (few);
"""


def _case(
    name: str, text: str, *, more: str = "", calls: int = 10, columns: str = "made", findings: int = 1
) -> Example:
    return Example(
        name,
        sql=f"{_T} {more}; ANALYZE events",
        given=(given.workload((text, calls, 5.0)),),
        objects=("events", *columns.split()),
        findings=findings,
        renamed=False,
    )


BAD = (
    _case(
        "a day, and an index on an expression with another column",
        "SELECT id FROM events WHERE made::date = $1",
        more="CREATE INDEX ON events (lower(code))",
    ),
    _case(
        "a day that is truncated, beside another condition",
        "SELECT id FROM events WHERE other > $1 AND date_trunc('day', made) = $2",
    ),
    _case("the value first", "SELECT id FROM events WHERE $1 <= date_trunc('day', made)"),
    _case("a number compared as text", "SELECT other FROM events WHERE id::text = $1", columns="id"),
    _case("a number compared with a decimal", "SELECT other FROM events WHERE id = $1::numeric", columns="id"),
    _case("a text compared as a number", "SELECT id FROM events WHERE code::int = $1", columns="code"),
    _case("one of twenty values compared as text", "SELECT id FROM events WHERE kind::text = $1", columns="kind"),
    _case("a default for NULL", "SELECT id FROM events WHERE coalesce(code, '') = $1", columns="code"),
    on(f"{_T}; ANALYZE events")(
        "one that is recorded",
        Run("SELECT id FROM events WHERE extract(year FROM made) = $1", "y"),
        objects="events made",
        says="shop/orders.py:10",
    ),
)
GOOD = (
    _case("a range", "SELECT id FROM events WHERE made >= $1 AND made < $2"),
    _case("a few of many texts, which need no index", "SELECT id FROM events WHERE code > $1 LIMIT $2"),
    _case("a sum", "SELECT other FROM events WHERE id + 1 = $1"),
    _case("a whole row", "SELECT id FROM events e WHERE e::text = $1"),
    _case("rows that are not in a list", "SELECT id FROM events WHERE id NOT IN (SELECT few FROM events)"),
    _case("a search", "SELECT id FROM events WHERE lower(code) = $1"),
    _case("a pattern", "SELECT id FROM events WHERE code LIKE $1"),
    _case("a column without an index", "SELECT id FROM events WHERE other::text = $1"),
    _case("few different values", "SELECT id FROM events WHERE few::text = $1"),
    _case(
        "an index on another expression with it",
        "SELECT id FROM events WHERE made::date = $1",
        more="CREATE INDEX ON events (extract(epoch FROM made AT TIME ZONE 'UTC'))",
    ),
    _case(
        "a partial index",
        "SELECT id FROM events WHERE other::text = $1",
        more="CREATE INDEX ON events (other) WHERE kind = 3",
    ),
    _case(
        "a column behind another in its index",
        "SELECT id FROM events WHERE other::text = $1",
        more="CREATE INDEX ON events (kind, other)",
    ),
    _case(
        "an index of another method",
        "SELECT id FROM events WHERE other::text = $1",
        more="CREATE INDEX ON events USING hash (other)",
    ),
    _case(
        "an index that was never finished",
        "SELECT id FROM events WHERE other::text = $1",
        more="CREATE INDEX i ON events (other);UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass",
    ),
    _case("another index that finds the rows", "SELECT id FROM events WHERE id = $1 AND made::date = $2"),
    _case("two columns in one function", "SELECT id FROM events WHERE greatest(id, other) = $1"),
    _case(
        "a column on both sides", "SELECT id FROM events WHERE made::date = (now() - other * '1 day'::interval)::date"
    ),
    _case("what is returned", "SELECT made::date FROM events"),
    _case("a statement that ran nine times", "SELECT id FROM events WHERE made::date = $1", calls=9),
    _case("a statement that writes", "DELETE FROM events WHERE made::date = $1"),
    _case("a statement without a plan", "SELECT gone FROM events WHERE made::date = $1"),
    Example(
        "a small table",
        sql="CREATE TABLE events (id int PRIMARY KEY)",
        given=(given.workload(("SELECT 1 FROM events WHERE id::text = $1", 10, 5.0)),),
        renamed=False,
    ),
    Example("nothing is known", sql=_T, given=(given.server(statements=None),)),
)
