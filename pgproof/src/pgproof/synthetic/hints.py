"""What a condition says about single columns: ranges, lists, lengths and pairs in order.

They are hints: rows are made so that most of them pass, and the server itself tells which do. So a condition that is
read in part, or not at all, costs time and is never the reason of a wrong row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "<>": "<>"}
_OPERATORS: dict[type[exp.Expr], str] = {
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.EQ: "=",
    exp.NEQ: "<>",
}


@dataclass(frozen=True)
class Limit:
    """A column compared with a constant, which is text as SQL writes it, without its quotes."""

    column: str
    operator: str
    constant: str


@dataclass(frozen=True)
class Choices:
    """A column that has one of some constants."""

    column: str
    constants: tuple[str, ...]


@dataclass(frozen=True)
class Length:
    """A text whose length is compared with a number."""

    column: str
    operator: str
    characters: int


@dataclass(frozen=True)
class Ordered:
    """Two columns of which the first is not above the second."""

    low: str
    high: str


@dataclass(frozen=True)
class JsonKind:
    """A JSON document of one kind: object, array, string, number ..."""

    column: str
    kind: str


Hint = Limit | Choices | Length | Ordered | JsonKind


@dataclass(frozen=True)
class Hints:
    """What is known of the columns of one table."""

    found: tuple[Hint, ...] = field(default=())

    def limits(self, column: str) -> tuple[Limit, ...]:
        """Return the constants that a column is compared with."""
        return tuple(hint for hint in self.found if isinstance(hint, Limit) and hint.column == column)

    def choices(self, column: str) -> tuple[str, ...] | None:
        """Return the constants that a column may have; None for any."""
        lists = [hint.constants for hint in self.found if isinstance(hint, Choices) and hint.column == column]
        if not lists:
            return None
        return tuple(dict.fromkeys(each for each in lists[0] if all(each in other for other in lists[1:])))

    def longest(self, column: str) -> int | None:
        """Return the most characters a text may have."""
        return min((n for operator, n in self._lengths(column) if operator in ("<", "<=", "=")), default=None)

    def shortest(self, column: str) -> int:
        """Return the fewest characters a text has."""
        return max((n for operator, n in self._lengths(column) if operator in (">", ">=", "=")), default=0)

    def json_kind(self, column: str) -> str | None:
        """Return the kind of document that a column holds."""
        kinds = (hint.kind for hint in self.found if isinstance(hint, JsonKind) and hint.column == column)
        return next(kinds, None)

    @property
    def pairs(self) -> tuple[Ordered, ...]:
        """The pairs in order."""
        return tuple(dict.fromkeys(hint for hint in self.found if isinstance(hint, Ordered)))

    def _lengths(self, column: str) -> Iterator[tuple[str, int]]:
        for hint in self.found:
            if isinstance(hint, Length) and hint.column == column:
                strict = {"<": -1, ">": 1}.get(hint.operator, 0)
                yield hint.operator, hint.characters + strict


def read_hints(conditions: tuple[str, ...]) -> Hints:
    """Return what conditions say about single columns, of those parts that can be read.

    Args:
        conditions: expressions as PostgreSQL prints them.
    """
    return Hints(tuple(hint for condition in conditions for hint in _of_text(condition)))


def words_of(conditions: tuple[str, ...]) -> frozenset[str]:
    """Return the texts that conditions name."""
    found: set[str] = set()
    for condition in conditions:
        tree = _parsed(condition)
        if tree is not None:
            found |= {str(each.this) for each in tree.find_all(exp.Literal) if each.is_string}
    return frozenset(found)


def _parsed(condition: str) -> exp.Expr | None:
    try:
        return sqlglot.parse_one(condition, dialect="postgres")
    except (SqlglotError, RecursionError):
        return None


def _of_text(condition: str) -> Iterator[Hint]:
    tree = _parsed(condition)
    if tree is not None:
        yield from _of(tree)


def _of(node: exp.Expr) -> Iterator[Hint]:
    node = _bare(node)
    if isinstance(node, exp.And):
        yield from _of(node.left)
        yield from _of(node.right)
    elif isinstance(node, exp.Or):
        yield from _of_alternatives(node)
    elif isinstance(node, exp.Between):
        yield from _compared(node.this, ">=", node.args["low"])
        yield from _compared(node.this, "<=", node.args["high"])
    elif isinstance(node, exp.In):
        column = _column(node.this)
        constants = [_constant(each) for each in node.expressions]
        if column and constants and all(each is not None for each in constants):
            yield Choices(column, tuple(each for each in constants if each is not None))
    elif type(node) in _OPERATORS:
        assert isinstance(node, exp.Binary)
        yield from _compared(node.left, _OPERATORS[type(node)], node.right)


def _of_alternatives(node: exp.Or) -> Iterator[Hint]:
    """A NULL is always an alternative to be had; equalities with one column are a list."""
    left = [each for each in node.flatten() if not isinstance(_bare(each), exp.Is)]
    if len(left) == 1:
        yield from _of(left[0])
        return
    hints = [list(_of(each)) for each in left]
    chosen = [one[0] for one in hints if len(one) == 1 and isinstance(one[0], Choices)]
    if len(chosen) == len(left) and len({each.column for each in chosen}) == 1:
        yield Choices(chosen[0].column, tuple(text for each in chosen for text in each.constants))


def _compared(one: exp.Expr, operator: str, other: exp.Expr) -> Iterator[Hint]:
    right = _bare(other)
    if isinstance(right, exp.Any) and operator == "=":
        array = _bare(right.this)
        column = _column(one)
        if isinstance(array, exp.Array) and column:
            constants = [_constant(each) for each in array.expressions]
            if all(each is not None for each in constants):
                yield Choices(column, tuple(each for each in constants if each is not None))
        return
    first, second = _column(one), _column(other)
    if first and second:
        if operator in ("<", "<="):
            yield Ordered(first, second)
        elif operator in (">", ">="):
            yield Ordered(second, first)
        return
    if _constant(one) is not None:
        if _constant(other) is None:
            yield from _compared(other, _FLIPPED[operator], one)
        return
    constant = _constant(other)
    if constant is None:
        return
    if first:
        yield Choices(first, (constant,)) if operator == "=" else Limit(first, operator, constant)
        return
    yield from _called(_bare(one), operator, constant)


def _called(call: exp.Expr, operator: str, constant: str) -> Iterator[Hint]:
    name = (call.name if isinstance(call, exp.Anonymous) else type(call).__name__).lower()
    of = call.expressions[0] if isinstance(call, exp.Anonymous) and call.expressions else call.this
    column = _column(of) if isinstance(of, exp.Expr) else None
    if column is None:
        return
    if name in ("length", "char_length", "character_length", "octet_length") and constant.isdecimal():
        yield Length(column, operator, int(constant))
    if name in ("jsonb_typeof", "json_typeof", "jsontype") and operator == "=":
        yield JsonKind(column, constant)


def _bare(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.Paren | exp.Cast):
        node = node.this
    return node


def _column(node: exp.Expr) -> str | None:
    node = _bare(node)
    return node.name if isinstance(node, exp.Column) and not node.table else None


def _constant(node: exp.Expr) -> str | None:
    node = _bare(node)
    if isinstance(node, exp.Neg):
        inner = _constant(node.this)
        return f"-{inner}" if inner is not None else None
    if isinstance(node, exp.Literal):
        return str(node.this)
    if isinstance(node, exp.Boolean):
        return "true" if node.this else "false"
    return None
