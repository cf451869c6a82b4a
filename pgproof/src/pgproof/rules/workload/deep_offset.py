"""Pages that are reached by OFFSET, over many rows.

What it finds:
    A statement with OFFSET that skipped 1,000 rows or more in a recording, or whose plan expects 10,000 rows or more to
    page through, where pg_stat_statements has seen it at least ten times.

Why it matters:
    PostgreSQL reads every row that OFFSET skips (PostgreSQL documentation, LIMIT and OFFSET): the hundredth page costs
    a hundred times the first. A crawler asks for all of them. Rows that come or go in between appear twice or never.

Evidence:
    The recording, or the generic plan of the statement.

Remedy:
    Go on from the last row seen: `.where(tuple_(T.made, T.id) < tuple_(made, id)).order_by(T.made.desc(), T.id.desc())`
    with an index in this order. Where pages need numbers, end them at a number nobody turns to.

When to ignore:
    A job that pages through once; better there is a server-side cursor (`yield_per`).
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from pgproof.advise.syntax import syntax_tree
from pgproof.facts.model import Facts
from pgproof.facts.questions import PlanNode, PlanOf, Question
from pgproof.rules import given
from pgproof.rules.finding import Confidence, Evidence, Finding, NotChecked, Remedy, Severity
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.statements import explained, nodes, plan_of
from pgproof.rules.workload._recorded import Run, on
from pgproof.rules.workload._seen import Seen, seen, unseen

METADATA = Metadata(code="WRK05", slug="deep-offset", severity="low", needs=("statements",))

SKIPPED, VERY_MANY = 1_000, 10_000
"""Rows that were skipped, and rows to page through."""


def questions(facts: Facts) -> Iterator[Question]:
    """Ask how many rows each statement with OFFSET has to page through."""
    for each in _only_planned(facts):
        yield PlanOf(each.text)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each statement that skips many rows, or may."""
    yield from unseen(facts)
    for each in seen(facts):
        if skipped := _skipped(each):
            yield _finding(
                each,
                f"skipped {skipped:,} rows by OFFSET",
                Evidence("recording", each.text, f"skipped {skipped:,} rows in one call"),
                confidence="measured",
                severity="medium" if skipped >= VERY_MANY else METADATA.severity,
            )
    for each in _only_planned(facts):
        plan = plan_of(facts, each.text, each.tables[0])
        if isinstance(plan, NotChecked):
            yield plan
        elif (paged := _paged(plan)) >= VERY_MANY:
            yield _finding(
                each,
                f"pages by OFFSET through about {paged:,.0f} rows",
                explained(facts, each.text, f"{paged:,.0f} rows expected below Limit"),
                confidence="plan",
                severity=METADATA.severity,
            )


def _only_planned(facts: Facts) -> Iterator[Seen]:
    """The statements with OFFSET of which no recording shows that they skip many rows."""
    return (each for each in seen(facts) if not _skipped(each) and _offsets(each))


def _skipped(each: Seen) -> int:
    most = (each.recorded.most_skipped if each.recorded is not None else None) or 0
    return most if most >= SKIPPED else 0


def _offsets(each: Seen) -> bool:
    tree = syntax_tree(each.text)
    assert tree is not None, "it was parsed"
    return tree.find(exp.Offset) is not None


def _paged(plan: PlanNode) -> float:
    return max((node.children[0].rows for node in nodes(plan) if node.node_type == "Limit"), default=0.0)


def _finding(each: Seen, does: str, evidence: Evidence, *, confidence: Confidence, severity: Severity) -> Finding:
    return METADATA.finding(
        objects=(each.ref,),
        message=f"a statement on {each.tables[0].qualified_name}{each.sent_by} {does}",
        consequence="All rows that are skipped are read: each page costs more than the one before it.",
        severity=severity,
        confidence=confidence,
        evidence=(evidence,),
        remedy=Remedy("Go on from the last row seen (keyset pagination), by an index in the order of the pages"),
        location=each.location,
    )


_T = """
    CREATE TABLE events (id int PRIMARY KEY, kind int);
    INSERT INTO events SELECT n, n % 2000 FROM generate_series(1, 10000) n;
    ANALYZE events;
"""
_case = on("CREATE TABLE events (id int PRIMARY KEY, kind int)")
_PAGE = "SELECT id FROM events ORDER BY id LIMIT $1 OFFSET $2"


def _counted(name: str, text: str, calls: int = 10) -> Example:
    return Example(
        name,
        sql=_T,
        given=(given.workload((text, calls, 5.0)),),
        objects=("events",),
        renamed=False,
        severity="low",
        says=("pages by OFFSET through about 10,000 rows",),
    )


BAD = (
    _case(
        "a thousand rows that were skipped",
        Run(_PAGE, "l o", skipped=1000),
        Run(_PAGE, "l o", skipped=0),
        objects="events",
        says="skipped 1,000 rows|shop/orders.py:10",
        severity="low",
    ),
    Example(
        "ten thousand, which its plan expects as well",
        sql=_T,
        recording=_case("", Run(_PAGE, "l o", skipped=10_000)).recording,
        severity="medium",
    ),
    _counted("pages over a large table", _PAGE),
)
GOOD = (
    _case("fewer rows", Run(_PAGE, "l o", skipped=999)),
    _counted("pages over few of the rows", "SELECT id FROM events WHERE kind = $1 ORDER BY id LIMIT $2 OFFSET $3"),
    _counted("no OFFSET", "SELECT id FROM events ORDER BY id LIMIT $1"),
    _counted("a statement that ran nine times", _PAGE, calls=9),
    _counted("a statement that writes", "DELETE FROM events WHERE id IN (SELECT id FROM events LIMIT $1 OFFSET $2)"),
    _counted("a statement without a plan", "SELECT gone FROM events ORDER BY id LIMIT $1 OFFSET $2"),
    Example("nothing is known", sql=_T, given=(given.server(statements=None),)),
)
