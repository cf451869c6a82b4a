"""Values of types that have no scale: texts, documents, addresses, arrays, ranges. Each by the rank of the value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from pgproof.facts.catalog import Column
from pgproof.synthetic.expressions import (
    FILLER,
    FILLER_LENGTH,
    ROW,
    digits_for,
    hashed,
    letters,
    literal,
    salt_of,
    uniform,
)
from pgproof.synthetic.hints import Hints
from pgproof.synthetic.shapes import ColumnShape

TEXTS = frozenset(("text", "varchar", "bpchar", "citext", "name"))
_LONGEST_CODE = 7
_STARTS = 4_096
"""Places of the plain words at which a text may begin."""
_UNKNOWN_WIDTH = 16
_HEADER = 1
"""Byte that the server counts before each short text."""

_Kind: TypeAlias = Literal["lower", "upper", "digits", "words"]
_KINDS: tuple[_Kind, ...] = ("lower", "upper", "digits")


@dataclass(frozen=True)
class Form:
    """How a text looks.

    Attributes:
        template: with `{}` for the part that tells values apart.
        kind: of that part.
        length: of that part; None for as long as it has to be.
    """

    template: str = "{}"
    kind: _Kind = "words"
    length: int | None = None


PLAIN = Form()
"""Letters that tell values apart, then words."""

FORMS = (
    Form("{}", "lower"),
    Form("{}@example.invalid", "lower"),
    Form("https://example.invalid/{}", "lower"),
    Form("{}", "upper"),
    Form("{}", "digits"),
    Form("+{}", "digits"),
    Form("a{}", "digits"),
    Form("A{}", "digits"),
    Form("A-{}", "digits"),
    *(Form("{}", kind, length) for length in (2, 3, 4, 5, 6, 8, 10, 12) for kind in _KINDS),
    Form("20{}-06-15", "digits", 2),
    Form("20{}-06", "digits", 2),
    Form("15.06.20{}", "digits", 2),
    Form("15/06/20{}", "digits", 2),
    Form("https://example.invalid", "lower"),
    Form("[]", "lower"),
    Form("", "lower"),
)
"""For conditions that want a form; the first that enough rows pass with is taken."""


def ranked(
    column: Column,
    rank: str,
    shape: ColumnShape | None,
    hints: Hints,
    distinct: int,
    labels: tuple[str, ...],
    form: Form = PLAIN,
) -> str:
    """Return the expression of a value of any type without a scale.

    Args:
        column: to fill.
        rank: of the value: equal ranks have equal values.
        shape: for its width; None where it is not known.
        hints: for lengths.
        distinct: how many ranks there are.
        labels: of the enum an array holds.
        form: of a text.
    """
    salt = salt_of(column.name)
    width = max((shape.average_bytes if shape else _UNKNOWN_WIDTH) - _HEADER, 1)
    base = column.base_type
    if column.type_category == "A":
        return _array(column, rank, shape, labels, salt)
    if base in TEXTS:
        longest = min((n for n in (column.length, hints.longest(column.name)) if n is not None), default=None)
        shortest = hints.shortest(column.name)
        if form == PLAIN:
            value = text(rank, width, distinct, longest, shortest, salt)
        else:
            value = _formed(rank, distinct, longest, salt, form)
        return f"({value})::{_kind(column)}"
    if column.type_kind in ("r", "m"):
        return _range(column, base)
    return _by_type(column, base, rank, width, salt, hints)


def text(rank: str, width: int, distinct: int, longest: int | None, shortest: int, salt: int) -> str:
    """Return a text of about so many characters: letters that tell ranks apart, then plain words.

    Args:
        rank: of the value.
        width: characters on average.
        distinct: how many ranks there are.
        longest: characters that fit; None for any number.
        shortest: characters there have to be.
        salt: of the column.
    """
    code = digits_for(distinct)
    if longest is not None:
        code = min(code, longest)
    code = max(code, min(shortest, _LONGEST_CODE)) if width <= _LONGEST_CODE else code
    letter = letters(rank, min(code, 15), salt)
    most = longest if longest is not None else 10**9
    if max(width, shortest) <= code + 2 or most <= code + 2:
        return letter if shortest <= code else f"rpad({letter}, {shortest}, 'a')"
    low = max(width // 2, shortest, code + 2)
    high = min(max(width * 3 // 2, low), most)
    cut = f"({low} + floor({uniform(rank, salt)} * {high - low + 1}))::int"
    start = f"(1 + ({hashed(rank, salt + 1)} & {_STARTS - 1})::int)"
    # Of bytes a part is cut at once; of characters those before it would be counted. The last letter is no space.
    words = f"encode(substr({_filler(high)}, {start}, {cut} - {code + 2}), 'escape')"
    made = f"({letter} || ' ' || {words} || 'e')"
    return f"rpad({made}, {shortest}, 'a')" if shortest > low else made


def _filler(longest: int) -> str:
    times = (longest + _STARTS) // FILLER_LENGTH + 1
    return f"{literal(FILLER)}::bytea" if times == 1 else f"repeat({literal(FILLER)}, {times})::bytea"


def _formed(rank: str, distinct: int, longest: int | None, salt: int, form: Form) -> str:
    room = (longest - len(form.template) + 2) if longest is not None else 15
    length = form.length or max(min(digits_for(distinct), room, 15), 1)
    if form.kind == "digits":
        part = f"lpad((({rank}) % {10**length})::text, {length}, '0')"
    else:
        part = letters(rank, min(length, 15), salt)
        part = f"upper({part})" if form.kind == "upper" else part
    before, _, after = form.template.partition("{}")
    if "{}" not in form.template:
        return literal(form.template)
    return f"({literal(before)} || {part} || {literal(after)})" if before or after else part


def _kind(column: Column) -> str:
    return (
        f"pg_catalog.{column.base_type}"
        if column.type_kind == "d" and column.base_type != "citext"
        else ("text" if column.type_kind == "d" else column.type)
    )


def _array(column: Column, rank: str, shape: ColumnShape | None, labels: tuple[str, ...], salt: int) -> str:
    count = max(round(shape.elements if shape else 3.0), 1)
    frequencies = shape.element_frequencies if shape else ()
    kinds = max(len(frequencies), 8)
    element = column.element_type or "text"
    # The square of a draw prefers the first ones, as the elements of most arrays do.
    which = f"floor(power({uniform(f'({rank}) * 64 + j', salt)}, 2) * {len(labels) or kinds})::bigint"
    if labels:
        list_ = "ARRAY[" + ", ".join(map(literal, labels)) + "]"
        value = f"({list_})[1 + {which}]"
    elif element in TEXTS:
        value = letters(which, 3, salt) if element != "name" else f"{letters(which, 3, salt)}::name"
    elif element in ("int2", "int4", "int8", "numeric", "float4", "float8", "oid"):
        value = f"(1 + {which})"
    elif element == "uuid":
        value = f"md5(({which})::text)::uuid"
    elif element in ("date", "timestamp", "timestamptz"):
        value = f"(current_date - ({which})::int)"
    elif element == "bool":
        value = f"({which} % 2 = 0)"
    else:
        return f"'{{}}'::{column.type}"
    many = f"(1 + ({hashed(rank, salt + 2)} % {max(2 * count - 1, 1)}))"
    return f"(ARRAY(SELECT {value} FROM generate_series(1, {many}) j))::text::{column.type}"


def _range(column: Column, base: str) -> str:
    """Ranges that do not overlap, for what excludes those that do."""
    base = base.removesuffix("multirange") + "range" if base.endswith("multirange") else base
    steps = {
        "int4range": f"int4range((2 * {ROW})::int, (2 * {ROW} + 1)::int)",
        "int8range": f"int8range(2 * {ROW}, 2 * {ROW} + 1)",
        "numrange": f"numrange(2 * {ROW}, 2 * {ROW} + 1)",
        "daterange": f"daterange(date '2020-01-01' + (2 * {ROW})::int, date '2020-01-01' + (2 * {ROW} + 1)::int)",
        "tsrange": f"tsrange(timestamp '2020-01-01' + {ROW} * interval '2 min',"
        f" timestamp '2020-01-01' + ({ROW} * 2 + 1) * interval '1 min')",
        "tstzrange": f"tstzrange(timestamptz '2020-01-01Z' + {ROW} * interval '2 min',"
        f" timestamptz '2020-01-01Z' + ({ROW} * 2 + 1) * interval '1 min')",
    }
    value = steps.get(base, "'empty'" if column.type_kind == "r" else "'{}'")
    if column.type_kind == "m" and base in steps:
        value = f"'{{' || ({value})::text || '}}'"
    return f"({value})::{column.type}" if column.type_kind != "d" else value


def _by_type(column: Column, base: str, rank: str, width: int, salt: int, hints: Hints) -> str:
    digest = f"md5(({rank})::text || '-{salt}')"
    kind = column.type if column.type_kind != "d" else f"pg_catalog.{base}"
    limited = kind if "(" in kind else kind + "(8)"
    values = {
        "uuid": f"{digest}::uuid",
        "bytea": f"substring(decode(repeat({digest}, {width // 16 + 1}), 'hex'), 1, {max(width, 4)})",
        "inet": f"('10.0.0.0'::inet + ({rank}) % 16777216)",
        "cidr": f"('10.0.0.0'::inet + ({rank}) % 16777216)::cidr",
        "macaddr": f"('020000' || lpad(to_hex(({rank}) % 16777216), 6, '0'))::macaddr",
        "macaddr8": f"('0200000000' || lpad(to_hex(({rank}) % 16777216), 6, '0'))::macaddr8",
        "bit": f"(({rank}) & 2147483647)::{kind}",
        "varbit": f"((({rank}) & 255)::bit(8))::varbit::{limited}",
        "json": _document(rank, width, salt, hints.json_kind(column.name), "json"),
        "jsonb": _document(rank, width, salt, hints.json_kind(column.name), "jsonb"),
        "xml": f"('<a>' || ({rank}) || '</a>')::xml",
        "tsvector": f"to_tsvector('simple'::regconfig, {text(rank, max(width // 2, 4), 1000, None, 0, salt)})",
        "tsquery": f"plainto_tsquery('simple'::regconfig, {letters(rank, 4, salt)})",
        "point": f"point(({rank})::float8, 1)",
        "lseg": f"lseg(point(0, 0), point(({rank})::float8, 1))",
        "box": f"box(point(0, 0), point(({rank})::float8, 1))",
        "line": f"line(point(0, 0), point(({rank} + 1)::float8, 1))",
        "circle": f"circle(point(({rank})::float8, 0), 1)",
        "path": f"('[(0,0),(' || ({rank}) || ',1)]')::path",
        "polygon": f"polygon(box(point(0, 0), point(({rank})::float8, 1)))",
        "oid": f"(({rank}) & 2147483647)::oid",
        "pg_lsn": f"('0/' || to_hex(({rank}) & 2147483647))::pg_lsn",
        "hstore": f"('\"a\"=>\"' || ({rank}) || '\"')::{column.type}",
        "ltree": f"('a' || ({rank}))::{column.type}",
    }
    return values.get(base, f"NULL::{column.type}")


def _document(rank: str, width: int, salt: int, kind: str | None, base: str) -> str:
    """A document of one kind, with nothing in it that the source's have."""
    words = text(rank, max(width - 16, 4), 10**6, None, 0, salt)
    if kind == "array":
        return f"{base}_build_array({words})"
    if kind == "string":
        return f"to_{base}({words})"
    if kind == "number":
        return f"to_{base}({rank})"
    if kind == "boolean":
        return f"to_{base}(({rank}) % 2 = 0)"
    if width < 12:
        return f"'{{}}'::{base}"
    return f"{base}_build_object('n', {rank}, 'text', {words})"
