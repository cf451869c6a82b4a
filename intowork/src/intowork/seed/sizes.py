"""Skewed sizes whose largest do not grow with the number of things: a truncated Zipf-Mandelbrot law."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

T = TypeVar("T")

GOLDEN_RATIO = 0.6180339887498949


class BoundedZipf:
    """Sizes k in least..cap with P(k) proportional to (k - least + shift) ** -s.

    The exponent s is chosen so that the mean comes out as asked. Sizes are read at evenly spread quantiles
    instead of being drawn: two scales then have the same distribution, the same largest size included,
    so that a query for a frequent parameter does the same work in both.
    """

    def __init__(self, *, mean: float, cap: int, least: int = 0, shift: float = 1.0) -> None:
        """Solves for the exponent by bisection.

        Args:
            mean: The mean size, strictly between least and cap.
            cap: The largest size.
            least: The smallest size.
            shift: How flat the head is; 1 is Zipf's own law.

        Raises:
            ValueError: The mean is not between least and cap.
        """
        if not least < mean < cap:
            raise ValueError(f"a mean of {mean} is not between {least} and {cap}")
        self._least = least
        ranks = [k + shift for k in range(cap - least + 1)]

        def weights(exponent: float) -> list[float]:
            return [rank**-exponent for rank in ranks]

        low, high = -8.0, 60.0
        for _ in range(60):
            middle = (low + high) / 2
            drawn = weights(middle)
            if sum(k * w for k, w in enumerate(drawn)) / sum(drawn) + least > mean:
                low = middle
            else:
                high = middle
        drawn = weights(high)
        total = sum(drawn)
        self._cumulative = list(accumulate(w / total for w in drawn))

    def quantile(self, share: float) -> int:
        """The size below which a share (0..1) of all sizes lies."""
        return self._least + min(bisect_left(self._cumulative, share), len(self._cumulative) - 1)

    def sizes(self, count: int) -> list[int]:
        """So many sizes at evenly spread quantiles, the largest first."""
        return [self.quantile(1 - (i + 0.5) / count) for i in range(count)]


def adjust_to_total(
    sizes: list[int], total: int, *, least: Sequence[int], most: Sequence[int], rng: random.Random
) -> None:
    """Adds or takes single units at random places until the sizes sum to the total.

    Raises:
        ValueError: The bounds leave no room for that total.
    """
    if not sum(least) <= total <= sum(most):
        raise ValueError(f"{total} is not between {sum(least)} and {sum(most)}")
    missing = total - sum(sizes)
    step = 1 if missing > 0 else -1
    while missing:
        i = int(rng.random() * len(sizes))
        if least[i] <= sizes[i] + step <= most[i]:
            sizes[i] += step
            missing -= step


def harmonic_shares(total: int, parts: int, *, cap: int) -> list[int]:
    """Splits a total over parts so that the i-th gets about 1/i of the first, none more than the cap.

    Where the cap leaves no room the last part takes the rest.
    """
    harmonic = sum(1 / (i + 1) for i in range(parts))
    shares = [min(cap, int(total / harmonic / (i + 1))) for i in range(parts)]
    rest = total - sum(shares)
    for i in range(parts):
        more = min(rest, cap - shares[i]) if i < parts - 1 else rest
        shares[i] += more
        rest -= more
    return shares


def wheel(entries: Sequence[T], weights: Sequence[float] | None = None, *, length: int = 1024) -> tuple[T, ...]:
    """The entries repeated by weight, so that one index draws one of them.

    Without weights the i-th entry weighs 1 / (i + 2), a Zipf law with a softened head. Every entry appears.
    """
    weighed = weights or [1 / (i + 2) for i in range(len(entries))]
    total = sum(weighed)
    return tuple(
        entry
        for entry, weight in zip(entries, weighed, strict=True)
        for _ in range(max(1, round(length * weight / total)))
    )
