"""Operations that change no definition and no row: what the planner knows, and the space of dead rows.

Their reverse is empty and they still count as reversible: the catalog's definitions and every row are as before, and
nobody wants statistics that are wrong, or dead rows, back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pgproof.remedy.names import quoted
from pgproof.remedy.operation import Operation


@dataclass(frozen=True)
class Analyze(Operation):
    """ANALYZE of a table; of a partitioned one with its partitions, as autovacuum never does for the parent."""

    schema: str
    table: str

    kind: ClassVar[str] = "analyze"
    lock: ClassVar[str] = "SHARE UPDATE EXCLUSIVE"
    blocks: ClassVar[str] = "nobody but other changes of the schema, while a sample of the table is read"

    def forward(self) -> tuple[str, ...]:
        """Return the ANALYZE."""
        return (f"ANALYZE {quoted(self.schema, self.table)}",)

    def reverse(self) -> tuple[str, ...]:
        """Return nothing: only statistics have changed."""
        return ()


@dataclass(frozen=True)
class Vacuum(Operation):
    """VACUUM of a table, which frees the space of dead rows for new ones.

    The empty end of the file is not given back to the operating system: that would need ACCESS EXCLUSIVE for a moment
    (PostgreSQL documentation, VACUUM, TRUNCATE).
    """

    schema: str
    table: str

    kind: ClassVar[str] = "vacuum"
    lock: ClassVar[str] = "SHARE UPDATE EXCLUSIVE"
    blocks: ClassVar[str] = "nobody but other changes of the schema, while the table and its indexes are read"
    concurrent: ClassVar[bool] = True

    def forward(self) -> tuple[str, ...]:
        """Return the VACUUM."""
        return (f"VACUUM (TRUNCATE false) {quoted(self.schema, self.table)}",)

    def reverse(self) -> tuple[str, ...]:
        """Return nothing: only the space of dead rows has changed."""
        return ()
