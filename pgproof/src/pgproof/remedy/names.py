"""Names and quoting for the SQL of operations."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

from psycopg import sql

_LONGEST = 63  # bytes of a name, NAMEDATALEN - 1


@lru_cache(maxsize=10_000)
def quoted(*parts: str) -> str:
    """Return a name, qualified or not, quoted for SQL."""
    return sql.Identifier(*parts).as_string(None)


def literal(value: object) -> str:
    """Return a constant quoted for SQL."""
    return sql.Literal(value).as_string(None)


def object_name(prefix: str, table: str, columns: Sequence[str]) -> str:
    """Return a name for a new object that fits 63 bytes, and is the same whenever it is asked for.

    Args:
        prefix: of the kind, such as `idx`, `uq`, `fk`, `ck`.
        table: its table.
        columns: its columns, in order.
    """
    name = "_".join((prefix, table, *columns))
    if len(name.encode()) <= _LONGEST:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    head = name.encode()[: _LONGEST - len(digest) - 1].decode(errors="ignore")
    return f"{head}_{digest}"
