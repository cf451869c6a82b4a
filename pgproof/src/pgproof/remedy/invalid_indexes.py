"""Operations on indexes that no query can use: nothing of them is worth taking back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pgproof.remedy.indexes import DropIndex, RebuildIndex


@dataclass(frozen=True)
class RebuildInvalidIndex(RebuildIndex):
    """REINDEX INDEX CONCURRENTLY of an invalid index, which is valid afterwards."""

    kind: ClassVar[str] = "rebuild invalid index"
    reversible: ClassVar[bool] = False


@dataclass(frozen=True)
class DropInvalidIndex(DropIndex):
    """DROP INDEX CONCURRENTLY of an invalid index, which an interrupted build or rebuild left behind."""

    kind: ClassVar[str] = "drop invalid index"
    reversible: ClassVar[bool] = False

    def reverse(self) -> tuple[str, ...]:
        """Return nothing: an invalid index cannot be built."""
        return ()
