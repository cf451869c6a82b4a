"""The expression of a column's value: by the shape of its values, what the schema says of them, and its type."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pgproof.facts.catalog import Column
from pgproof.synthetic import special
from pgproof.synthetic.expressions import ALONG, ROW, in_order, literal, numbers, salt_of, spread
from pgproof.synthetic.hints import Hints
from pgproof.synthetic.shapes import ColumnShape

WHOLE = frozenset(("int2", "int4", "int8"))
_LARGEST = {"int2": 2**15 - 1, "int4": 2**31 - 1, "int8": 2**62}
NUMBERS = WHOLE | {"numeric", "float4", "float8", "money"}
MOMENTS = frozenset(("date", "timestamp", "timestamptz"))
SECONDS = MOMENTS | {"time", "interval", "timetz"}
_DAY = 86_400.0
_YEAR = 365 * _DAY


@dataclass(frozen=True)
class Wanted:
    """A column to fill.

    Attributes:
        table: its schema and name; rows of partitions of a table have the salt of their own.
        shape: None where the server never looked, or does not tell.
        labels: of its enum.
        hints: what the schema says of the columns.
        limits: lowest and highest place on the scale of numbers or seconds that the schema allows; None for any.
        unique: each row has a value of its own.
        counter: the number of the row is the value.
        rows: that the table gets.
        highest: number that a row may have, since not every one is kept.
        now: seconds since 1970.
        form: of a text, where the schema wants one.
    """

    table: str
    column: Column
    shape: ColumnShape | None
    labels: tuple[str, ...]
    hints: Hints
    limits: tuple[float | None, float | None]
    unique: bool
    counter: bool
    rows: int
    highest: int
    now: float
    form: special.Form = special.PLAIN

    def salt(self, purpose: str) -> int:
        """Return the salt of one purpose."""
        return salt_of(self.table, self.column.name, purpose)

    @property
    def nulls(self) -> float:
        """The share of NULL."""
        return 0.0 if self.column.not_null or self.shape is None else self.shape.null_fraction


def draw_of(column: Column) -> str:
    """Return the name of the column that holds a row's draw for a column."""
    return f'"pgproof_draw_{column.number}"'


def value_of(wanted: Wanted) -> str:
    """Return the expression of a column's value, over the number of the row and the column's draw."""
    column = wanted.column
    if wanted.counter:
        value = _counted(wanted)
        return f"{value}::{base_type(column)}"
    chosen = _chosen(wanted)
    if chosen is not None:
        return chosen
    if column.base_type in NUMBERS or column.base_type in SECONDS:
        if wanted.unique:
            return _or_null(wanted, _cast(wanted, _counted_on_scale(wanted)))
        return _cast_or_null(wanted, _on_scale(wanted))
    named = _named(wanted)
    rank = "r.rank" if named else rank_of(wanted)
    value = special.ranked(column, rank, wanted.shape, wanted.hints, _distinct(wanted), wanted.labels, wanted.form)
    if named:
        words = f"(ARRAY[{', '.join(literal(word) if word else 'NULL' for word in named)}]::text[])[r.rank + 1]"
        value = (
            f"(SELECT coalesce({words}::{base_type(column)}, {value})"
            f" FROM (SELECT {rank_of(wanted)} AS rank OFFSET 0) r)"
        )
    return _or_null(wanted, value)


def _named(wanted: Wanted) -> tuple[str | None, ...]:
    """The most common texts that the schema names itself, such as a default, at the place of their rank."""
    shape = wanted.shape
    if shape is None or wanted.unique or wanted.column.base_type not in special.TEXTS or shape.all_differ:
        return ()
    return shape.words if any(shape.words) else ()


def base_type(column: Column) -> str:
    """Return the type as SQL writes it, or the one below a domain, whose checks are asked apart."""
    return f"pg_catalog.{column.base_type}" if column.type_kind == "d" else column.type


def rank_of(wanted: Wanted) -> str:
    """Return a bigint that stands for a value: the most common ones first."""
    if wanted.unique or (wanted.shape is not None and wanted.shape.all_differ):
        return f"({ROW} - 1)"
    shape, draw, distinct = wanted.shape, draw_of(wanted.column), _distinct(wanted)
    if shape is None:
        return spread(ROW, distinct, wanted.salt("rank"))
    return ranks(shape, draw, distinct, wanted.rows, wanted.nulls, wanted.salt("rank"))


def ranks(shape: ColumnShape, draw: str, distinct: int, rows: int, nulls: float, salt: int) -> str:
    """Return the rank of a value by its frequency: the most common ones by their shares, the others alike.

    Args:
        shape: whose frequencies are meant.
        draw: a number from 0 to 1; those below `nulls` are used up.
        distinct: how many ranks there are.
        rows: that draw.
        nulls: share of rows without a value.
        salt: of the order of the others.
    """
    common = len(shape.frequencies)
    others = max(distinct - common, 0)
    rest = max(1.0 - nulls - sum(shape.frequencies), 0.0)
    if not others:
        return f"({_step(shape.frequencies, draw, nulls, stretched=True)} - 1)::bigint"
    if rows * rest > 10 * others:
        # Enough rows that every one of them is drawn.
        start = 1.0 - rest
        other = f"LEAST({others - 1}, floor(({draw} - {start!r}) / {rest!r} * {others}))::bigint"
    elif others >= 0.9 * rows * rest:
        other = f"({ROW} - 1)"
    else:
        other = spread(ROW, others, salt)
    if not common:
        return other
    return (
        f"CASE WHEN {draw} < {1.0 - rest!r} THEN {_step(shape.frequencies, draw, nulls)} - 1"
        f" ELSE {common} + {other} END"
    )


def _step(frequencies: Sequence[float], draw: str, nulls: float, *, stretched: bool = False) -> str:
    """The number, from 1, of the frequency a draw falls on; stretched, they make up all that is not NULL."""
    total = sum(frequencies) or 1.0
    factor = (1.0 - nulls) / total if stretched else 1.0
    edges, edge = [], nulls
    for frequency in frequencies[:-1]:
        edge += frequency * factor
        edges.append(edge)
    return f"(1 + width_bucket({draw}, {numbers(edges)}))" if edges else "1"


def _chosen(wanted: Wanted) -> str | None:
    """One of the values that the schema names: an enum's label, true or false, an entry of a list."""
    column, shape = wanted.column, wanted.shape
    listed = wanted.hints.choices(column.name)
    if column.base_type == "bool" and listed is None:
        listed = ("true", "false")
    if listed is None:
        listed = wanted.labels or None
    elif wanted.labels:
        listed = tuple(label for label in listed if label in wanted.labels)
    if not listed or column.type_category == "A":
        return None
    weights = _weights(listed, shape)
    values = [entry for entry, weight in weights.items() if weight > 0] or list(listed)
    shares = [weights[entry] for entry in values] if any(weights.values()) else [1.0] * len(values)
    array = "ARRAY[" + ", ".join(f"{literal(value)}" for value in values) + "]"
    step = _step(shares, draw_of(column), wanted.nulls, stretched=True)
    kind = base_type(column)
    return _or_null(wanted, f"({array}::{_unlimited(kind)}[])[{step}]::{kind}")


def _unlimited(kind: str) -> str:
    """An array of char(3) would cut nothing, and one of numeric(10,2)[] is written otherwise: leave the limit out."""
    return "text" if kind.startswith(("character", "bpchar")) else kind


def _weights(listed: Sequence[str], shape: ColumnShape | None) -> Mapping[str, float]:
    if shape is None:
        return dict.fromkeys(listed, 1.0)
    known = {_word(word): share for word, share in zip(shape.words, shape.frequencies, strict=False) if word}
    found = {entry: known.get(_word(entry), 0.0) for entry in listed}
    missing = [entry for entry, share in found.items() if not share]
    rest = 1.0 - shape.null_fraction - sum(found.values())
    # What is rare is no common value, and ANALYZE may have seen none of it.
    unseen = max(shape.distinct(10**9) - (len(listed) - len(missing)), 0) if shape.n_distinct > 0 else len(missing)
    if missing and unseen and rest > 1e-4:
        found |= dict.fromkeys(missing[:unseen], rest / min(unseen, len(missing)))
    return found


def _word(text: str) -> str:
    return {"t": "true", "f": "false"}.get(text, text)


def _distinct(wanted: Wanted) -> int:
    if wanted.unique or (wanted.shape is not None and wanted.shape.all_differ):
        return wanted.highest
    return wanted.rows if wanted.shape is None else wanted.shape.distinct(wanted.rows)


def _counted(wanted: Wanted) -> str:
    low = wanted.limits[0]
    return f"({ROW} + {math.ceil(low) - 1})" if low is not None and low > 1 else ROW


def _counted_on_scale(wanted: Wanted) -> str:
    if wanted.column.base_type in NUMBERS:
        return f"{_counted(wanted)}::float8"
    step = _DAY if wanted.column.base_type == "date" else 61.0
    start = wanted.now - step * wanted.rows if wanted.column.base_type in MOMENTS else 0.0
    low, high = wanted.limits
    if low is not None and start < low:
        start = low
        step = min(step, ((high if high is not None else math.inf) - low) / (wanted.rows + 1))
    return f"({start!r}::float8 + {ROW} * {step!r})"


def _on_scale(wanted: Wanted) -> str:
    """A place on the scale of a number or of seconds: a common one by its share, or between the bounds."""
    shape, draw = wanted.shape, draw_of(wanted.column)
    low, high = _range(wanted)
    if shape is None:
        return f"({low!r}::float8 + {draw} * {high - low!r})"
    common = [
        (share, _within(place, wanted.limits))
        for share, place in zip(shape.frequencies, shape.positions, strict=False)
        if place is not None
    ]
    taken = sum(share for share, _ in common)
    bounds = [_within(bound, wanted.limits) for bound in shape.bounds] or ([low, high] if not common else [])
    if not bounds:
        return _position(common, draw, wanted.nulls, stretched=True)
    start = wanted.nulls + taken
    rest = max(1.0 - start, 1e-9)
    share = f"(({draw} - {start!r}) / {rest!r})"
    share = in_order(share, ALONG, shape.correlation, ROW, wanted.salt("order"))
    others = max(_distinct(wanted) - len(common), 1)
    if others < wanted.rows * rest / 2:
        share = f"(floor(({share}) * {others}) + 0.5) / {others}"
    value = _between(bounds, share)
    if not common:
        return value
    return f"CASE WHEN {draw} < {start!r} THEN {_position(common, draw, wanted.nulls)} ELSE {value} END"


def _position(common: Sequence[tuple[float, float]], draw: str, nulls: float, *, stretched: bool = False) -> str:
    places = numbers([place for _, place in common])
    return f"({places})[{_step([share for share, _ in common], draw, nulls, stretched=stretched)}]"


def _between(bounds: Sequence[float], share: str) -> str:
    last = len(bounds) - 1
    # One share is used several times; a sub-select computes it once.
    place = f"(SELECT LEAST(GREATEST({share}, 0), 0.9999999) * {last} AS p OFFSET 0) s"
    lower, upper = f"({numbers(bounds)})[1 + floor(s.p)::int]", f"({numbers(bounds)})[2 + floor(s.p)::int]"
    return f"(SELECT {lower} + (s.p - floor(s.p)) * ({upper} - {lower}) FROM {place})"


def _range(wanted: Wanted) -> tuple[float, float]:
    """Where values lie of which nobody knows more: up to a thousand, or within the last year."""
    low, high = wanted.limits
    base = wanted.column.base_type
    if base in MOMENTS:
        first, last = wanted.now - _YEAR, wanted.now
    else:
        first, last = (0.0, 1_000.0) if base in NUMBERS else (0.0, _DAY - 1)
    first = low if low is not None else min(first, high - 1) if high is not None else first
    last = high if high is not None else max(last, first + 1)
    return first, last


def _within(place: float, limits: tuple[float | None, float | None]) -> float:
    low, high = limits
    if low is not None:
        place = max(place, low)
    return min(place, high) if high is not None else place


def _cast_or_null(wanted: Wanted, value: str) -> str:
    return _or_null(wanted, _cast(wanted, value))


def _cast(wanted: Wanted, value: str) -> str:
    base = wanted.column.base_type
    kind = base_type(wanted.column)
    if base in WHOLE:
        largest = _LARGEST[base]
        return f"LEAST(GREATEST(floor({value}), {-largest}), {largest})::{kind}"
    if base == "numeric":
        return f"({value})::numeric::{kind}" if "(" not in kind else f"trunc(({value})::numeric, 9)::{kind}"
    if base == "money":
        return f"({value})::numeric::money"
    if base == "date":
        return f"(date '1970-01-01' + floor(({value}) / {_DAY})::int)"
    if base == "timestamp":
        return f"(to_timestamp({value}) AT TIME ZONE 'UTC')::{kind}"
    if base == "timestamptz":
        return f"to_timestamp({value})::{kind}"
    if base in ("time", "timetz"):
        return f"(time '00:00' + make_interval(secs => ({value})))::{kind}"
    if base == "interval":
        return f"make_interval(secs => floor({value}))::{kind}"
    return f"({value})::{kind}"


def _or_null(wanted: Wanted, value: str) -> str:
    if not wanted.nulls:
        return value
    return f"CASE WHEN {draw_of(wanted.column)} >= {wanted.nulls!r} THEN {value} END"
