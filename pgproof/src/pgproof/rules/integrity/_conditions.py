"""The conditions of a check, as the server deparses it: every operator in parentheses of its own."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache


@lru_cache(maxsize=1024)
def conditions(expression: str) -> tuple[str, ...]:
    """Return the conditions that AND joins, each without the parentheses around it; the whole where none does.

    Several rules and columns ask for the same check.

    Args:
        expression: as pg_get_expr prints it.
    """
    inner = _without_parentheses(expression.strip())
    parts = _split(inner)
    if len(parts) == 1:
        return (inner,)
    return tuple(condition for part in parts for condition in conditions(part))


def _without_parentheses(expression: str) -> str:
    while expression.startswith("(") and next(_closings(expression)) == len(expression) - 1:
        expression = expression[1:-1].strip()
    return expression


def _split(expression: str) -> list[str]:
    parts, start = [], 0
    for position, depth in _outside_quotes(expression):
        if depth == 0 and expression.startswith(" AND ", position):
            parts.append(expression[start:position])
            start = position + len(" AND ")
    return [*parts, expression[start:]]


def _closings(expression: str) -> Iterator[int]:
    """Yield where a parenthesis returns to the outermost level."""
    for position, depth in _outside_quotes(expression):
        if depth == 0 and expression[position] == ")":
            yield position


def _outside_quotes(expression: str) -> Iterator[tuple[int, int]]:
    """Yield each position outside quotes with the number of parentheses open after it."""
    depth, quote = 0, ""
    for position, character in enumerate(expression):
        if quote:
            # A doubled quote closes and opens again at once, which comes to the same.
            quote = "" if character == quote else quote
            continue
        if character in "'\"":
            quote = character
        depth += {"(": 1, ")": -1}.get(character, 0)
        yield position, depth
