"""The examples of rules about the workload: one large table, and the statements that read it."""

from __future__ import annotations

from pgproof.rules import given
from pgproof.rules.rule import Example

HAZARD = "CREATE FUNCTION probe(int) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT true'"
"""A function of a user, which the planner might run: a statement that calls it has no plan."""


def reading(
    name: str,
    *statements: str,
    table: str,
    more: str = "",
    calls: int = 1000,
    findings: int = 1,
    columns: str = "",
    says: tuple[str, ...] = (),
) -> Example:
    """Return an example of a table `t` and the statements that read it, each of them often.

    Args:
        name: of the example.
        statements: of the workload.
        table: SQL that makes and fills `t`.
        more: SQL that is run after it.
        calls: of each statement, at 5 ms.
        findings: that it must yield, if it is a bad one.
        columns: that the findings must name, separated by spaces.
        says: words of the findings.
    """
    return Example(
        name,
        sql=f"{table} {more}; ANALYZE t",
        given=(given.workload(*((statement, calls, 5.0) for statement in statements)),),
        findings=findings,
        objects=("t", *columns.split()),
        says=says,
        renamed=False,
    )
