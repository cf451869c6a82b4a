from __future__ import annotations

import contextlib
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from intowork.kit.pagination import COUNT_LIMIT, CursorError, NewestFirst, Position, capped_count
from intowork.kit.sql import render
from intowork.models import Job
from intowork.testing import Factory, ago

BY_POSTED_AT = NewestFirst(Job.posted_at, Job.id)

moments = st.none() | st.datetimes(timezones=st.just(dt.UTC))
keys = st.integers(min_value=1, max_value=2**31 - 1)


@given(moments, keys)
def test_a_cursor_leads_back_to_its_position(at: dt.datetime | None, key: int) -> None:
    position = Position(at, key)
    assert Position.parse(position.cursor()) == position


# By default hypothesis first tries to encode every character there is, which takes seconds.
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_a_text_is_a_cursor_or_a_cursor_error(cursor: str) -> None:
    with contextlib.suppress(CursorError):
        assert 0 < Position.parse(cursor).id < 2**31


def test_a_text_that_is_no_cursor_is_answered_in_one_line() -> None:
    with pytest.raises(CursorError, match=r"^No page starts at 'nonsense\\n'; start again without a cursor$"):
        Position.parse("nonsense\n")


@pytest.mark.parametrize("key", [0, -1, 2**31])
def test_a_key_that_no_row_can_have_is_no_cursor(key: int) -> None:
    with pytest.raises(CursorError):
        Position.parse(Position(ago(days=1), key).cursor())


def test_a_moment_without_zone_is_no_cursor() -> None:
    with pytest.raises(CursorError):
        Position.parse(Position(dt.datetime(2026, 1, 1), 7).cursor())


def test_the_pages_hold_every_row_once_in_the_order_of_the_whole_list(platform: Session, factory: Factory) -> None:
    employer = factory.employer()
    moments = [None, None, None, ago(days=1), ago(days=1), ago(days=1), ago(days=1), ago(days=2), ago(days=3)]
    for at in moments:
        factory.job(employer, posted_at=at)
    statement = select(Job.id, Job.posted_at)
    whole = platform.execute(statement.order_by(*BY_POSTED_AT.order())).all()
    for size in (1, 2, 3, 4, len(moments)):
        walked: list[object] = []
        after = None
        while page := platform.execute(BY_POSTED_AT.page(statement, after, size)).all():
            assert len(page) <= size
            walked.extend(page)
            after = Position(page[-1].posted_at, page[-1].id)
        assert walked == whole


def test_a_page_starts_by_one_comparison_of_rows() -> None:
    rendered = render(BY_POSTED_AT.page(select(Job.id), Position(ago(days=1), 7), 20))
    assert "(jobs.posted_at, jobs.id) < (" in rendered.text
    assert set(rendered.parameters.values()) == {ago(days=1), 7}


@pytest.mark.parametrize(("rows", "counted"), [(0, 0), (999, 999), (1000, 1000), (1001, 1001), (1500, 1001)])
def test_a_count_is_exact_up_to_its_limit_and_one_more_beyond(platform: Session, rows: int, counted: int) -> None:
    assert COUNT_LIMIT == 1000
    numbers = select(text("n")).select_from(text(f"generate_series(1, {rows}) AS n"))
    assert platform.scalar(capped_count(numbers)) == counted
