"""What is read off a condition, and how numbers are drawn."""

from __future__ import annotations

import psycopg
import pytest

from pgproof.synthetic.expressions import letters, some, spread
from pgproof.synthetic.hints import Choices, JsonKind, Length, Limit, Ordered, read_hints, words_of
from pgproof.synthetic.references import Choosing, Parent, candidates_for, ordinal_of
from pgproof.synthetic.shapes import ColumnShape

CONDITIONS = [
    ("((status)::text = ANY ((ARRAY['a'::character varying, 'b'::text])::text[]))", [Choices("status", ("a", "b"))]),
    ("((a = 1) OR (a = 2))", [Choices("a", ("1", "2"))]),
    (
        "((price > (0)::numeric) AND (price <= '-0.5'::numeric))",
        [Limit("price", ">", "0"), Limit("price", "<=", "-0.5")],
    ),
    ("(5 > level)", [Limit("level", "<", "5")]),
    ("((low IS NULL) OR (high IS NULL) OR (low <= high))", [Ordered("low", "high")]),
    ("(high > low)", [Ordered("low", "high")]),
    ("(char_length((code)::text) = 3)", [Length("code", "=", 3)]),
    ("(jsonb_typeof(doc) = 'array'::text)", [JsonKind("doc", "array")]),
    ('("Odd ""name" >= 1)', [Limit('Odd "name', ">=", "1")]),
    ("((a > 1) OR (b > 2))", []),
    ("(email ~~ '%@%'::text)", []),
    ("app.valid(email)", []),
    ("((1 = 1) AND (2 > 1))", []),
    ("((( this is no condition", []),
]


@pytest.mark.parametrize(("condition", "hints"), CONDITIONS)
def test_a_condition_says_what_it_says_of_one_column(condition: str, hints: list[object]) -> None:
    assert list(read_hints((condition,)).found) == hints


def test_lengths_and_lists_meet() -> None:
    hints = read_hints(
        ("(length(a) > 2)", "(length(a) < 9)", "(b = ANY (ARRAY['x', 'y']))", "(b <> 'x')", "(b IN ('y', 'z'))")
    )
    assert (hints.shortest("a"), hints.longest("a")) == (3, 8)
    assert hints.choices("b") == ("y",)
    assert hints.choices("c") is None


def test_texts_of_conditions() -> None:
    assert words_of(("(a = 'it''s')", "(b > 5)")) == {"it's"}


@pytest.mark.parametrize("over", [1, 2, 7, 100, 2_654_435_761 % 1000, 1024])
def test_a_spread_gives_each_number_once(embedded_database: str, over: int) -> None:
    with psycopg.connect(embedded_database) as connection:
        values = f"SELECT {spread('n', over, 3)} AS v FROM generate_series(0, {over - 1}) n"
        query = f"SELECT array_agg(v ORDER BY v) FROM ({values}) s"
        row = connection.execute(query.encode()).fetchone()
    assert row == ([*range(over)],)


def test_letters_tell_ranks_apart(embedded_database: str) -> None:
    with psycopg.connect(embedded_database) as connection:
        values = f"SELECT {letters('n', 3, 5)} AS v FROM generate_series(0, 4095) n"
        query = f"SELECT count(DISTINCT v), min(length(v)) FROM ({values}) s"
        assert connection.execute(query.encode()).fetchone() == (4096, 3)


@pytest.mark.parametrize(("count", "of"), [(0, 10), (1, 1000), (7, 1000), (1000, 1000)])
def test_some_are_exactly_so_many(embedded_database: str, count: int, of: int) -> None:
    with psycopg.connect(embedded_database) as connection:
        query = f"SELECT count(*) FROM generate_series(1, {of}) n WHERE {some('n', count, of)}"
        assert connection.execute(query.encode()).fetchone() == (count,)


def test_candidates_give_as_many_different_ones() -> None:
    assert candidates_for(100, 10_000, 500) == 100
    assert 130 <= candidates_for(100, 180, 500) <= 145
    assert candidates_for(100, 100, 500) == 500
    assert candidates_for(900, 1_000, 500) == 500


SHAPES = {
    "alike": ColumnShape(0.0, 4, 200, 0.0),
    "a few often": ColumnShape(0.1, 4, 200, 0.3, frequencies=(0.2, 0.1, 0.05)),
    "in order": ColumnShape(0.0, 4, -0.2, 0.95, frequencies=(0.05,)),
    "often alone": ColumnShape(0.0, 4, 3, 0.0, frequencies=(0.5, 0.3, 0.2)),
}


@pytest.mark.parametrize("called", SHAPES)
@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_parents_are_named_as_often_as_the_sources(embedded_database: str, called: str, scale: float) -> None:
    shape, rows, parents = SHAPES[called], int(10_000 * scale), int(3_000 * scale)
    choosing = Choosing(
        shape, rows, shape.null_fraction, alone=False, number="n", along=f"((n - 0.5) / {rows}.0)", salt=11
    )
    ordinal = ordinal_of(Parent(parents, 1, None, scale), choosing)
    with psycopg.connect(embedded_database) as connection:
        connection.execute(f"CREATE TEMP TABLE c AS SELECT {ordinal} AS v FROM generate_series(1, {rows}) n".encode())
        connection.execute("ANALYZE c")
        row = connection.execute(
            "SELECT min(v), max(v), count(DISTINCT v), count(*) FILTER (WHERE v IS NULL),"
            " (SELECT max(k) FROM (SELECT count(*) AS k FROM c WHERE v IS NOT NULL GROUP BY v) s),"
            " (SELECT correlation FROM pg_stats WHERE tablename = 'c') FROM c"
        ).fetchone()
    assert row is not None
    least, most, distinct, nulls, often, correlation = row
    assert 1 <= least <= most <= parents
    assert abs(distinct / scale - shape.distinct(10_000)) <= 0.15 * shape.distinct(10_000)
    assert abs(nulls / rows - shape.null_fraction) < 0.02
    if shape.frequencies:
        # What one parent had in the source, each of as many has now.
        assert often == pytest.approx(shape.frequencies[0] * 10_000, rel=0.25)
    if shape.correlation > 0.9:
        assert correlation > 0.7
