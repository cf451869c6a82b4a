"""Settings under which values and definitions are read, the same wherever and whenever they are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from pgproof.facts.sql import load


@contextmanager
def pinned_reading(
    connection: psycopg.Connection[Any], *, snapshot: bool = False
) -> Iterator[psycopg.Cursor[tuple[Any, ...]]]:
    """Yield a cursor in a transaction whose settings do not depend on the session, the role or the database.

    PostgreSQL prints a definition or a value as the session's settings say (search_path, TimeZone,
    DateStyle and others), so two readings can be compared only under the same ones. The transaction, or
    the savepoint in an open transaction, is rolled back at the end: nothing else undoes a SET LOCAL.

    Args:
        connection: any connection; its row factory and settings are left as they are.
        snapshot: read everything in one REPEATABLE READ snapshot; the connection must be outside a transaction.
    """
    with connection.transaction(force_rollback=True), connection.cursor(row_factory=tuple_row) as cursor:
        if snapshot:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute(load("pinned_settings"))
        yield cursor
