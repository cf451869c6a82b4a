"""Operations on sequences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pgproof.remedy.names import quoted
from pgproof.remedy.operation import Operation


@dataclass(frozen=True)
class WidenSequence(Operation):
    """A sequence that counts in bigint, as the column that it feeds can hold.

    A limit that was the old type's own becomes that of bigint (PostgreSQL documentation, ALTER SEQUENCE, AS). The way
    back fails once the sequence has passed the old type's range.

    Attributes:
        previous: the type so far: smallint or integer.
    """

    schema: str
    name: str
    previous: str

    kind: ClassVar[str] = "widen sequence"
    lock: ClassVar[str] = "SHARE ROW EXCLUSIVE"
    blocks: ClassVar[str] = "whoever takes a number from the sequence, for a moment"

    def forward(self) -> tuple[str, ...]:
        """Return the change to bigint."""
        return (f"ALTER SEQUENCE {quoted(self.schema, self.name)} AS bigint",)

    def reverse(self) -> tuple[str, ...]:
        """Return the change to the type as it was."""
        return (f"ALTER SEQUENCE {quoted(self.schema, self.name)} AS {self.previous}",)
