"""What a condition says about columns: which it fixes, bounds, joins or searches, read from its syntax tree.

Only what every row must meet counts: the parts of an AND. What stands under OR or NOT says nothing about one row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlglot import exp

from pgproof.advise.syntax import identifier

ComparisonKind: TypeAlias = Literal["equals", "one of", "range", "search", "join"]

_BOUNDS = (exp.GT, exp.GTE, exp.LT, exp.LTE)
_PATTERNS: dict[type[exp.Expr], str] = {
    exp.Like: "LIKE",
    exp.ILike: "ILIKE",
    exp.RegexpLike: "~",
    exp.RegexpILike: "~*",
}
_CONTAINMENTS: dict[type[exp.Expr], str] = {
    exp.ArrayContainsAll: "@>",
    exp.ArrayOverlaps: "&&",
    exp.JSONBContainsTopKey: "?",
    exp.JSONBContainsAnyTopKeys: "?|",
    exp.JSONBContainsAllTopKeys: "?&",
}
_FOLDING: dict[type[exp.Expr], str] = {exp.Lower: "lower", exp.Upper: "upper"}


@dataclass(frozen=True)
class Comparison:
    """One part of an AND.

    Attributes:
        kind: equals a value, is one of several, lies beyond a bound, is searched, or equals another column.
        column: the column that is compared.
        value: that it must equal, without casts.
        operator: of a search: LIKE, ILIKE, ~, ~*, @@, @>, &&, ?, ?|, ?& or =.
        function: of a search, that the column goes through: lower, upper or to_tsvector.
        other: of a join, the other column.
    """

    kind: ComparisonKind
    column: exp.Column
    value: exp.Expr | None = None
    operator: str = "="
    function: str | None = None
    other: exp.Column | None = None


def comparisons(condition: exp.Expr, *, through_text: bool = False) -> Iterator[Comparison]:
    """Yield what each part of a condition says about a column, where it says something that an index could answer.

    Args:
        condition: of WHERE or ON, or the filter of a plan.
        through_text: take `column::text` for the column, as plans write a varchar.
    """
    for part in condition.flatten() if isinstance(condition, exp.And) else (condition,):
        each = part.unnest()
        if isinstance(each, exp.And):
            yield from comparisons(each, through_text=through_text)
        elif not each.args.get("negate"):
            yield from _comparison(each, through_text)


def is_value(node: exp.Expr) -> bool:
    """Tell whether an expression is the same for every row of the level: it has no column and no query."""
    return node.find(exp.Column, exp.Query, exp.Star) is None


def _comparison(node: exp.Expr, through_text: bool) -> Iterator[Comparison]:
    if isinstance(node, (exp.EQ, exp.NullSafeEQ)):
        yield from _equality(node.this.unnest(), node.expression.unnest(), through_text)
    elif isinstance(node, exp.In):
        values = node.expressions
        if values and all(is_value(value) for value in values):
            yield from _fixed(node.this.unnest(), "one of", through_text)
    elif isinstance(node, _BOUNDS):
        yield from _bound(node.this.unnest(), node.expression.unnest(), through_text)
    elif isinstance(node, exp.Between):
        column = _column(node.this.unnest(), through_text)
        if column is not None and is_value(node.args["low"]) and is_value(node.args["high"]):
            yield Comparison("range", column)
    elif type(node) in _PATTERNS:
        yield from _search(node.this.unnest(), node.expression, _PATTERNS[type(node)])
    elif type(node) in _CONTAINMENTS:
        yield from _search(node.this.unnest(), node.expression, _CONTAINMENTS[type(node)])
    elif isinstance(node, exp.MatchAgainst) and len(node.expressions) == 1:
        yield from _search(node.expressions[0].unnest(), node.this, "@@")


def _equality(left: exp.Expr, right: exp.Expr, through_text: bool) -> Iterator[Comparison]:
    first, second = _column(left, through_text), _column(right, through_text)
    if first is not None and second is not None:
        yield Comparison("join", first, other=second)
    elif isinstance(left, exp.Tuple) and isinstance(right, exp.Tuple):
        for one, other in zip(left.expressions, right.expressions, strict=False):
            yield from _equality(one.unnest(), other.unnest(), through_text)
    elif isinstance(right, exp.Any):
        if is_value(right):
            yield from _fixed(left, "one of", through_text)
    elif is_value(right):
        yield from _fixed(left, "equals", through_text, right)
    elif is_value(left):
        yield from _fixed(right, "equals", through_text, left)


def _fixed(
    node: exp.Expr, kind: ComparisonKind, through_text: bool, value: exp.Expr | None = None
) -> Iterator[Comparison]:
    column = _column(node, through_text)
    if column is not None:
        yield Comparison(kind, column, value=_without_casts(value) if value is not None else None)
    elif type(node) in _FOLDING and (inside := _column(node.this.unnest(), True)) is not None:
        yield Comparison("search", inside, function=_FOLDING[type(node)])


def _bound(left: exp.Expr, right: exp.Expr, through_text: bool) -> Iterator[Comparison]:
    if isinstance(left, exp.Tuple) and left.expressions and is_value(right):
        # Rows compare by their first column before any other.
        left = left.expressions[0].unnest()
    for one, other in ((left, right), (right, left)):
        column = _column(one, through_text)
        if column is not None and is_value(other):
            yield Comparison("range", column)


def _search(node: exp.Expr, value: exp.Expr, operator: str) -> Iterator[Comparison]:
    if not is_value(value):
        return
    column = _column(node, True)
    if column is not None:
        yield Comparison("search", column, operator=operator)
    elif type(node) in _FOLDING and (inside := _column(node.this.unnest(), True)) is not None:
        yield Comparison("search", inside, operator=operator, function=_FOLDING[type(node)])
    elif operator == "@@" and isinstance(node, exp.Anonymous) and node.name.lower() == "to_tsvector":
        columns = [each for each in (_column(part.unnest(), True) for part in node.expressions) if each is not None]
        if len(columns) == 1:
            yield Comparison("search", columns[0], operator=operator, function="to_tsvector")


def _column(node: exp.Expr, through_text: bool) -> exp.Column | None:
    if through_text and isinstance(node, exp.Cast) and node.to.is_type(exp.DataType.Type.TEXT):
        node = node.this.unnest()
    return node if isinstance(node, exp.Column) and identifier(node.this) is not None else None


def _without_casts(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.Cast | exp.Paren):
        node = node.this
    return node
