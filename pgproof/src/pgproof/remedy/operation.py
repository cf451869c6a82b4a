"""What every operation on a schema can say of itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Operation(ABC):
    """A change of a schema that knows its way back.

    Attributes:
        kind: its name, such as `create index`.
        lock: the strongest table lock it takes (PostgreSQL documentation, "Table-Level Locks").
        blocks: who has to wait while it holds that lock, and how long it holds it.
        reversible: whether `reverse` restores the catalog and every row.
        concurrent: its statements refuse to run inside a transaction.
    """

    kind: ClassVar[str]
    lock: ClassVar[str]
    blocks: ClassVar[str]
    reversible: ClassVar[bool] = True
    concurrent: ClassVar[bool] = False

    @abstractmethod
    def forward(self) -> tuple[str, ...]:
        """Return the statements that make the change, in order, each in a transaction of its own."""

    @abstractmethod
    def reverse(self) -> tuple[str, ...]:
        """Return the statements that take it back; empty where nothing can."""
