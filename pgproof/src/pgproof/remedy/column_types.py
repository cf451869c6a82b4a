"""Operations on the types of columns: those that PostgreSQL makes without reading a row, and those of small tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pgproof.facts.catalog import Catalog, Column, Table
from pgproof.remedy.names import quoted
from pgproof.remedy.operation import Operation

SMALL_BYTES = 500_000
"""Of a table with its TOAST that may be rewritten under lock: at 1.4 MB of rows it took 66 ms, at 2.7 MB 162 ms."""


@dataclass(frozen=True)
class ChangeType(Operation):
    """Another type of a column that holds every value it has.

    Attributes:
        type: as SQL writes it.
        previous: the type so far. The way back fails where a value no longer fits it.
        rewrites: the rows are written anew, so that the table has to be small.
    """

    schema: str
    table: str
    column: str
    type: str
    previous: str
    rewrites: bool = False

    kind: ClassVar[str] = "change type"
    lock: ClassVar[str] = "ACCESS EXCLUSIVE"
    blocks: ClassVar[str] = (
        "everybody for a moment: no row is read, or the table is small; the way back writes its rows anew"
    )

    def forward(self) -> tuple[str, ...]:
        """Return the change, and the ANALYZE without which the planner knows nothing of the column any more."""
        return self._change(self.type)

    def reverse(self) -> tuple[str, ...]:
        """Return the change back."""
        return self._change(self.previous)

    def _change(self, type_: str) -> tuple[str, ...]:
        table, column = quoted(self.schema, self.table), quoted(self.column)
        return f"ALTER TABLE {table} ALTER COLUMN {column} TYPE {type_}", f"ANALYZE {table} ({column})"


def why_not_changed(catalog: Catalog, table: Table, column: Column, *, rewrites: bool) -> str | None:
    """Return why a type cannot be changed in a moment; None where it can.

    Source: PostgreSQL documentation, ALTER TABLE, Notes; `RememberAllDependentForRebuilding` of its source code for
    what has to be made anew with a column.
    """
    if rewrites and (table.bytes is None or table.bytes > SMALL_BYTES):
        return (
            f"it writes every row of {table.name} anew while everybody waits, and the table is not small: add a column"
            " of the new type, fill it in batches, and exchange the two"
        )
    if table.kind != "table" or table.is_partition or table.parents or catalog.partitions(table):
        return "partitions and inheriting tables change with it, each under a lock of its own: choose a quiet moment"
    if column.collation is not None:
        return f"its collation {column.collation} would be lost, and its indexes made anew: write it into the change"
    if column.type_kind == "d":
        return "its type is a domain, which other columns may have: change the domain"
    needing = _needing(catalog, table, column)
    if needing is None:
        return None
    return f"{needing} would be made anew under the same lock, or refuse it: change {column.name} together with it"


def _needing(catalog: Catalog, table: Table, column: Column) -> str | None:
    """What is bound to the type of a column; None where nothing is."""
    for constraint in table.checks:
        if column.name in constraint.columns:
            return f"the check {constraint.name}, which reads every row,"
    for index in table.indexes:
        if index.partial or None in index.columns:
            return f"the index {index.name}, if its expressions or its predicate name {column.name},"
    if any(each.generated is not None for each in table.columns):
        return "a generated column"
    if table.policies or table.triggers:
        return "a policy or a trigger"
    for view in catalog.tables:
        if "view" in view.kind and any(each.name == column.name for each in view.columns):
            return f"the view {view.qualified_name}"
    return None
