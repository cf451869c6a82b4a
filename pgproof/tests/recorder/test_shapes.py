"""A statement without its values: what is kept, what goes, and where each parameter's value is."""

from __future__ import annotations

import pytest

from pgproof.advise.syntax import syntax_tree
from pgproof.recorder.hook.pgproof_capture.shapes import shape


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("SELECT a FROM t\n WHERE b = %(b)s::INTEGER;", "SELECT a FROM t WHERE b = $1::INTEGER"),
        ("SELECT %(b)s, %(a)s, %(b)s", "SELECT $1, $2, $1"),
        ("SELECT %s, %s", "SELECT $1, $2"),
        ("SELECT a %% 2 LIKE '5%%'", "SELECT a % $1 LIKE $2"),
        ("SELECT %(odd %(name)s)s", "SELECT $1"),
        ("SELECT 'it''s', E'\\'', U&'x', 1.5, .5, 1e9, -3 FROM t1", "SELECT $1, $2, $3, $4, $5, $6, -$7 FROM t1"),
        ("SELECT 'c:\\', 'secret'", "SELECT $1, $2"),
        ("DO $$ BEGIN secret; END $$", "DO $1"),
        ("SELECT $tag$ secret $$ more $tag$, 1", "SELECT $1, $2"),
        ("SELECT 1 -- secret\n, 2 /* secret */", "SELECT $1 , $2"),
        ("SELECT 'secret", "SELECT "),
        ('SELECT "o\'dd 1" FROM "t 2"', 'SELECT "o\'dd 1" FROM "t 2"'),
        ("CAST(%(a)s AS VARCHAR(10)), %(b)s::NUMERIC(10, 2)", "CAST($1 AS VARCHAR(10)), $2::NUMERIC(10, 2)"),
        ("a IN (%(a_1)s, %(a_2)s, %(a_3)s) AND b = %(b)s", "a IN ($1) AND b = $2"),
        ("a IN (%(a_1)s::VARCHAR(5), %(a_2)s::VARCHAR(5))", "a IN ($1::VARCHAR(5))"),
        ("a IN (1, 2, 3) AND b = %(b)s", "a IN ($2) AND b = $1"),
        ("a NOT IN (%(a)s)", "a NOT IN ($1)"),
        (
            "VALUES (%(a_0)s, lower(%(b_0)s)), (%(a_1)s, lower(%(b_1)s)) RETURNING a",
            "VALUES ($1, lower($2)) RETURNING a",
        ),
        ("SELECT a1, t2.b3 FROM t2 LIMIT 10 OFFSET 20", "SELECT a1, t2.b3 FROM t2 LIMIT $1 OFFSET $2"),
    ],
)
def test_what_is_left_of_a_statement(statement: str, text: str) -> None:
    assert shape(statement, percent=True).text == text.strip()


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        (
            "SELECT a % 2, %s FROM t WHERE b = $2::VARCHAR AND c = $1",
            "SELECT a % $3, %s FROM t WHERE b = $1::VARCHAR AND c = $2",
        ),
        ("SELECT a %% 2", "SELECT a %% $1"),
        ("a IN ($1, $2, $3)", "a IN ($1)"),
    ],
)
def test_parameters_that_are_numbered_by_the_driver(statement: str, text: str) -> None:
    assert shape(statement, percent=False).text == text


def test_where_the_values_are() -> None:
    named = shape("a = %(x)s AND b IN (%(b_1)s, %(b_2)s) AND c = 5 AND d = %(x)s AND e = %(y)s", percent=True)
    assert named.sources == (("x",), ("b_1", "b_2"), ("y",))
    numbered = shape("b = $2 AND a = $1", percent=False)
    assert numbered.sources == ((1,), (0,))
    assert shape("SELECT %s, %s", percent=True).sources == ((0,), (1,))


def test_rows_and_offsets() -> None:
    assert shape("INSERT INTO t VALUES (%(a)s)", percent=True).sets == 1
    three = shape("INSERT INTO t (a) VALUES (%(a__0)s), (%(a__1)s), (%(a__2)s)", percent=True)
    assert (three.sets, three.sources) == (3, (("a__0",),))
    assert shape("SELECT 1 OFFSET %(o)s", percent=True).offset == ("o", 0)
    assert shape("SELECT 1 LIMIT 5 OFFSET 1200", percent=True).offset == (None, 1200)
    assert shape("SELECT 1 OFFSET (%(o)s) ROWS", percent=True).offset == ("o", 0)
    assert shape("SELECT 1 OFFSET a", percent=True).offset is None


def test_what_is_left_can_be_read() -> None:
    statement = (
        "INSERT INTO book (title, author_id) SELECT p0::VARCHAR, p1::INTEGER FROM (VALUES (%(title__0)s::VARCHAR, "
        "%(author_id__0)s::INTEGER, 0), (%(title__1)s::VARCHAR, %(author_id__1)s::INTEGER, 1)) "
        "AS imp_sen(p0, p1, sen_counter) ORDER BY sen_counter RETURNING book.id"
    )
    found = shape(statement, percent=True)
    assert found.sets == 2
    assert "FROM (VALUES ($1::VARCHAR, $2::INTEGER, $3)) AS" in found.text
    assert syntax_tree(found.text) is not None
