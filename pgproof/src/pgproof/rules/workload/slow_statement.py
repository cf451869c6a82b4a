"""A statement that people wait for.

What it finds:
    Statements that take 100 ms or more on average and ran at least ten times, by pg_stat_statements. A recording says
    which line sends them; its own times are the application's, which waits for more than the server.

Why it matters:
    A tenth of a second is what people still feel as at once; a page has several statements, and a slow one holds its
    connection from others for as long.

Evidence:
    mean_exec_time of pg_stat_statements.

Remedy:
    EXPLAIN (ANALYZE, BUFFERS) with values as they occur. The rules of the families indexes and workload name what they
    know: an index that is missing, a search, an offset, a count. Then fewer rows, fewer columns, or work done before.

When to ignore:
    Reports and jobs that nobody waits for.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.amounts import amount
from pgproof.facts.model import Facts
from pgproof.rules import given
from pgproof.rules.finding import Finding, NotChecked, Remedy
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.statements import FEWEST_CALLS, unrecorded
from pgproof.rules.workload._recorded import Run, on
from pgproof.rules.workload._seen import Seen, by_share, seen

METADATA = Metadata(code="WRK01", slug="slow-statement", severity="medium", needs=("statements",))

SLOW_MS = 100.0


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each statement that is slow on average."""
    yield from unrecorded(facts)
    for each in seen(facts):
        if each.counted is not None and each.calls >= FEWEST_CALLS and each.total_ms >= SLOW_MS * each.calls:
            yield _finding(each)


def _finding(each: Seen) -> Finding:
    mean = each.total_ms / each.calls
    return METADATA.finding(
        objects=(each.ref,),
        message=f"a statement on {each.names}{each.sent_by} takes {mean:,.0f} ms on average",
        consequence=f"{amount(each.calls, 'call')} took {each.total_ms / 1000:,.1f} s, {each.share:.1%} of the time of"
        " all statements.",
        severity=by_share(METADATA.severity, each),
        confidence="measured",
        evidence=(each.evidence(f"{amount(each.calls, 'call')}, {mean:,.1f} ms on average"),),
        remedy=Remedy(
            "Look at EXPLAIN (ANALYZE, BUFFERS) of it with values as they occur, beside what other rules say"
        ),
        location=each.location,
    )


_T = "CREATE TABLE orders (id int PRIMARY KEY, buyer text)"
_READ = "SELECT id FROM orders WHERE buyer = $1"
_OTHER = ("SELECT buyer FROM orders WHERE id = $1", 1000, 90.0)


def _counted(name: str, *statements: tuple[str, int, float], recording: str = "", **expected: object) -> Example:
    return Example(
        name,
        sql=_T,
        given=(given.workload(*statements),),
        renamed=False,
        recording=recording,
        **expected,  # type: ignore[arg-type]
    )


_recorded = on(_T)
BAD = (
    _counted("most of the time", (_READ, 10, 100.0), objects=("orders",), severity="high", says=("100 ms", "10 calls")),
    _counted("part of the time", (_READ, 10, 150.0), _OTHER, severity="medium", says=("150 ms", "1.6%")),
    _counted("hardly any of the time", (_READ, 10, 100.0), _OTHER, _OTHER, severity="low"),
    _counted(
        "seen by both, whose parameters have other numbers",
        (_READ.replace("$1", "$2"), 10, 100.0),
        recording=_recorded("", Run(_READ, "k", ms=1.0)).recording,
        says=("orders.py:10 in list_orders", "10 calls"),
    ),
)
GOOD = (
    _counted("99 ms", (_READ, 10, 99.9)),
    _counted("nine calls", (_READ, 9, 500.0)),
    _recorded("an application that waits for its own", Run(_READ, "k", ms=500.0, times=20)),
    _counted(
        "nine calls that are recorded",
        (_READ, 9, 500.0),
        recording=_recorded("", Run(_READ, "k")).recording,
    ),
    _counted("a table that is not there", ("SELECT id FROM elsewhere", 10, 500.0)),
    _counted(
        "seen by both, and fast where it is counted",
        (_READ, 10, 1.0),
        recording=_recorded("", Run(_READ, "k", ms=500.0, times=10)).recording,
    ),
    Example("nothing is known", sql=_T, given=(given.server(statements=None),)),
)
