from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import psycopg
import pytest

from intowork.performance.draws import FREQUENT, MEDIAN, RARE, SIZE, WITHOUT_MATCH, Draws, draw
from pgproof.errors import PgproofError
from pgproof.proof.measuring import Session, open_session


@pytest.fixture
def session(loaded: str) -> Iterator[Session]:
    with open_session(loaded, "test") as session:
        yield session


def counts(session: Session, statement: str) -> dict[object, int]:
    return dict(session.execute(statement.encode()).fetchall())


def test_half_is_frequent_a_third_median_and_the_rest_rare_or_without_match() -> None:
    assert (FREQUENT / SIZE, MEDIAN / SIZE) == (1 / 2, 1 / 3)
    assert FREQUENT + MEDIAN + RARE + WITHOUT_MATCH == SIZE


def test_the_same_seed_draws_the_same_and_another_seed_something_else(session: Session) -> None:
    assert draw(session, 1) == draw(session, 1)
    assert draw(session, 1).candidates != draw(session, 2).candidates


def test_every_tuple_of_a_draw_has_the_same_size(session: Session) -> None:
    drawn = draw(session, 1)
    sizes = {field.name: len(getattr(drawn, field.name)) for field in dataclasses.fields(Draws) if field.name != "deep"}
    assert set(sizes.values()) == {SIZE}
    assert drawn.deep is not None


@pytest.mark.parametrize(
    ("name", "statement"),
    [
        ("candidates", "SELECT candidate_id, count(*) FROM job_applications GROUP BY 1"),
        ("recruiters", "SELECT employer_id, count(*) FROM jobs GROUP BY 1"),
        ("companies", "SELECT company_id, count(*) FROM jobs WHERE status = 'published' GROUP BY 1"),
        ("users", "SELECT user_id, count(*) FROM notifications GROUP BY 1"),
        (
            "employers",
            "SELECT j.employer_id, count(*) FROM job_applications a JOIN jobs j ON j.id = a.job_id GROUP BY 1",
        ),
    ],
)
def test_values_are_ranked_by_their_rows(session: Session, name: str, statement: str) -> None:
    rows = counts(session, statement)
    ranked = sorted(rows.values(), reverse=True)
    drawn: Sequence[object] = getattr(draw(session, 1), name)
    found = [rows.get(value, 0) for value in drawn]
    frequent, median = found[:FREQUENT], found[FREQUENT : FREQUENT + MEDIAN]
    rare, without = found[FREQUENT + MEDIAN : -WITHOUT_MATCH], found[-WITHOUT_MATCH:]
    assert min(frequent) >= ranked[(len(ranked) + 99) // 100 - 1]
    assert ranked[int(len(ranked) * 0.56)] <= min(median) <= max(median) <= ranked[int(len(ranked) * 0.44)]
    assert max(rare) <= ranked[int(len(ranked) * 0.9)]
    assert without == [0] * WITHOUT_MATCH


def test_salaries_are_reached_by_many_then_few_then_none(session: Session) -> None:
    published = counts(session, "SELECT salary_min, count(*) FROM jobs WHERE status = 'published' GROUP BY 1")
    known = {salary: number for salary, number in published.items() if isinstance(salary, int)}
    reached = [
        sum(number for salary, number in known.items() if salary >= least) / sum(known.values())
        for least in draw(session, 1).salaries
    ]
    assert all(share >= 0.5 for share in reached[:FREQUENT])
    assert all(0.03 < share <= 0.55 for share in reached[FREQUENT : FREQUENT + MEDIAN])
    assert all(0 < share < 0.03 for share in reached[FREQUENT + MEDIAN : -WITHOUT_MATCH])
    assert reached[-WITHOUT_MATCH:] == [0.0] * WITHOUT_MATCH


def test_half_of_the_pairs_have_an_application(session: Session) -> None:
    with_application = [
        session.execute(
            "SELECT count(*) FROM job_applications WHERE candidate_id = %s AND job_id = %s", pair
        ).fetchone()
        for pair in draw(session, 1).pairs
    ]
    found = with_application.count((1,))
    assert SIZE // 2 - WITHOUT_MATCH <= found <= SIZE // 2 + 2


def test_what_a_page_refers_to_are_the_newest_applications(session: Session) -> None:
    drawn = draw(session, 1)
    rows = session.execute(
        "SELECT job_id FROM job_applications WHERE candidate_id = %s ORDER BY applied_at DESC LIMIT 10",
        (drawn.candidates[0],),
    ).fetchall()
    assert sorted(shown.job_id for shown in drawn.applications_of[0]) == sorted(job for (job,) in rows)
    assert drawn.applications_of[-1] == ()


def test_nothing_is_drawn_from_an_empty_table(head_database: str) -> None:
    with (
        open_session(head_database, "test") as session,
        pytest.raises(PgproofError, match="job_applications holds no rows"),
    ):
        draw(session, 1)


def test_a_draw_without_salaries_says_so(loaded: str) -> None:
    with psycopg.connect(loaded) as connection, connection.transaction(force_rollback=True):
        connection.execute("UPDATE jobs SET salary_min = NULL")
        with pytest.raises(PgproofError, match="no published job says its salary"):
            draw(connection, 1)
