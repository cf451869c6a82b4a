"""A counter in a row that everybody writes.

What it finds:
    An UPDATE that adds to a column of one row by its key (`views = views + 1`): of which a recording shows the same row
    in ten transactions or more of at least two threads or tasks, or which ran a thousand times per row of the table or
    more by pg_stat_statements.

Why it matters:
    Each such transaction waits for the one before it to commit: the row is locked until then, and whoever reads a page
    and counts it waits in line. Each leaves a dead version of the whole row behind, and touches all its indexes where
    one of them has the column.

Evidence:
    The recording (values are compared by a keyed digest), or the calls of pg_stat_statements beside the table's rows.

Remedy:
    Insert one row for each event into a table of its own and sum them up by a job; or spread the counter over several
    rows; or count outside and write the sum once a minute. Where it must stay: a narrow table for the counter alone,
    the UPDATE as the last statement before the commit, and a fillfactor below 100.

When to ignore:
    A number that must be exact at once, such as a balance, written as rarely as money moves.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from pgproof.advise.statements import TableUse
from pgproof.advise.syntax import identifier, syntax_tree
from pgproof.facts.catalog import Table
from pgproof.facts.model import Facts
from pgproof.facts.recording import HotParameter
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, table_ref
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.workload._recorded import Run, on
from pgproof.rules.workload._seen import Seen, seen, unseen

METADATA = Metadata(code="WRK12", slug="hot-row-update", severity="medium", needs=("statements",))

UNITS, TASKS, PER_ROW = 10, 2, 1_000


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each counter whose row is written very often."""
    yield from unseen(facts)
    for each in seen(facts):
        column = _counter(each)
        if column is None or len(each.parsed.uses) != 1:
            continue
        table, use = each.tables[0], each.parsed.uses[0]
        if not table.is_unique(tuple(one.column for one in use.equalities if not one.several)):
            continue
        hot = _hottest(each, use)
        per_row = each.calls / max(table.estimated_rows or 0, 1) if each.counted is not None else 0.0
        if hot is not None:
            result = f"the same row in {hot.most_units:,} transactions of {hot.tasks:,} threads or tasks"
            yield _finding(each, table, column, Evidence("recording", each.text, result))
        elif per_row >= PER_ROW:
            yield _finding(each, table, column, each.evidence(f"{per_row:,.0f} calls for each row"))


def _counter(each: Seen) -> str | None:
    """The column that an UPDATE adds to."""
    tree = syntax_tree(each.text)
    if not isinstance(tree, exp.Update):
        return None
    for assignment in tree.expressions:
        target, value = assignment.this, assignment.expression.unnest()
        if isinstance(value, exp.Add | exp.Sub):
            added = (column for column in value.find_all(exp.Column))
            if any(identifier(column.this) == identifier(target.this) for column in added):
                return identifier(target.this)
    return None


def _hottest(each: Seen, use: TableUse) -> HotParameter | None:
    """The one parameter of the key, where its most frequent value is a row that many write."""
    keys = {one.parameter for one in use.equalities}
    hot = [one for one in each.recorded.hot if one.number in keys] if each.recorded is not None else []
    if len(keys) == 1 and hot and hot[0].most_units >= UNITS and hot[0].tasks >= TASKS:
        return hot[0]
    return None


def _finding(each: Seen, table: Table, column: str, evidence: Evidence) -> Finding:
    return METADATA.finding(
        objects=(table_ref(table, column),),
        related=(each.ref,),
        message=f"a statement{each.sent_by} counts in {column} of {table.qualified_name}, in a row that is written "
        f"very often: {evidence.result}",
        consequence=f"{each.calls:,} calls; each waits for the one before it to commit, and leaves a dead row behind.",
        confidence="measured",
        evidence=(evidence,),
        remedy=Remedy("Insert a row for each event and sum up by a job, or write the sum of many at once"),
        location=each.location,
    )


_T = "CREATE TABLE jobs (id int PRIMARY KEY, views int, weight int, title text);"
_case = on(_T)
_VIEW = "UPDATE jobs SET views = (jobs.views + $1::INTEGER) WHERE jobs.id = $2::INTEGER"
_SITE = "shop/jobs.py:30 show"


def _counted(name: str, text: str = _VIEW, *, rows: int = 10, calls: int = 10_000, sql: str = _T) -> Example:
    return Example(
        name,
        sql=sql,
        given=(
            given.workload((text, calls, 1.0)),
            given.table("jobs", reltuples=float(rows), live_rows=max(rows, 0), heap_bytes=8192),
        ),
        objects=("jobs", "views"),
        renamed=False,
    )


BAD = (
    _case(
        "a row that ten transactions of two threads write",
        Run(_VIEW, "1 k", unit="#", task="#", times=2),
        Run(_VIEW, "1 k", unit="#", times=8, site=_SITE),
        objects="jobs views",
        says="10 transactions|shop/jobs.py:30|10 calls",
    ),
    _counted("a thousand calls per row", "UPDATE jobs SET views = views + weight WHERE id = $1"),
    _counted("a countdown in a table that nobody analyzed", _VIEW.replace("+", "-"), rows=-1, calls=1000),
)
GOOD = (
    _case("one thread, a thousand times", Run(_VIEW, "1 k", unit="#", times=1000)),
    _case("nine transactions", Run(_VIEW, "1 k", unit="#", task="#", times=9)),
    _case("one transaction", Run(_VIEW, "1 k", task="#", times=20)),
    _case("other rows", Run(_VIEW, "1 k#", unit="#", task="#", times=20)),
    _case(
        "what is no counter",
        Run("UPDATE jobs SET views = greatest(views, $1) WHERE id = $2", "1 k", unit="#", task="#", times=20),
    ),
    _case(
        "another column's counter",
        Run("UPDATE jobs SET views = id + $1 WHERE id = $2", "1 k", unit="#", task="#", times=20),
    ),
    _case("many rows", Run("UPDATE jobs SET views = views + $1 WHERE title = $2", "1 k", unit="#", task="#", times=20)),
    _counted("rows of a list", "UPDATE jobs SET views = views + $1 WHERE id IN ($2)"),
    on(f"{_T} CREATE UNIQUE INDEX ON jobs (title, views)")(
        "a key of two columns, of which another value differs",
        Run(
            "UPDATE jobs SET views = views + $1 WHERE title = $2 AND views = $3", "1 k #", unit="#", task="#", times=20
        ),
    ),
    _case(
        "rows of another table",
        Run("UPDATE jobs SET views = views + 1 FROM jobs o WHERE jobs.id = $1", "k", unit="#", task="#", times=20),
    ),
    _counted("fewer calls per row", calls=9_999),
    _counted("what is compared", "SELECT views = views + $1 FROM jobs WHERE id = $2"),
    _counted("a table that is not there", "UPDATE elsewhere SET views = views + 1 WHERE id = $1"),
    Example("nothing is known", sql=_T, given=(given.server(statements=None),)),
)
