"""Rows that are written one statement each.

What it finds:
    In a recording (pgproof record): one line that sent the same INSERT, UPDATE or DELETE of one row at least ten times
    with different values in one transaction. What SQLAlchemy or the driver sends as one batch is not meant; what test
    code itself sends is left out.

Why it matters:
    A round trip and a parse for each row: a thousand rows take a thousand waits, in which the transaction holds the
    locks of the rows before.

Evidence:
    The recording.

Remedy:
    `session.execute(insert(Model), rows)` or `session.add_all(objects)` with one flush at the end: SQLAlchemy puts
    many rows into one INSERT. `session.execute(update(Model), rows)` updates by primary key in batches, and one
    `update(Model).where(...)` what a condition describes. A flush or a query inside the loop takes the batch apart.

When to ignore:
    Each row is to fail on its own, in a savepoint; a job that nobody waits for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from pgproof.advise.statements import StatementKind
from pgproof.facts.catalog import Table
from pgproof.facts.model import Facts
from pgproof.facts.recording import CallSite, Loop
from pgproof.rules.finding import Evidence, Finding, ObjectRef, Remedy
from pgproof.rules.rule import Metadata
from pgproof.rules.workload._recorded import Run, on
from pgproof.rules.workload._seen import understood

METADATA = Metadata(code="WRK14", slug="row-by-row-write", severity="low", needs=("recording",))

FEWEST, MANY = 10, 100
"""Rows in one transaction from which on it is reported, and from which on it is worse."""
_REMEDIES: dict[StatementKind, str] = {
    "insert": "Insert them together: session.execute(insert(Model), rows), or add_all() and one flush at the end",
    "update": "Update them together: session.execute(update(Model), rows) by key, or one UPDATE with a condition",
    "delete": "Delete them together: one DELETE with a condition, such as column.in_(values)",
}


def check(facts: Facts) -> Iterator[Finding]:
    """Yield each line that writes a table row by row, merged over the statements that columns left out make of one."""
    assert facts.recording is not None
    found: dict[tuple[CallSite, StatementKind, int], list[tuple[Loop, Table]]] = defaultdict(list)
    for loop in facts.recording.loops:
        written = understood(facts, loop.text) if loop.most_runs >= FEWEST else None
        if written is not None and written[0].kind in _REMEDIES:
            table = written[1][0]
            found[loop.site, written[0].kind, table.oid].append((loop, table))
    for (site, kind, _), cases in found.items():
        yield _finding([loop for loop, _ in cases], site, kind, cases[0][1])


def _finding(loops: list[Loop], site: CallSite, kind: StatementKind, table: Table) -> Finding:
    loop = max(loops, key=lambda each: (each.most_runs, each.text))
    runs, took = sum(each.runs for each in loops), sum(each.milliseconds for each in loops)
    # The line moves with every edit; file and function say which place it is.
    name = f"{kind} in {site.line.file} {site.function}"
    return METADATA.finding(
        objects=(ObjectRef("statement", table.schema, name, table.name),),
        message=f"{table.qualified_name} is written row by row: {loop.most_runs:,} {kind.upper()} statements in one "
        f"transaction, sent by {site}",
        consequence=f"{runs:,} such statements took {took:,.0f} ms in the recording, a round trip for each row.",
        severity="medium" if loop.most_runs >= MANY else None,
        confidence="measured",
        evidence=(
            Evidence("recording", loop.text, f"ran with {loop.most_runs:,} different values in one transaction"),
        ),
        remedy=Remedy(_REMEDIES[kind]),
        location=site.line,
    )


_case = on("CREATE TABLE orders (id int PRIMARY KEY, buyer text)")
_INSERT = "INSERT INTO orders (id, buyer) VALUES ($1, $2)"
BAD = (
    _case(
        "an INSERT for each row",
        Run(_INSERT, "k# b", times=10),
        objects="orders",
        says="10 INSERT|shop/orders.py:10 in list_orders|insert(Model)",
        severity="low",
    ),
    _case(
        "an UPDATE for each of a hundred rows, by two lines",
        Run("UPDATE orders SET buyer = $1 WHERE id = $2", "b k#", times=100),
        Run("UPDATE orders SET buyer = $1 WHERE id = $2", "b k#", times=100, site="shop/z.py:1 other"),
        findings=2,
        says="100 UPDATE|shop/orders.py|update(Model)",
        severity="medium",
    ),
    _case("a DELETE for each row", Run("DELETE FROM orders WHERE id = $1", "k#", times=10), says="DELETE with"),
    _case(
        "statements that differ in the columns they give",
        Run(_INSERT, "k# b", times=10),
        Run("INSERT INTO orders (id) VALUES ($1)", "k#", times=11),
        says="11 INSERT|21 such statements",
    ),
)
GOOD = (
    _case("nine rows", Run(_INSERT, "k# b", times=9)),
    _case("batches", Run(_INSERT, "k# b", times=20, sets=100)),
    _case("a transaction each", Run(_INSERT, "k# b", unit="#", times=20)),
    _case("reads", Run("SELECT id FROM orders WHERE id = $1", "k#", times=20)),
    _case("one row again and again", Run("UPDATE orders SET buyer = $1 WHERE id = $2", "b k", times=20)),
    _case("a test that makes its rows", Run(_INSERT, "k# b", times=20, site="shop/tests/make.py:5 orders")),
    _case("a table that is not there", Run("DELETE FROM elsewhere WHERE id = $1", "k#", times=20)),
)
