"""The values of a row that a table accepts, found from its catalog alone; no value comes from the source's rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pgproof.facts.catalog import Catalog, Column
from pgproof.remedy.names import literal

_NUMBERS = ("1", "0", "5", "10", "100", "2020")
_TEXTS = ("a", "abc", "A1", "a@example.org", "2020-01", "https://example.org/a", "en", "EUR", "+41000000")
_BY_TYPE: Mapping[str, tuple[str, ...]] = {
    "bool": ("true", "false"),
    "date": ("date '2020-01-02'", "current_date", "date '2999-01-01'"),
    "timestamp": ("timestamp '2020-01-02 03:04:05'", "localtimestamp", "timestamp '2999-01-01'"),
    "timestamptz": ("timestamptz '2020-01-02 03:04:05+00'", "now()", "timestamptz '2999-01-01+00'"),
    "time": ("time '03:04:05'",),
    "timetz": ("timetz '03:04:05+00'",),
    "interval": ("interval '1 day'",),
    "json": ("'{}'", "'[]'"),
    "jsonb": ("'{}'", "'[]'"),
    "bytea": ("'\\x00'",),
    "inet": ("'192.0.2.1'",),
    "cidr": ("'192.0.2.0/24'",),
    "macaddr": ("'08:00:2b:01:02:03'",),
    "xml": ("'<a/>'",),
    "tsvector": ("''",),
    "bit": ("B'0'",),
    "varbit": ("B'0'",),
    "point": ("'(0,0)'",),
}
_TEXT_TYPES = frozenset(("text", "varchar", "bpchar", "citext", "name"))
_NUMBER_TYPES = frozenset(("int2", "int4", "int8", "numeric", "float4", "float8", "money", "oid"))


def candidates(catalog: Catalog, column: Column, number: int) -> tuple[str, ...]:
    """Return SQL of values to try for a column, most likely first; empty for a type nobody knows how to fill.

    Args:
        catalog: for the labels of enums and the types below domains.
        column: that needs a value.
        number: of the row: values that may have to differ from row to row differ by it.
    """
    if column.type_kind == "e":
        user_type = next(
            (each for each in catalog.types if (each.schema, each.name) == (column.type_schema, column.type_name)), None
        )
        return tuple(literal(label) for label in user_type.labels) if user_type else ()
    if column.type_category == "A":
        return ("'{}'",)
    if column.type_kind in ("r", "m"):
        return ("'empty'",) if column.type_kind == "r" else ("'{}'",)
    base = column.base_type
    if base in _TEXT_TYPES:
        return tuple(_fitting(column, number))
    if base in _NUMBER_TYPES:
        return (str(number), *_NUMBERS)
    if base == "uuid":
        return (f"'00000000-0000-4000-8000-{number:012d}'",)
    return _BY_TYPE.get(base, ())


def _fitting(column: Column, number: int) -> Iterator[str]:
    for text in (f"{column.name[:20]} {number}", f"{number}", *(f"{text}" for text in _TEXTS)):
        yield literal(text[: column.length] if column.length else text)


def needs_value(column: Column) -> bool:
    """Tell whether an INSERT has to name a column."""
    return column.not_null and not column.has_default and column.identity is None and column.generated is None
