"""A statement that the application sends once for every row that another one returned.

What it finds:
    In a recording (pgproof record): one line that sent the same SELECT with at least five different values in one
    transaction. Either the ORM sent it, to load a relationship or expired columns when an attribute was read, or the
    application looks rows up by a value in a loop. Loads of several keys at once (IN), pages that go on from the last
    row, and reads that lock their row are not meant; what test code itself sends is left out.

Why it matters:
    Each statement waits for the network, the planner and the driver. A page of 50 rows takes 51 such waits, where two
    statements return the same; and it gets slower with every row.

Evidence:
    The recording: how often it ran in one transaction, and the statement before it.

Remedy:
    In the options of the statement that loads the parents, `selectinload(Parent.children)` for a collection and
    `joinedload(Child.parent)` for a single object; `raiseload("*")` in tests keeps it so. For expired columns
    `sessionmaker(expire_on_commit=False)`, or work that ends before the commit. For a loop of one's own, one SELECT
    with `column.in_(values)`, or a join.

When to ignore:
    A loop over a handful of rows that cannot become more, in a job that nobody waits for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from pgproof.advise.statements import ParsedStatement
from pgproof.facts.catalog import Table
from pgproof.facts.model import Facts
from pgproof.facts.recording import Loader, Loop
from pgproof.rules.finding import Evidence, Finding, ObjectRef, Remedy
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.severity import raised
from pgproof.rules.statements import shortened
from pgproof.rules.workload._recorded import Run, on
from pgproof.rules.workload._seen import statement_ref, understood

METADATA = Metadata(code="WRK02", slug="n-plus-one", severity="medium", needs=("recording",))

FEWEST, MANY = 5, 50
"""Values in one transaction from which on it is reported, and from which on it is worse."""


def check(facts: Facts) -> Iterator[Finding]:
    """Yield each relationship or look-up that is loaded row by row, merged over the lines that do it."""
    assert facts.recording is not None
    found: dict[tuple[str, Loader | None], list[Loop]] = defaultdict(list)
    for loop in facts.recording.loops:
        if loop.most_runs >= FEWEST:
            found[loop.text, loop.loader].append(loop)
    for (text, loader), loops in found.items():
        read = understood(facts, text)
        if read is not None and _is_look_up(read[0]):
            yield _finding(text, loader, loops, read[1][0])


def _is_look_up(parsed: ParsedStatement) -> bool:
    """Whether a statement finds rows by one value, which is what the ORM's own loads do as well."""
    equalities = [each for use in parsed.uses for each in use.equalities]
    by_value = any(each.parameter is not None for each in equalities)
    in_parts = any(each.several for each in equalities) or any(use.ranges for use in parsed.uses)
    return parsed.reads_only and by_value and not in_parts


def _finding(text: str, loader: Loader | None, loops: list[Loop], table: Table) -> Finding:
    worst = max(loops, key=lambda loop: (loop.most_runs, str(loop.site)))
    sites = ", ".join(str(loop.site) for loop in sorted(loops, key=lambda loop: (-loop.runs, str(loop.site))))
    what = f"{loader} is loaded row by row" if loader is not None else f"{table.qualified_name} is read row by row"
    return METADATA.finding(
        objects=(_subject(text, loader, table),),
        message=f"{what}: {worst.most_runs:,} statements in one transaction, sent by {sites}",
        consequence=f"{sum(loop.runs for loop in loops):,} of these statements took "
        f"{sum(loop.milliseconds for loop in loops):,.0f} ms in the recording; that grows with every row.",
        severity=raised(METADATA.severity) if worst.most_runs >= MANY else None,
        confidence="measured",
        evidence=(
            Evidence(
                "recording",
                text,
                f"ran with {worst.most_runs:,} different values in one transaction of {worst.units:,}",
            ),
        ),
        remedy=Remedy(_remedy(loader, worst)),
        location=worst.site.line,
    )


def _subject(text: str, loader: Loader | None, table: Table) -> ObjectRef:
    if loader is None:
        return statement_ref(text, table)
    return ObjectRef("mapper", table.schema, str(loader), table.name)


def _remedy(loader: Loader | None, loop: Loop) -> str:
    before = (
        f"; before the first of them came, with {loop.after_rows:,} rows: {shortened(loop.after)}" if loop.after else ""
    )
    if loader is None:
        return f"Read all of them by one statement before {loop.site.line}: column.in_(values), or a join{before}"
    if loader.attribute is None:
        return (
            f"Columns of {loader} had expired, by a commit or an expire: end the work at {loop.site.line} before the "
            f"commit, make the session with expire_on_commit=False, or select the objects again at once{before}"
        )
    option = "selectinload" if loader.collection else "joinedload"
    return f"Load it with the objects that {loop.site.line} uses: .options({option}({loader})){before}"


_case = on(
    "CREATE TABLE orders (id int PRIMARY KEY, buyer text);"
    "CREATE TABLE items (id int PRIMARY KEY, order_id int REFERENCES orders, made int);"
)
_ORDERS = Run("SELECT id, buyer FROM orders LIMIT $1", "9", rows=5)
_LAZY = "SELECT items.id FROM items WHERE $1::INTEGER = items.order_id"
_BY_KEY = "SELECT orders.id, orders.buyer FROM orders WHERE orders.id = $1::INTEGER"

BAD = (
    _case(
        "a collection that is loaded lazily",
        _ORDERS,
        Run(_LAZY, "k#", loader="Order.items", times=5),
        objects="items Order.items",
        says="Order.items is loaded|selectinload(Order.items)|5 statements in one|with 5 rows: SELECT id, buyer FROM",
        severity="medium",
    ),
    _case(
        "a parent that is loaded lazily, fifty times",
        Run(_BY_KEY, "k#", loader="Item.order", collection=False, times=50),
        objects="orders",
        says="joinedload(Item.order)|50 statements",
        severity="high",
    ),
    _case(
        "columns that a commit has expired",
        Run(_BY_KEY, "k#", loader="Order.", collection=False, times=5),
        objects="orders Order",
        says="expire_on_commit=False",
    ),
    _case(
        "two loops of the application",
        Run(_BY_KEY, "k#", times=5),
        Run("SELECT id FROM orders WHERE buyer = $1", "b#", times=5),
        findings=2,
        objects="orders",
        says="orders is read row by row|orders.py:10 in list_orders|column.in_(values)",
    ),
    _case(
        "a look-up over a join, among rows of the table as they come",
        Run("SELECT i.id FROM orders o JOIN items i ON i.order_id = o.id WHERE o.id = $1", "k#", times=5),
    ),
    _case(
        "two lines that do it",
        Run(_LAZY, "k#", loader="Order.items", times=5),
        Run(_LAZY, "k#", loader="Order.items", times=6, site="shop/mail.py:7 send"),
        says="shop/orders.py:10|shop/mail.py:7|11 of these statements",
    ),
    _case(
        "two relationships to one table",
        Run(_BY_KEY, "k#", loader="Item.order", times=5, collection=False),
        Run(_BY_KEY, "k#", loader="Refund.order", times=5, collection=False),
        findings=2,
    ),
)
GOOD = (
    _case("four rows", Run(_LAZY, "k#", loader="Order.items", times=4)),
    _case("the same row again and again", Run(_BY_KEY, "k", times=9)),
    _case("one statement in each transaction", Run(_LAZY, "k#", unit="#", loader="Order.items", times=9)),
    _case(
        "parts of a list, of one kind",
        Run("SELECT id FROM items WHERE made = $1 AND order_id IN ($2)", "k#", times=9),
    ),
    _case("loads of several keys at once", Run("SELECT id FROM items WHERE order_id IN ($1)", "k#", times=9)),
    _case(
        "pages that go on from the last row",
        Run(
            "SELECT i.id, o.buyer FROM items i JOIN orders o ON o.id = i.order_id WHERE i.order_id = $1 AND i.id > $2 "
            "ORDER BY i.id LIMIT $3",
            "o k# l",
            times=9,
        ),
    ),
    _case("reads that lock their row", Run(f"{_BY_KEY} FOR UPDATE", "k#", times=9)),
    _case("writes, which are another rule's matter", Run("UPDATE items SET made = $1 WHERE id = $2", "v k#", times=9)),
    _case("a search with other words each time", Run("SELECT id FROM orders WHERE buyer LIKE $1", "k#", times=9)),
    _case("a test that reads in a loop", Run(_BY_KEY, "k#", times=9, site="tests/test_orders.py:5 test_it")),
    _case("a table that is not there", Run("SELECT id FROM elsewhere WHERE id = $1", "k#", times=9)),
    _case("retries of a statement that failed", Run(_BY_KEY, "k#", times=9, error=True)),
    Example("no tables at all", recording=_case("", _ORDERS).recording),
)
