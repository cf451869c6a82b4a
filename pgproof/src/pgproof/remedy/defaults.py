"""Operations on the defaults of columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pgproof.remedy.names import quoted
from pgproof.remedy.operation import Operation


@dataclass(frozen=True)
class SetDefault(Operation):
    """A default for a column that has none; rows that are there stay as they are.

    Attributes:
        default: SQL of the value.
    """

    schema: str
    table: str
    column: str
    default: str

    kind: ClassVar[str] = "set default"
    lock: ClassVar[str] = "ACCESS EXCLUSIVE"
    blocks: ClassVar[str] = "everybody for a moment, once it has the lock; no row is read"

    def forward(self) -> tuple[str, ...]:
        """Return the change."""
        return (f"{self._column()} SET DEFAULT {self.default}",)

    def reverse(self) -> tuple[str, ...]:
        """Return the column without a default."""
        return (f"{self._column()} DROP DEFAULT",)

    def _column(self) -> str:
        return f"ALTER TABLE {quoted(self.schema, self.table)} ALTER COLUMN {quoted(self.column)}"
