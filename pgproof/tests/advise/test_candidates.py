"""Which indexes serve given shapes: as few as do, and never two over the same columns in another order."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from pgproof.advise.candidates import Candidate, Shape, candidates, shape_of
from pgproof.advise.statements import Equality, OrderColumn, TableUse
from pgproof.facts.catalog import QualifiedName

NAME = QualifiedName("public", "t")


def by_name(column: str) -> tuple[float, int]:
    return (0.0, ord(column[0]))


def chosen(*shapes: Shape | tuple[Shape, float]) -> list[tuple[str, ...]]:
    weighed = [shape if isinstance(shape, tuple) else (shape, 1.0) for shape in shapes]
    return [tuple(key.column for key in each.keys) for each in candidates(weighed, by_name)]


def equal(columns: str, tail: str = "") -> Shape:
    return Shape(frozenset(columns), tuple(OrderColumn(column) for column in tail))


def shape(use: TableUse) -> Shape | None:
    return shape_of(use, lambda column: column != "json")


def test_equal_columns_come_first_and_the_order_after_them() -> None:
    use = TableUse(NAME, (Equality("b"), Equality("a")), ranges=("r",), order=(OrderColumn("o"),), limited=True)
    assert shape(use) == Shape(frozenset("ab"), (OrderColumn("o"),), ordered=True)
    assert chosen(equal("ba", "o")) == [("a", "b", "o")]


def test_without_a_limit_the_bound_comes_after_them() -> None:
    use = TableUse(NAME, (Equality("a"),), ranges=("json", "r", "s"), order=(OrderColumn("o"),))
    assert shape(use) == Shape(frozenset("a"), (OrderColumn("r"),))


def test_several_values_come_in_no_order() -> None:
    use = TableUse(NAME, (Equality("a", several=True),), order=(OrderColumn("o"),), limited=True)
    assert shape(use) == Shape(frozenset("a"))


def test_an_order_alone_counts_with_a_limit_and_a_bound_alone_never() -> None:
    assert shape(TableUse(NAME, order=(OrderColumn("o"),), limited=True)) == Shape(
        frozenset(), (OrderColumn("o"),), ordered=True
    )
    assert shape(TableUse(NAME, order=(OrderColumn("o"),))) is None
    assert shape(TableUse(NAME, ranges=("r",))) is None
    assert shape(TableUse(NAME, (Equality("json"),))) is None
    assert shape(TableUse(NAME, order=(OrderColumn("json"),), limited=True)) is None


def test_an_order_by_a_fixed_column_is_none() -> None:
    use = TableUse(NAME, (Equality("a"),), ranges=("a",), order=(OrderColumn("a"), OrderColumn("o")), limited=True)
    assert shape(use) == Shape(frozenset("a"), (OrderColumn("o"),), ordered=True)
    assert shape(TableUse(NAME, (Equality("a"),), order=(OrderColumn("a"),), limited=True)) == Shape(frozenset("a"))


def test_an_order_and_its_reverse_are_one() -> None:
    down = TableUse(NAME, order=(OrderColumn("o", True, True), OrderColumn("p")), limited=True)
    up = TableUse(NAME, order=(OrderColumn("o"), OrderColumn("p", True, True)), limited=True)
    assert shape(down) == shape(up)
    last = TableUse(NAME, order=(OrderColumn("o", True, False),), limited=True)
    found = shape(last)
    assert found is not None
    assert found.tail == (OrderColumn("o", False, True),)


def test_what_fewer_columns_need_is_put_in_front() -> None:
    assert chosen(equal("abc"), equal("c"), equal("bc")) == [("c", "b", "a")]
    assert chosen(equal("abcd"), equal("cd"), equal("d"), equal("bcd")) == [("d", "c", "b", "a")]


def test_what_does_not_fit_gets_its_own() -> None:
    assert chosen(equal("ab"), (equal("a"), 2.0), (equal("b"), 1.0)) == [("a", "b"), ("b",)]


def test_a_bound_may_be_a_later_equality() -> None:
    assert chosen(equal("abc"), equal("b", "a")) == [("b", "a", "c")]
    assert chosen(equal("abc"), equal("b", "ac")) == [("b", "a", "c")]


def test_a_tail_is_served_by_its_beginning() -> None:
    assert chosen(equal("a", "op"), equal("a", "o"), equal("a")) == [("a", "o", "p")]
    assert chosen(equal("", "op"), equal("", "o")) == [("o", "p")]


def test_a_tail_serves_those_who_compare_its_columns() -> None:
    asked = (equal("", "op"), equal("o"), equal("po"), equal("o", "p"))
    (found,) = candidates([(shape, 4.0 - number) for number, shape in enumerate(asked)], by_name)
    assert found.keys == (OrderColumn("o"), OrderColumn("p"))
    assert set(found.serves) == set(asked)
    assert chosen((equal("", "op"), 2.0), (equal("p"), 1.0)) == [("o", "p"), ("p",)]


def test_of_two_orders_of_the_same_columns_the_weightier_stays() -> None:
    assert chosen((equal("a", "b"), 1.0), (equal("b", "a"), 9.0)) == [("b", "a"), ("a",)]
    assert chosen((equal("", "ab"), 9.0), (equal("", "ba"), 1.0)) == [("a", "b")]


def test_what_an_index_serves_as_it_is_decides_no_other_whatever_takes_more_time() -> None:
    for of_two, of_one in ((9.0, 1.0), (1.0, 9.0)):
        found = chosen((equal("ab"), of_two), (equal("b", "t"), of_one), (equal("b"), 1.0))
        assert sorted(found) == [("a", "b"), ("b", "t")]


def test_a_column_with_more_values_comes_first_where_the_order_is_free() -> None:
    (found,) = candidates([(equal("ab"), 1.0)], lambda column: ({"a": 0.0, "b": -5.0}[column], 0))
    assert found == Candidate((OrderColumn("b"), OrderColumn("a")), (equal("ab"),))


columns = st.frozensets(st.sampled_from("abcd"), max_size=3)
shapes = st.builds(
    lambda before, tail: Shape(before, tuple(OrderColumn(each) for each in tail if each not in before)),
    columns,
    st.lists(st.sampled_from("abcd"), max_size=2, unique=True),
).filter(lambda each: bool(each.columns))


@given(st.lists(st.tuples(shapes, st.floats(0, 100)), max_size=8))
def test_whatever_is_asked_is_served_as_far_as_no_columns_are_repeated(asked: list[tuple[Shape, float]]) -> None:
    found = candidates(asked, by_name)
    keys = [tuple(key.column for key in each.keys) for each in found]
    for one, other in combinations(keys, 2):
        assert set(one) != set(other)
        assert len(set(one)) == len(one)
    for each in found:
        for served in each.serves:
            names = tuple(key.column for key in each.keys)
            assert set(names[: len(served.equal)]) == served.equal
    for need, _ in asked:
        if need.equal:
            assert any(set(names[: len(need.equal)]) == need.equal for names in keys)
