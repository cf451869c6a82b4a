"""Whether a column that may be NULL by its type may be so by its checks."""

from __future__ import annotations

from pgproof.facts.catalog import Column, Table
from pgproof.facts.model import Facts
from pgproof.remedy.constraints import SetNotNull
from pgproof.remedy.names import object_name, quoted
from pgproof.rules.counter_examples import AcceptedRow
from pgproof.rules.integrity._conditions import conditions


def may_be_null(table: Table, column: Column) -> bool:
    """Tell whether a row may hold NULL: neither NOT NULL nor a check forbids it, be it validated or not (INT20).

    Args:
        table: whose checks could be read.
        column: of the table.
    """
    if column.not_null or any(
        constraint.columns == (column.name,) for constraint in table.constraints_of_kind("not null")
    ):
        return False
    return not any(check.enforced and _demands(check.expression or "", column.name) for check in table.checks)


def _demands(expression: str, column: str) -> bool:
    wanted = (f"{column} IS NOT NULL", f"{quoted(column)} IS NOT NULL")
    return any(condition in wanted for condition in conditions(expression))


def set_not_null(facts: Facts, table: Table, *columns: Column) -> tuple[SetNotNull, ...]:
    """Return what makes columns NOT NULL; nothing where a child table may have said so already.

    The way back drops NOT NULL from every child, so it would not restore one that had it of its own.
    """
    if facts.catalog.partitions(table):
        return ()
    return tuple(
        SetNotNull(table.schema, table.name, column.name, object_name("ck", table.name, (column.name, "not_null")))
        for column in columns
    )


def accepted_nulls(facts: Facts, table: Table, *columns: Column) -> AcceptedRow | None:
    """Return the row that shows NULL accepted; None where a child table, which may forbid it, could get the row."""
    if facts.catalog.partitions(table):
        return None
    return AcceptedRow(table.qualified_name, tuple((column.name, "NULL") for column in columns))


def known_rows(table: Table) -> int:
    """Return the rows of a table as the server estimates them; 0 where nobody knows."""
    return table.estimated_rows or 0
