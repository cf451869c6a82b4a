"""What the rows of a source look like, in the form that may leave it: frequencies, and moved positions on a scale.

This is where values end. A text stays behind unless the schema names it itself (a CHECK, a predicate, a default, the
label of an enum); truth values and whole numbers below ten thousand stay as they are, for they name nobody; every other
number and moment is moved to a place between its neighbours, so that the shape remains and the value does not.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import psycopg

from pgproof.facts.read import bounded_reading
from pgproof.facts.sql import load

_SMALL = 10_000
_STATEMENT_MS = 30_000


@dataclass(frozen=True)
class ColumnShape:
    """The shape of a column's values.

    Attributes:
        null_fraction: of the rows.
        average_bytes: of a value.
        n_distinct: as pg_stats says it: negative for the share of the rows.
        correlation: between physical and logical order, -1 to 1.
        frequencies: share of the rows of each most common value.
        words: of each most common value its text, where the schema names it or it is a truth value; None for others.
        positions: of each most common value its place on the scale of a number or of seconds; None where it has none.
        bounds: of equal shares of the rows that have no common value, on the same scale.
        elements: of an array, on average.
        element_frequencies: share of the rows that have each most common element.
    """

    null_fraction: float
    average_bytes: int
    n_distinct: float
    correlation: float
    frequencies: tuple[float, ...] = ()
    words: tuple[str | None, ...] = ()
    positions: tuple[float | None, ...] = ()
    bounds: tuple[float, ...] = ()
    elements: float = 3.0
    element_frequencies: tuple[float, ...] = ()

    def distinct(self, rows: int) -> int:
        """Return how many different values a table of so many rows has."""
        found = self.n_distinct if self.n_distinct > 0 else -self.n_distinct * rows
        return max(1, len(self.frequencies), min(round(found), max(rows, 1)))

    @property
    def all_differ(self) -> bool:
        """Whether each value is there once."""
        return not self.frequencies and self.n_distinct <= -(1 - self.null_fraction) * 0.95


Shapes = Mapping[tuple[int, str], ColumnShape]
"""By oid of the table in the source, and name of the column."""


def read_shapes(connection: psycopg.Connection[Any], words: Set[str]) -> Shapes:
    """Return the shape of each column that the role may see statistics of.

    Args:
        connection: to the source, outside a transaction.
        words: texts that the schema itself names; other texts stay behind.
    """
    with bounded_reading(connection, _STATEMENT_MS) as cursor:
        rows = cursor.execute(load("synthetic/shapes")).fetchall()
    return {(row["relation"], row["column"]): _shape(row, words) for row in rows}


def _shape(row: Mapping[str, Any], words: Set[str]) -> ColumnShape:
    salt = f"{row['relation']}.{row['column']}"
    frequencies = tuple(row["frequencies"] or ())
    common = row["common_words"] or [None] * len(frequencies)
    if row["common_seconds"] is not None:
        origin = row["now"] if row["from_now"] else 0.0
        positions = tuple(_moved(value, salt, origin) for value in row["common_seconds"])
    else:
        positions = tuple(_number(value, salt) for value in common)
    bounds = row["bound_seconds"] or [_parsed(value) for value in row["bound_words"] or ()]
    counts = row["element_counts"] or ()
    return ColumnShape(
        null_fraction=row["null_fraction"],
        average_bytes=row["average_bytes"],
        n_distinct=row["n_distinct"],
        correlation=row["correlation"] or 0.0,
        frequencies=frequencies,
        words=tuple(word if word in words else None for word in common),
        positions=positions,
        bounds=moved_bounds([value for value in bounds if value is not None and math.isfinite(value)], salt),
        # The last entry of the histogram of counts is the average (pg_stats).
        elements=counts[-1] if counts else 3.0,
        element_frequencies=tuple(row["element_frequencies"] or ())[:-3],
    )


def moved_bounds(bounds: Sequence[float], salt: str) -> tuple[float, ...]:
    """Return bounds with the same shape of which none is where it was, unless its neighbours are there as well.

    Args:
        bounds: ascending.
        salt: says which way, so that the same source gives the same rows.
    """
    if len(bounds) < 2:
        return ()
    widest = bounds[-1] - bounds[0]
    moved = [
        here + _share(f"{salt}.{place}") * ((bounds[place + 1] if place + 1 < len(bounds) else here) - here)
        for place, here in enumerate(bounds)
    ]
    # Nothing lies beyond the last one; it goes back, by less than a hundredth of the whole.
    last = min(bounds[-1] - bounds[-2], widest / 100)
    moved[-1] = bounds[-1] - _share(f"{salt}.last") * last
    return tuple(sorted(moved))


def _number(word: str | None, salt: str) -> float | None:
    value = _parsed(word)
    if value is None or not math.isfinite(value):
        return None
    if abs(value) < _SMALL and value == int(value):
        return value
    return _moved(value, salt, 0.0)


def _parsed(word: str | None) -> float | None:
    try:
        return float(word) if word is not None else None
    except ValueError:
        return None


def _moved(value: float | None, salt: str, origin: float) -> float | None:
    """A value moved by two to twenty thousandths of its distance from an origin: from zero, or a moment from now."""
    if value is None or not math.isfinite(value):
        return None
    by = (0.002 + 0.018 * _share(f"{salt}.{value}")) * (1 if _share(f"{value}") > 0.5 else -1)
    return value + (value - origin) * by


def _share(salt: str) -> float:
    """A number between 0.1 and 0.9 that depends on the salt alone."""
    return 0.1 + 0.8 * (zlib.crc32(salt.encode()) / 2**32)
