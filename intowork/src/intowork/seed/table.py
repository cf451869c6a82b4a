"""One table of a data set as a stream of lines for COPY."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

NULL = "\\N"


@dataclass(frozen=True)
class Table:
    """The rows of one table in COPY's text format.

    Attributes:
        name: The table in the schema public.
        columns: The columns in the order of the values.
        rows: How many lines follow.
        lines: The lines, made while they are read, each with its line feed.
    """

    name: str
    columns: tuple[str, ...]
    rows: int
    lines: Iterator[str]


def columns(names: str) -> tuple[str, ...]:
    """The column names in a text that separates them by spaces."""
    return tuple(names.split())
