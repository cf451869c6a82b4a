"""A statement that returns as many rows as there are, without a limit.

What it finds:
    A SELECT without LIMIT that returned 1,000 rows or more: in one call of a recording, or in every call on average by
    pg_stat_statements. Counts and groups, and loads of given keys (IN), are not meant; nor is what is read through a
    server-side cursor (`stream_results`, `yield_per`), of which neither source tells the rows.

Why it matters:
    Time and memory grow with the table: what takes 20 ms today is a process that runs out of memory in two years.

Evidence:
    pg_stat_statements, or the recording (pgproof record).

Remedy:
    `.limit(...)` with keyset pagination for people; for work over all rows `session.scalars(stmt.execution_options(
    yield_per=1000))`, or COPY.

When to ignore:
    A table that stays as it is, such as countries; an export that must hold all.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from pgproof.advise.syntax import syntax_tree
from pgproof.facts.amounts import amount
from pgproof.facts.model import Facts
from pgproof.rules import given
from pgproof.rules.finding import Finding, NotChecked, Remedy
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.workload._recorded import Run, on
from pgproof.rules.workload._seen import Seen, seen, unseen

METADATA = Metadata(code="WRK04", slug="unbounded-result", severity="low", needs=("statements",))

MANY, VERY_MANY = 1_000, 10_000
"""Rows from which on it is reported, and from which on it is worse: nobody reads a thousand rows on a page."""


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each statement without a limit that returns many rows."""
    yield from unseen(facts)
    for each in seen(facts):
        rows = _rows(each)
        if rows >= MANY and _is_unbounded(each):
            yield _finding(each, rows)


def _rows(each: Seen) -> float:
    most = each.recorded.most_rows if each.recorded is not None else 0
    mean = each.counted.rows / each.counted.calls if each.counted is not None else 0.0
    return max(most, mean)


def _is_unbounded(each: Seen) -> bool:
    tree = syntax_tree(each.text)
    if not isinstance(tree, exp.Select) or tree.args.get("limit") is not None or tree.args.get("group") is not None:
        return False
    return not any(one.several for use in each.parsed.uses for one in use.equalities)


def _finding(each: Seen, rows: float) -> Finding:
    return METADATA.finding(
        objects=(each.ref,),
        message=f"a statement on {each.names}{each.sent_by} has no LIMIT and returns {amount(rows, 'row')}",
        consequence=f"It ran {amount(each.calls, 'time')}; its time and the application's memory grow with the table.",
        severity="medium" if rows >= VERY_MANY else None,
        confidence="measured",
        evidence=(each.evidence(f"{amount(rows, 'row')} in a call"),),
        remedy=Remedy("Add a limit and go on from the last row seen (keyset), or read all through yield_per"),
        location=each.location,
    )


_T = "CREATE TABLE events (id int PRIMARY KEY, kind text, made timestamptz)"
_case = on(_T)


def _counted(name: str, text: str, *, calls: int = 10, rows: int = 10_000, says: tuple[str, ...] = ()) -> Example:
    stated = given.workload((text, calls, 5.0), rows=rows)
    return Example(name, sql=_T, given=(stated,), objects=("events",), renamed=False, says=says)


_ALL = "SELECT id, kind FROM events WHERE made > $1 ORDER BY made"
BAD = (
    _case(
        "a thousand rows in one call of several",
        Run(_ALL, "m", rows=999),
        Run(_ALL, "m", rows=1000),
        objects="events",
        says="shop/orders.py:10 in list_orders|returns 1,000 rows|ran 2 times",
        severity="low",
    ),
    _counted("a thousand rows in each call", _ALL, says=("1,000 rows", "ran 10 times")),
    Example(
        "in both",
        sql=_T,
        given=(given.workload((_ALL, 3, 5.0), rows=3),),
        recording=_case("", Run(_ALL, "m", rows=10_000)).recording,
        severity="medium",
        says=("10,000 rows", "ran 3 times"),
    ),
)
GOOD = (
    _case("a page", Run(f"{_ALL} LIMIT $2", "m l", rows=5000)),
    _case("999 rows", Run(_ALL, "m", rows=999)),
    _case("a number of rows that nobody knows", Run(_ALL, "m", rows=None)),
    _case("groups", Run("SELECT kind, count(*) FROM events GROUP BY kind", rows=2000)),
    _case("given keys", Run("SELECT id FROM events WHERE id IN ($1)", "k", rows=2000)),
    _case("rows that are changed", Run("UPDATE events SET kind = $1", "k", rows=2000)),
    _counted("fewer rows in each call", _ALL, rows=9_999),
    _counted("a statement that ran nine times", _ALL, calls=9),
    _case("a table that is not there", Run("SELECT id FROM elsewhere", rows=5000)),
    Example("nothing is known", sql=_T, given=(given.server(statements=None),)),
)
