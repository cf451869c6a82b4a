"""Keeps what was derived from a frozen value as long as the value, as cached_property does for its own class."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

Value = TypeVar("Value")
Derived = TypeVar("Derived")


def once(derive: Callable[[Value], Derived]) -> Callable[[Value], Derived]:
    """Return a function that derives the same, and at most once from each value.

    Several rules rest on one derivation, and hashing a whole catalog to find it again would cost as much as deriving.

    Args:
        derive: a pure function of a frozen dataclass without slots, which returns something immutable.
    """
    key = f"{derive.__module__}.{derive.__qualname__}"

    @wraps(derive)
    def derived(value: Value) -> Derived:
        kept: dict[str, Any] = value.__dict__
        if key not in kept:
            kept[key] = derive(value)
        found: Derived = kept[key]
        return found

    return derived
