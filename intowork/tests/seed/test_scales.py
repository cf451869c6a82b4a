from __future__ import annotations

import pytest

from intowork.seed import SCALES, Scale, UnknownScale, scale


def test_the_100k_scale_is_the_one_that_the_numbers_are_promised_for() -> None:
    hundred = scale("100k")
    assert (hundred.jobs, hundred.candidates, hundred.employers) == (100_000, 50_000, 50_000)
    assert (hundred.applications, hundred.notifications) == (1_000_000, 2_000_000)
    assert (hundred.live_sessions, hundred.expired_sessions) == (5_000, 1_000_000)
    # Administrators come on top of candidates and employers.
    assert hundred.users - hundred.administrators == 100_000


def test_the_small_scale_has_20_000_jobs_and_200_000_applications() -> None:
    assert (scale("small").jobs, scale("small").applications) == (20_000, 200_000)


def test_the_1m_scale_is_ten_times_the_100k_scale_in_everything() -> None:
    hundred, million = vars(scale("100k")), vars(scale("1m"))
    assert {k: v * 10 for k, v in hundred.items() if k != "name"} == {k: v for k, v in million.items() if k != "name"}


def test_an_unknown_scale_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(UnknownScale, match="choose one of small, 100k, 1m"):
        scale("10k")
    assert [s.name for s in SCALES] == ["small", "100k", "1m"]


def test_a_scale_of_99_jobs_is_refused() -> None:
    with pytest.raises(UnknownScale, match="at least 100"):
        Scale.of_jobs(99)
