"""When a foreign key is checked: at the end of a statement, or put off to the end of the transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pgproof.remedy.names import quoted
from pgproof.remedy.operation import Operation


@dataclass(frozen=True)
class MakeDeferrable(Operation):
    """A foreign key whose check a transaction may put off by SET CONSTRAINTS; until it does, nothing changes."""

    schema: str
    table: str
    name: str

    kind: ClassVar[str] = "make deferrable"
    lock: ClassVar[str] = "ACCESS EXCLUSIVE"
    blocks: ClassVar[str] = "everybody for a moment; no row is read"

    def forward(self) -> tuple[str, ...]:
        """Return the change."""
        return (self._change("DEFERRABLE INITIALLY IMMEDIATE"),)

    def reverse(self) -> tuple[str, ...]:
        """Return the key as it was."""
        return (self._change("NOT DEFERRABLE"),)

    def _change(self, change: str) -> str:
        return f"ALTER TABLE {quoted(self.schema, self.table)} ALTER CONSTRAINT {quoted(self.name)} {change}"
