"""Rows of a catalog statement, kept as tuples until they are used: as dicts, a large catalog would take thrice that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Fetched:
    """What a statement returned, in its order.

    Attributes:
        columns: names of the values of each row.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]] = field(repr=False)

    def __iter__(self) -> Iterator[Row]:
        """Each row as a dict of its own."""
        return (dict(zip(self.columns, row, strict=True)) for row in self.rows)

    def consumed(self, shared: dict[str, str]) -> Iterator[Row]:
        """Yield each row and forget it; a text that was seen before is the same object, since most are type names.

        Args:
            shared: texts seen so far, by themselves.
        """
        self.rows.reverse()
        while self.rows:
            row = self.rows.pop()
            yield {
                name: shared.setdefault(value, value) if type(value) is str else value
                for name, value in zip(self.columns, row, strict=True)
            }


NOTHING = Fetched((), [])
