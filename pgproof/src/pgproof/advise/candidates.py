"""Which indexes serve the shapes of statements: one for each, and as few as do.

Columns that must equal a value come first, then the one by which rows are ordered or bounded: so the rows wanted lie
beside each other, and in order. The order among the equal ones is free, which lets one index serve several shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from pgproof.advise.statements import OrderColumn, TableUse


@dataclass(frozen=True)
class Shape:
    """What a statement needs of an index of one table.

    Attributes:
        equal: columns that equal a value or one of several.
        tail: what comes after them: the order of the rows, or one column with a bound.
        ordered: the tail is an order that saves a sort, of which the first rows are taken.
    """

    equal: frozenset[str]
    tail: tuple[OrderColumn, ...] = ()
    ordered: bool = False

    @property
    def columns(self) -> frozenset[str]:
        """All its columns."""
        return self.equal | {key.column for key in self.tail}


@dataclass(frozen=True)
class Candidate:
    """The keys of an index, and the shapes that it serves."""

    keys: tuple[OrderColumn, ...]
    serves: tuple[Shape, ...]


_Blocks: TypeAlias = tuple[frozenset[str], ...]


def shape_of(use: TableUse, indexable: Callable[[str], bool]) -> Shape | None:
    """Return what a use of a table needs; None where no index of columns could help.

    A bound alone is none: how many rows lie behind it, nobody can say who does not know its value. Behind one of
    several values rows are not in order, so an order counts only where each column equals one value.

    Args:
        use: of the table.
        indexable: whether a column can be the key of a B-tree.
    """
    equal = frozenset(each.column for each in use.equalities if indexable(each.column))
    several = any(each.several for each in use.equalities)
    order = tuple(key for key in use.order if key.column not in equal)
    if order and use.limited and not several and all(indexable(key.column) for key in order):
        return Shape(equal, _ascending(order), ordered=True)
    bounds = [column for column in use.ranges if column not in equal and indexable(column)]
    return Shape(equal, tuple(OrderColumn(column) for column in bounds[:1])) if equal else None


def candidates(
    weights: Iterable[tuple[Shape, float]], more_distinct_first: Callable[[str], tuple[float, int]]
) -> tuple[Candidate, ...]:
    """Return indexes that serve the shapes of one table, never two over the same columns in another order.

    Args:
        weights: each shape and how much it matters; of two that cannot both be served, the weightier is.
        more_distinct_first: sorts columns whose order is free.
    """
    weighed: dict[Shape, float] = {}
    for shape, weight in weights:
        weighed[shape] = weighed.get(shape, 0.0) + weight
    chains: list[_Chain] = []
    for shape in sorted(weighed, key=lambda each: (-len(each.columns), -weighed[each], sorted(each.columns))):
        if _serve(shape, shape, chains) or not shape.equal:
            continue
        # Its columns are there in another order; what comes before the tail may still be served.
        _serve(shape, replace(shape, tail=(), ordered=False), chains)
    return tuple(chain.candidate(more_distinct_first) for chain in chains)


def _serve(asked: Shape, shape: Shape, chains: list[_Chain]) -> bool:
    serving = [(number, served) for number, each in enumerate(chains) if (served := each.serving(shape)) is not None]
    if serving:
        # An index that serves it as it is leaves the order of the others free, whichever statement took more time.
        number, served = min(serving, key=lambda each: (each[1].blocks != chains[each[0]].blocks, each[0]))
        chains[number] = replace(served, serves=(*served.serves, asked))
        return True
    if any(chain.columns == shape.columns for chain in chains):
        return False
    chains.append(_Chain((shape.equal,) if shape.equal else (), shape.tail, (asked,)))
    return True


@dataclass(frozen=True)
class _Chain:
    """An index whose order is decided as far as shapes need it: each block's columns come in any order."""

    blocks: _Blocks
    tail: tuple[OrderColumn, ...]
    serves: tuple[Shape, ...]

    @property
    def columns(self) -> frozenset[str]:
        return frozenset().union(*self.blocks) | {key.column for key in self.tail}

    def serving(self, shape: Shape) -> _Chain | None:
        """Return this index, its order decided further, so that it serves a shape too; None if it cannot."""
        led = frozenset().union(*self.blocks)
        for number in range(len(self.tail) + 1):
            if shape.equal == led and shape.tail == self.tail[number : number + len(shape.tail)]:
                return self
            led |= {key.column for key in self.tail[number : number + 1]}
        blocks = _begun_with(self.blocks, shape.equal)
        if blocks is not None and len(shape.tail) == 1 and shape.tail[0] == OrderColumn(shape.tail[0].column):
            blocks = _begun_with(blocks, shape.columns)
        elif shape.tail:
            blocks = None
        return replace(self, blocks=blocks) if blocks is not None else None

    def candidate(self, more_distinct_first: Callable[[str], tuple[float, int]]) -> Candidate:
        keys = [OrderColumn(column) for block in self.blocks for column in sorted(block, key=more_distinct_first)]
        return Candidate((*keys, *self.tail), self.serves)


def _begun_with(blocks: _Blocks, columns: frozenset[str]) -> _Blocks | None:
    """Return the blocks, one of them split where needed, so that some columns come before all others."""
    left = columns
    for position, block in enumerate(blocks):
        if not left:
            return blocks
        if not block <= left:
            split = (left, block - left)
            return (*blocks[:position], *split, *blocks[position + 1 :]) if left < block else None
        left -= block
    return None if left else blocks


def _ascending(order: tuple[OrderColumn, ...]) -> tuple[OrderColumn, ...]:
    """Return an order or its reverse, whichever begins ascending: an index is read in both directions."""
    if not order[0].descending:
        return order
    return tuple(OrderColumn(key.column, not key.descending, not key.nulls_first) for key in order)
