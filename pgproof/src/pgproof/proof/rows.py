"""Digests of the rows of each table: what a migration must neither lose nor change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from pgproof.errors import PgproofError
from pgproof.facts.sql import load
from pgproof.proof.reading import pinned_reading


@dataclass(frozen=True)
class TableRows:
    """The rows of one table.

    Attributes:
        schema: the table's schema.
        table: the table's name; a partitioned table stands for all its partitions.
        rows: their number.
        digest: SHA-256 of the columns' names, the number of rows and the sum of their hashes: the same for
            the same rows in any order, with the columns in any order.
    """

    schema: str
    table: str
    rows: int
    digest: str


def hash_rows(
    connection: psycopg.Connection[Any],
    *,
    schemas: Sequence[str] = ("public",),
    exclude: Sequence[str] = (),
    exclude_columns: Sequence[str] = (),
) -> tuple[TableRows, ...]:
    """Hash every table on the server, one statement for each, all in one snapshot.

    Each row's text is hashed to 64 bits (`hashtextextended`) and the hashes are added up, so that a value
    moved from one row to another is seen although no column holds anything new; different rows have the same
    sum with a probability of 2^-64. The text is the one PostgreSQL prints, under pinned settings: 1.0 and
    1.00 differ, as do -0 and 0.

    Args:
        connection: an open connection outside a transaction.
        schemas: the schemas whose tables are hashed.
        exclude: qualified table names, unquoted, such as `public.alembic_version`.
        exclude_columns: qualified column names, unquoted, such as `public.users.updated_at`.

    Returns:
        The tables, ordered by schema and name.

    Raises:
        PgproofError: the connection is inside a transaction, whose snapshot may change between two tables.
    """
    if connection.info.transaction_status != TransactionStatus.IDLE:
        raise PgproofError(
            "The rows were not hashed: the connection is inside a transaction; commit or roll back first"
        )
    with pinned_reading(connection, snapshot=True) as cursor:
        tables = cursor.execute(
            load("rows/tables"),
            {
                "schemas": list(schemas),
                "exclude": list(exclude),
                "exclude_columns": list(exclude_columns),
            },
        ).fetchall()
        return tuple(
            _hash_table(cursor, schema, table, partitioned, columns) for schema, table, partitioned, columns in tables
        )


def _hash_table(
    cursor: psycopg.Cursor[tuple[Any, ...]],
    schema: str,
    table: str,
    partitioned: bool,
    columns: Sequence[str],
) -> TableRows:
    qualified = sql.Identifier(schema, table)
    statement = sql.SQL(load("rows/hash")).format(
        columns=sql.SQL(", ").join(sql.Identifier("t", column) for column in columns),
        table=qualified if partitioned else sql.SQL("ONLY {}").format(qualified),
    )
    [(rows, total)] = cursor.execute(statement).fetchall()
    text = json.dumps([columns, rows, str(total)])
    return TableRows(schema, table, rows, hashlib.sha256(text.encode()).hexdigest())
