"""A place in the project's source code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SourceLine:
    """Where something is written.

    Attributes:
        file: relative to the project's root where it is below it.
        line: from 1.
    """

    file: str
    line: int

    def __str__(self) -> str:
        """`file:line`, as editors take it."""
        return f"{self.file}:{self.line}"
