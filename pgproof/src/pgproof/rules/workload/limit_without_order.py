"""The first rows of an order that nobody gave.

What it finds:
    A statement that takes rows of tables with LIMIT or FETCH FIRST, or skips some with OFFSET, and has no ORDER BY.
    Where a unique rule leaves one row at most, where nothing but a constant is selected (does any row exist), where
    rows are locked (any of a queue will do), groups and counts, and TABLESAMPLE are not meant.

Why it matters:
    Which rows come is then up to the plan (PostgreSQL documentation, LIMIT and OFFSET): others after a VACUUM, an
    index, a new version; with OFFSET some rows are on two pages and others on none.

Evidence:
    The text, from pg_stat_statements or a recording.

Remedy:
    `.order_by(...)` to a unique column at the end.

When to ignore:
    Any row will do.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from pgproof.advise.statements import TableUse
from pgproof.advise.syntax import syntax_tree
from pgproof.facts.model import Facts
from pgproof.rules import given
from pgproof.rules.finding import Finding, NotChecked, Remedy
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.workload._recorded import Run, on
from pgproof.rules.workload._seen import Seen, seen, unseen

METADATA = Metadata(code="WRK06", slug="limit-without-order", severity="low", needs=("statements",))


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each statement that takes some rows in no order."""
    yield from unseen(facts)
    for each in seen(facts):
        tree = syntax_tree(each.text)
        assert tree is not None, "it was parsed"
        if _takes_any(tree) and not _is_one_row(each):
            yield _finding(each, paged=tree.args.get("offset") is not None)


def _takes_any(tree: exp.Expr) -> bool:
    source = tree.args.get("from_")
    if source is None or not (tree.args.get("limit") or tree.args.get("offset")) or tree.find(exp.TableSample):
        return False
    if any(tree.args.get(name) for name in ("order", "locks", "group", "distinct", "having", "with_")):
        return False
    relations = [source.this, *(join.this for join in tree.args.get("joins") or ())]
    if not all(isinstance(each, exp.Table) for each in relations):
        return False
    columns = any(each.find(exp.Column, exp.Star) for each in tree.expressions)
    return columns and not any(each.find(exp.AggFunc, exp.Window) for each in tree.expressions)


def _is_one_row(each: Seen) -> bool:
    """Whether a unique rule leaves one row of the only table that the statement names."""
    uses = each.parsed.uses
    return len(uses) == 1 and each.tables[0].is_unique(_fixed(uses[0]))


def _fixed(use: TableUse) -> tuple[str, ...]:
    return tuple(one.column for one in use.equalities if not one.several)


def _finding(each: Seen, *, paged: bool) -> Finding:
    table = each.tables[0].qualified_name
    return METADATA.finding(
        objects=(each.ref,),
        message=f"a statement takes some rows of {table}{each.sent_by} and says no order",
        consequence="Pages overlap and leave rows out, by the plan of the moment."
        if paged
        else "Which rows come is up to the plan of the moment.",
        severity="medium" if paged else None,
        evidence=(each.evidence(f"{each.calls:,} calls"),),
        remedy=Remedy("Add ORDER BY, to a unique column at the end"),
        location=each.location,
    )


_T = "CREATE TABLE events (id int PRIMARY KEY, kind int, other int REFERENCES events)"
_case = on(_T)


def _counted(name: str, text: str, calls: int = 10) -> Example:
    return Example(name, sql=_T, given=(given.workload((text, calls, 5.0)),), objects=("events",), renamed=False)


def _recorded(name: str, text: str, **expected: object) -> Example:
    return Example(name, sql=_T, recording=_case("", Run(text, "k")).recording, **expected)  # type: ignore[arg-type]


BAD = (
    _counted("the first ten", "SELECT id, $3 AS page FROM events WHERE kind = $1 LIMIT $2"),
    _recorded(
        "all columns",
        "SELECT * FROM events FETCH FIRST $1 ROWS ONLY",
        objects=("events",),
        severity="low",
        says=("Which rows come is up to the plan",),
    ),
    _recorded("pages", "SELECT id FROM events LIMIT $1 OFFSET $2", severity="medium", says=("orders.py:10", "overlap")),
    _recorded("only an offset", "SELECT id FROM events OFFSET $1", severity="medium"),
    _recorded("one of several keys", "SELECT kind FROM events WHERE id IN ($1) LIMIT $2"),
    _recorded(
        "a row and what refers to it",
        "SELECT b.id FROM events a JOIN events b ON b.other = a.id WHERE a.id = $1 LIMIT $2",
    ),
)
GOOD = (
    _recorded("an order", "SELECT id FROM events ORDER BY id LIMIT $1"),
    _recorded("no limit", "SELECT id FROM events WHERE kind = $1"),
    _recorded("one row by its key", "SELECT kind FROM events WHERE id = $1 LIMIT $2"),
    _recorded("does any row exist", "SELECT $1 FROM events WHERE kind = $2 LIMIT $3"),
    _recorded("a queue", "SELECT id FROM events WHERE kind = $1 LIMIT $2 FOR UPDATE SKIP LOCKED"),
    _recorded("groups", "SELECT kind FROM events GROUP BY kind LIMIT $1"),
    _recorded("different values", "SELECT DISTINCT kind FROM events LIMIT $1"),
    _recorded("a group that must be", "SELECT max(id) FROM events HAVING count(*) > $1 LIMIT $2"),
    _recorded("a count", "SELECT count(*) FROM events LIMIT $1"),
    _recorded("the count of some rows", "SELECT count(*) FROM (SELECT id FROM events LIMIT $1) AS some"),
    _recorded("the one list of rows", "SELECT ARRAY(SELECT id FROM events) LIMIT $1"),
    _recorded("rows that are numbered", "SELECT id, row_number() OVER (ORDER BY id) FROM events LIMIT $1"),
    _recorded("rows that are ordered inside", "SELECT id FROM (SELECT id FROM events ORDER BY id) AS s LIMIT $1"),
    _recorded(
        "a join with rows that are ordered inside",
        "SELECT e.id FROM events e JOIN (SELECT id FROM events ORDER BY id) AS s ON s.id = e.other LIMIT $1",
    ),
    _recorded("a named part", "WITH s AS (SELECT id FROM events ORDER BY id) SELECT id FROM s LIMIT $1"),
    _recorded("a sample", "SELECT id FROM events TABLESAMPLE SYSTEM (1) LIMIT $1"),
    _recorded("a table that is not there", "SELECT id FROM elsewhere LIMIT $1"),
    _counted("a statement that ran nine times", "SELECT id FROM events LIMIT $1", calls=9),
    _counted("a change", "UPDATE events SET kind = $1 WHERE id IN (SELECT id FROM events LIMIT $2)"),
    Example("nothing is known", sql=_T, given=(given.server(statements=None),)),
)
