"""Operations on extensions; they need a superuser, unless the extension is trusted or the service allows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pgproof.remedy.names import literal, quoted
from pgproof.remedy.operation import Operation


@dataclass(frozen=True)
class CreateExtension(Operation):
    """CREATE EXTENSION, in the first schema of the search path."""

    name: str

    kind: ClassVar[str] = "create extension"
    lock: ClassVar[str] = "none"
    blocks: ClassVar[str] = "nobody"

    def forward(self) -> tuple[str, ...]:
        """Return the creation."""
        return (f"CREATE EXTENSION {quoted(self.name)}",)

    def reverse(self) -> tuple[str, ...]:
        """Return the drop; it fails where something has come to depend on the extension."""
        return (f"DROP EXTENSION {quoted(self.name)}",)


@dataclass(frozen=True)
class UpdateExtension(Operation):
    """ALTER EXTENSION ... UPDATE to the version that the server installs; there are no scripts for the way back."""

    name: str
    version: str

    kind: ClassVar[str] = "update extension"
    lock: ClassVar[str] = "ACCESS EXCLUSIVE"
    blocks: ClassVar[str] = "whoever uses the objects of the extension that its script changes, until it is committed"
    reversible: ClassVar[bool] = False

    def forward(self) -> tuple[str, ...]:
        """Return the update."""
        return (f"ALTER EXTENSION {quoted(self.name)} UPDATE TO {literal(self.version)}",)

    def reverse(self) -> tuple[str, ...]:
        """Return nothing."""
        return ()
