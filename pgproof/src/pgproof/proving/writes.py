"""Single-row writes that any table takes: copies of rows it has, and updates that change nothing.

A copy is of one row, with columns of another one where a unique rule over several columns would refuse it otherwise:
each value is one that the column, its checks and its foreign key accept already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from pgproof.errors import PgproofError
from pgproof.facts.catalog import QualifiedName, Table
from pgproof.proof.measuring import TIMING, open_session
from pgproof.proof.timing import TimedStatement, time_pairs
from pgproof.remedy.names import quoted

_KEYS = 40
_ITERATIONS = 3
_FEWEST = 5
"""Copies that both sides accept; fewer tell nothing of a rate."""

Parameters = Mapping[str, object]
Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class WriteRates:
    """Single-row INSERTs into a table, one after another on one connection, without their commits.

    Attributes:
        before_rows_per_s: one by the median call.
        after_rows_per_s: the same after the migration.
        noise: as in `PairedTiming`.
    """

    table: QualifiedName
    before_rows_per_s: float
    after_rows_per_s: float
    noise: float


def insert_of_copy(table: Table, after: Table) -> str | None:
    """Return the INSERT of a copy of a row in psycopg's style; None where the table has no primary key.

    Its parameters are those of `row_keys`.

    Args:
        table: as it was.
        after: as it is, in case that columns went or unique rules came.
    """
    if table.primary_key is None:
        return None
    key, kept = table.primary_key.columns, {column.name for column in after.columns}
    columns = [
        column.name
        for column in table.columns
        if column.name in kept
        and column.generated is None
        and column.identity is None
        and not (column.name in key and column.has_default)
    ]
    if not columns:
        return None
    together = {name for each in after.foreign_keys if len(each.columns) > 1 for name in each.columns}
    swapped = {
        max(unique, key=[column.name for column in table.columns].index)
        for unique in after.unique_column_sets
        if len(unique) > 1 and unique <= {column.name for column in table.columns}
    } - together
    chosen = ", ".join(f"{'b' if name in swapped else 'a'}.{in_psycopg(name)}" for name in columns)
    target, listed = in_psycopg(table.schema, table.name), ", ".join(in_psycopg(name) for name in columns)
    rows = " AND ".join(
        f"{alias}.{in_psycopg(name)} = %({alias}{number})s" for alias in "ab" for number, name in enumerate(key, 1)
    )
    return (
        f"INSERT INTO {target} ({listed}) SELECT {chosen} FROM {target} a, {target} b WHERE {rows} "  # noqa: S608
        "ON CONFLICT DO NOTHING"
    )


def update_of_nothing(table: Table) -> str | None:
    """Return an UPDATE by key that sets a column to itself; None without a primary key or another column."""
    if table.primary_key is None:
        return None
    key = table.primary_key.columns
    column = next((each.name for each in table.columns if each.name not in key and each.generated is None), None)
    if column is None:
        return None
    name, target = in_psycopg(column), in_psycopg(table.schema, table.name)
    return f"UPDATE {target} SET {name} = {name} WHERE {row_condition(key)}"  # noqa: S608


def row_condition(key: Sequence[str]) -> str:
    """Return the condition that a key's columns are the parameters a1, a2 ... of `row_keys`."""
    return " AND ".join(f"{in_psycopg(name)} = %(a{number})s" for number, name in enumerate(key, 1))


def in_psycopg(*parts: str) -> str:
    """Return a quoted name, qualified or not, for a statement in psycopg's style."""
    return quoted(*parts).replace("%", "%%")


def row_keys(connection: Connection, table: Table) -> tuple[Parameters, ...]:
    """Return keys of rows, each with that of another row: the parameters a1, a2 ... and b1, b2 ...

    Args:
        connection: to a copy.
        table: with a primary key.
    """
    assert table.primary_key is not None
    columns = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in table.primary_key.columns)
    share = min(100.0, 100.0 * 4 * _KEYS / max(table.estimated_rows or 1, 1))
    statement = sql.SQL("SELECT {} FROM {} TABLESAMPLE BERNOULLI ({}) REPEATABLE (2) LIMIT {}").format(
        columns, sql.Identifier(table.schema, table.name), sql.Literal(share), sql.Literal(2 * _KEYS)
    )
    rows = connection.execute(statement).fetchall()
    half = len(rows) // 2
    return tuple(
        {f"{alias}{number}": value for alias, row in (("a", one), ("b", other)) for number, value in enumerate(row, 1)}
        for one, other in zip(rows[:half], rows[half:], strict=False)
    )


def measure_writes(before_url: str, after_url: str, tables: Sequence[tuple[Table, Table]]) -> tuple[WriteRates, ...]:
    """Return the rates of single-row INSERTs before and after; a table that takes none is left out.

    Args:
        before_url: a copy as it was.
        after_url: a copy that was migrated.
        tables: each as it was and as it is.
    """
    found = []
    for table, after in tables:
        statement = insert_of_copy(table, after)
        if statement is None:
            continue
        try:
            accepted = _accepted((before_url, after_url), table, statement)
            if len(accepted) < _FEWEST:
                continue
            timed = TimedStatement(str(table.qualified_name), statement, accepted)
            (timing,) = time_pairs(before_url, after_url, [(timed, timed)], iterations=_ITERATIONS)
        except (psycopg.Error, PgproofError):
            # What a trigger refuses, say, is no rate; that the application's own writes still run is shown under load.
            continue
        found.append(
            WriteRates(
                table.qualified_name, 1000 / timing.before.median_ms, 1000 / timing.after.median_ms, timing.noise
            )
        )
    return tuple(found)


def _accepted(urls: tuple[str, str], table: Table, statement: str) -> tuple[Parameters, ...]:
    """Return the keys whose copies both sides insert."""
    with open_session(urls[0], TIMING) as one, open_session(urls[1], TIMING) as other:
        kept = []
        for parameters in row_keys(one, table):
            inserted = []
            for session in (one, other):
                with session.transaction(force_rollback=True):
                    inserted.append(session.execute(statement.encode(), parameters).rowcount)
            if inserted == [1, 1]:
                kept.append(parameters)
        return tuple(kept)
