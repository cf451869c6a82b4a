"""Which row of another table a row names: as often as the source's rows are named, and as much in their order."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pgproof.synthetic.expressions import hashed, in_order, numbers, spread, uniform
from pgproof.synthetic.shapes import ColumnShape

_IN_ORDER = 0.5
"""Of the correlation from which rows that name each row once do it in the order that these are in."""


@dataclass(frozen=True)
class Parent:
    """The rows that a reference may name.

    Attributes:
        rows: how many.
        first: the columns are the numbers from this one on, so nothing has to be looked up; None if they are not.
        keys: a table with the columns beside a number from 1; None where `first` says all.
        scale: times as many rows as in the source.
    """

    rows: int
    first: int | None
    keys: str | None
    scale: float


@dataclass(frozen=True)
class Choosing:
    """Rows that choose among the rows of another table.

    Attributes:
        shape: of their column; None where it is not known.
        rows: that choose.
        nulls: share of those that name no row.
        alone: no two rows name the same.
        number: expression of the row's number, from 1.
        along: of how far the row is on its way, from 0 to 1.
        salt: of the choice.
    """

    shape: ColumnShape | None
    rows: int
    nulls: float
    alone: bool
    number: str
    along: str
    salt: int

    @property
    def draw(self) -> str:
        """A number from 0 to 1."""
        return uniform(self.number, self.salt + 1)


def ordinal_of(parent: Parent, choosing: Choosing) -> str:
    """Return which of the parent's rows a row names, from 1; NULL for none.

    A table of more rows than the source has more parents as well: what one parent had is shared out among as many.
    """
    if not parent.rows:
        return "NULL::bigint"
    shape = choosing.shape
    if choosing.alone:
        chosen = f"1 + {_alone(parent, choosing)}"
    elif shape is None:
        chosen = f"1 + {hashed(choosing.number, choosing.salt)} % {parent.rows}"
    else:
        chosen = f"1 + ({_fanned(parent, shape, choosing)})"
    return f"CASE WHEN {choosing.draw} >= {choosing.nulls!r} THEN {chosen} END" if choosing.nulls else chosen


def _alone(parent: Parent, choosing: Choosing) -> str:
    correlation = choosing.shape.correlation if choosing.shape else 0.0
    if abs(correlation) > _IN_ORDER and choosing.rows <= parent.rows:
        ratio = parent.rows / choosing.rows
        along = f"LEAST({parent.rows - 1}, floor(({choosing.number} - 1) * {ratio!r}::float8)::bigint)"
        return along if correlation > 0 else f"({parent.rows - 1} - {along})"
    return spread(f"({choosing.number} - 1)", parent.rows, choosing.salt)


def _fanned(parent: Parent, shape: ColumnShape, choosing: Choosing) -> str:
    """Parents that are named often stand at places of their own; between them the others are named alike.

    The place grows with the draw. So a draw by chance gives the shares alone, and one that grows from row to row the
    order as well: the more correlated the source's column is, the more rows get such a one.
    """
    times = max(parent.scale, 1.0)
    frequencies = shape.frequencies
    copies = max(round(times), 1) if len(frequencies) * times <= 1_000 else 1
    share = max(1.0 - choosing.nulls, 1e-9)
    often = [frequency / copies / share for frequency in frequencies for _ in range(copies)][: parent.rows]
    distinct = shape.distinct(choosing.rows) if shape.n_distinct < 0 else round(shape.n_distinct * times)
    others = max(min(distinct, parent.rows) - len(often), 0)
    rest = max(1.0 - sum(often), 0.0) if others else 0.0
    drawn = f"(({choosing.draw} - {choosing.nulls!r}) / {share!r})" if choosing.nulls else choosing.draw
    drawn = in_order(drawn, choosing.along, shape.correlation, choosing.number, choosing.salt + 3)
    candidates = candidates_for(others, choosing.rows * share * rest, parent.rows - len(often))
    return _place(_shuffled(often, choosing.salt), rest, candidates, parent.rows, drawn)


def turns(parent: Parent, shape: ColumnShape | None, rows: int) -> str:
    """Return how many of the rows that agree with a row are candidates, of `{}.many`; others are never named."""
    if shape is None or not parent.rows:
        return "{}.many"
    draws = rows * (1 - shape.null_fraction)
    share = candidates_for(shape.distinct(rows), draws, parent.rows) / parent.rows
    return f"GREATEST(1, ceil({{}}.many * {share!r}::float8))::bigint"


def _shuffled(often: list[float], salt: int) -> list[float]:
    """Frequencies in another order than by size, the same every time."""
    return [often[place] for place in sorted(range(len(often)), key=lambda place: (place + 1) * (salt | 1) % 10_007)]


def candidates_for(distinct: int, draws: float, most: int) -> int:
    """Return among how many one has to draw so often for so many different ones to come up, at most `most`.

    Of m candidates, n draws find m (1 - exp(-n / m)) different ones on average.
    """
    if distinct >= most or draws <= 0:
        return max(min(distinct, most), 0)
    low, high = float(distinct), float(most)
    for _ in range(60):
        middle = (low + high) / 2
        if middle * (1 - math.exp(-draws / middle)) < distinct:
            low = middle
        else:
            high = middle
    return round(high)


def _place(often: list[float], rest: float, candidates: int, rows: int, drawn: str) -> str:
    """The place, from 0, of the row that a draw falls on."""
    if not often:
        return f"floor(floor({drawn} * {candidates}) * {rows / max(candidates, 1)!r}::float8)::bigint"
    if not rest:
        total = sum(often)
        edges, edge = [], 0.0
        for frequency in often[:-1]:
            edge += frequency / total
            edges.append(edge)
        step = f"width_bucket({drawn}, {numbers(edges)})" if edges else "0"
        return f"({step} * {max(rows // len(often), 1)})::bigint"
    # The edges of one frequent row after the other: what is drawn between two belongs to the others.
    count = len(often)
    gap, room, part = rest / count, rows / count, max(candidates // count, 1)
    edges, starts, edge = [], [], 0.0
    for frequency in often:
        starts.append(edge)
        edge += gap
        edges.append(edge)
        starts.append(edge)
        edge += frequency
        edges.append(edge)
    edges.pop()
    step = f"(SELECT width_bucket(d.u, {numbers(edges)}) AS s, d.u FROM (SELECT {drawn} AS u OFFSET 0) d OFFSET 0) e"
    # Even steps are the others before a frequent row, odd steps that row, the last of its group.
    within = f"floor((e.u - ({numbers(starts)})[1 + e.s]) / {gap!r}::float8 * {part})"
    wide = max(room - 1, 1.0)
    other = f"LEAST({within}, {part - 1}) * {wide / part!r}::float8"
    group = f"(e.s / 2) * {room!r}::float8"
    return (
        f"LEAST({rows - 1}, (SELECT floor({group} + CASE WHEN e.s % 2 = 1 THEN {room - 1!r}::float8 ELSE {other} END)"
        f" FROM {step}))::bigint"
    )
