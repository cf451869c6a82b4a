"""Whether PostgreSQL writes a table anew for a change of a column's type, where that is sure from the two types."""

from __future__ import annotations

import re

_TYPE = re.compile(
    r'\s*([a-z_ "]+?)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*((?:with|without) time zone)?\s*(\[\])?\s*'
)
_NAMES = {
    "int": "integer",
    "int4": "integer",
    "int8": "bigint",
    "int2": "smallint",
    "serial": "integer",
    "bigserial": "bigint",
    "character varying": "varchar",
    "character": "char",
    "bpchar": "char",
    "bool": "boolean",
    "decimal": "numeric",
    "float8": "double precision",
    "float": "double precision",
    "float4": "real",
    "timestamptz": "timestamp with time zone",
    "timestamp": "timestamp",
}
_BUILT_IN = frozenset(
    (
        "integer",
        "bigint",
        "smallint",
        "numeric",
        "real",
        "double precision",
        "boolean",
        "uuid",
        "json",
        "jsonb",
        "date",
        "bytea",
        "varchar",
        "text",
        "timestamp",
        "timestamp with time zone",
    )
)
_TEXTS = frozenset(("varchar", "text"))
_TIMES = frozenset(("timestamp", "timestamp with time zone"))
_MICROSECONDS = 6
"""Digits of a timestamp that says none."""


def rewrites(old: str, new: str) -> bool:
    """Tell whether changing one type into the other certainly rewrites the table.

    Args:
        old: as SQL or the catalog writes it.
        new: the same.
    """
    before, after = _parsed(old), _parsed(new)
    if before is None or after is None:
        return False
    (name, *sizes), (new_name, *new_sizes) = before, after
    if {name, new_name} <= _TEXTS:
        return new_name == "varchar" and _shorter(sizes[0], new_sizes[0])
    if name == new_name:
        if name == "numeric":
            return _shorter(sizes[0], new_sizes[0]) or (new_sizes[0] is not None and sizes[1] != new_sizes[1])
        return name in _TIMES and _shorter(_MICROSECONDS if sizes[0] is None else sizes[0], new_sizes[0])
    # Between the two kinds of timestamp it depends on the time zone of the session.
    return {name, new_name} <= _BUILT_IN and not {name, new_name} <= _TIMES


def _shorter(old: int | None, new: int | None) -> bool:
    """Whether a limit becomes narrower, or comes where there was none."""
    return new is not None and (old is None or new < old)


def _parsed(text: str) -> tuple[str, int | None, int | None] | None:
    found = _TYPE.fullmatch(text.lower())
    if found is None or found[5]:
        return None
    name = found[1].strip()
    if found[4] == "with time zone":
        name += " with time zone"
    name = _NAMES.get(name, name)
    first = int(found[2]) if found[2] else None
    second = int(found[3]) if found[3] else 0
    return name, first, second if name == "numeric" and first is not None else None
