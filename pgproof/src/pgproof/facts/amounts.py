"""Amounts in words: one row, two rows."""

from __future__ import annotations


def amount(number: float, one: str, many: str | None = None) -> str:
    """Return a number and what it counts.

    Args:
        number: shown as a whole one.
        one: what it counts, for one.
        many: for any other number; with an s where it is not given.
    """
    shown = f"{number:,.0f}"
    return f"{shown} {one if shown == '1' else many or one + 's'}"
