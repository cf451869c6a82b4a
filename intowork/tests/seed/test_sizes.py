from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intowork.seed.sizes import BoundedZipf, adjust_to_total, harmonic_shares, wheel


@settings(max_examples=30, deadline=None)
@given(
    cap=st.integers(3, 400),
    least=st.integers(0, 2),
    where=st.floats(0.05, 0.9),
    shift=st.floats(1, 10),
)
def test_sizes_have_the_mean_asked_for_and_stay_between_least_and_cap(
    cap: int, least: int, where: float, shift: float
) -> None:
    mean = least + (cap - least) * where
    sizes = BoundedZipf(mean=mean, cap=cap, least=least, shift=shift).sizes(4000)
    assert least <= min(sizes) <= max(sizes) <= cap
    assert sum(sizes) / len(sizes) == pytest.approx(mean, rel=0.03, abs=0.05)


def test_ten_times_as_many_sizes_have_the_same_largest_and_median() -> None:
    law = BoundedZipf(mean=10, cap=1000)
    hundred, million = law.sizes(100_000), law.sizes(1_000_000)
    assert million[0] == pytest.approx(hundred[0], rel=0.01)
    assert million[len(million) // 2] == hundred[len(hundred) // 2]


def test_a_mean_outside_the_bounds_is_refused() -> None:
    with pytest.raises(ValueError, match="not between 0 and 5"):
        BoundedZipf(mean=5, cap=5)


@given(st.integers(0, 50), st.integers(0, 2**32))
def test_sizes_are_adjusted_to_any_total_that_the_bounds_allow(total: int, seed: int) -> None:
    sizes = [5] * 10
    adjust_to_total(sizes, total, least=[0] * 10, most=[5] * 10, rng=random.Random(seed))
    assert sum(sizes) == total
    assert all(0 <= size <= 5 for size in sizes)


def test_a_total_that_the_bounds_rule_out_is_refused_instead_of_searched_for_ever() -> None:
    with pytest.raises(ValueError, match="not between 0 and 50"):
        adjust_to_total([5] * 10, 51, least=[0] * 10, most=[5] * 10, rng=random.Random(1))


@given(st.integers(0, 900), st.integers(1, 30))
def test_shares_add_up_and_fall_from_the_first_to_the_last(total: int, parts: int) -> None:
    shares = harmonic_shares(total, parts, cap=10**6)
    assert sum(shares) == total
    assert sorted(shares, reverse=True) == shares


def test_no_share_exceeds_the_cap_while_there_is_room() -> None:
    assert harmonic_shares(500, 5, cap=120) == [120, 120, 120, 97, 43]


def test_a_wheel_holds_every_entry_and_the_first_most_often() -> None:
    counts = Counter(wheel("abcdefgh", length=100))
    assert set(counts) == set("abcdefgh")
    assert counts.most_common(1)[0][0] == "a"
