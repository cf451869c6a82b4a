"""Makes the rows that a counter-example needs on a scratch copy, parents first, and remembers the statements."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from pgproof.facts.catalog import Catalog, Column, Constraint, QualifiedName, Table
from pgproof.remedy.names import literal, quoted
from pgproof.reproduce.row_values import candidates, needs_value

_MOST_ATTEMPTS = 200
Connection = psycopg.Connection[Any]


class NotReproducedError(Exception):
    """A row could not be made; the message says which and why."""


@dataclass(frozen=True)
class Row:
    """A row that was inserted.

    Attributes:
        statement: that made it.
        values: SQL of the value of each of its columns, as the table holds them; `NULL` where there is none.
    """

    table: QualifiedName
    statement: str
    values: Mapping[str, str]


class RowMaker:
    """Inserts valid rows into a scratch copy, each in a transaction of its own."""

    def __init__(self, connection: Connection, catalog: Catalog) -> None:
        """Take a connection in autocommit to a copy of the schema that the catalog describes."""
        self._connection = connection
        self._catalog = catalog
        self._number = itertools.count(1)
        self.made: list[Row] = []

    def insert(self, name: QualifiedName, given: Mapping[str, str] | None = None) -> Row:
        """Insert a row that the table accepts and return it; its parents are made first.

        Args:
            name: of the table.
            given: SQL of values that the row must have.

        Raises:
            NotReproducedError: no row could be found that the table accepts.
        """
        row = self.draft(name, given or {})
        self.made.append(row)
        return row

    def draft(self, name: QualifiedName, given: Mapping[str, str], *, keep: bool = True) -> Row:
        """Insert a row, or with `keep=False` only find one and roll it back."""
        table = self._catalog.named(name)
        if table is None:
            raise NotReproducedError(f"{name} is not in the catalog")
        number = next(self._number)
        values = dict(given)
        for key in table.foreign_keys:
            self._point_to_parent(table, key, values)
        choices = {
            column.name: self._choices(column, number)
            for column in table.columns
            if column.name not in values and self._wanted(table, column)
        }
        return self._first_accepted(table, values, choices, keep=keep)

    def _wanted(self, table: Table, column: Column) -> bool:
        return needs_value(column) or (
            column.generated is None
            and not column.has_default
            and column.identity is None
            and any(column.name in unique for unique in table.unique_column_sets)
        )

    def _choices(self, column: Column, number: int) -> tuple[str, ...]:
        found = candidates(self._catalog, column, number)
        return found if column.not_null or not found else (*found, "NULL")

    def _point_to_parent(self, table: Table, key: Constraint, values: dict[str, str]) -> None:
        """Make the row a required foreign key refers to, unless the values name it already."""
        if key.referenced is None or key.from_parent or any(column in values for column in key.columns):
            return
        if not any(needs_value(table.column(column)) for column in key.columns):
            return
        if key.referenced == table.oid:
            raise NotReproducedError(f"{table.qualified_name} must refer to a row of its own to have a first one")
        parent = self._catalog.table(key.referenced)
        if parent is None:
            raise NotReproducedError(f"the table that {key.name} refers to is not in the catalog")
        row = self.insert(parent.qualified_name)
        for column, referenced in zip(key.columns, key.referenced_columns, strict=True):
            values[column] = row.values[referenced]

    def _first_accepted(
        self, table: Table, fixed: Mapping[str, str], choices: Mapping[str, tuple[str, ...]], *, keep: bool
    ) -> Row:
        unknown = [name for name, values in choices.items() if not values]
        if unknown:
            types = ", ".join(f"{name} {table.column(name).type}" for name in unknown)
            raise NotReproducedError(f"nobody knows a value for {table.qualified_name} ({types})")
        reason = "nothing was tried"
        for combination in itertools.islice(_combinations(list(choices.values())), _MOST_ATTEMPTS):
            values = {**fixed, **dict(zip(choices, combination, strict=True))}
            try:
                return self._insert(table, values, keep=keep)
            except (psycopg.IntegrityError, psycopg.DataError) as error:
                reason = error.diag.message_primary or "refused"
            except psycopg.Error as error:
                raise NotReproducedError(f"{table.qualified_name}: {error.diag.message_primary or error}") from error
        raise NotReproducedError(f"{table.qualified_name} accepts no row that was tried: {reason}")

    def _insert(self, table: Table, values: Mapping[str, str], *, keep: bool) -> Row:
        statement = insert_statement(table, values)
        readable = [column.name for column in table.columns]
        returned = ", ".join(f"{quoted(name)}::text" for name in readable)
        with self._connection.transaction(force_rollback=not keep):
            found = self._connection.execute(f"{statement} RETURNING {returned}".encode()).fetchone()
        if found is None:
            raise NotReproducedError(f"a trigger of {table.qualified_name} keeps the row from being inserted")
        stored = {
            name: "NULL" if value is None else literal(value) for name, value in zip(readable, found, strict=True)
        }
        return Row(table.qualified_name, statement, stored)


def insert_statement(table: Table, values: Mapping[str, str]) -> str:
    """Return the INSERT of values given as SQL, in the order of the table's columns."""
    ordered = [column.name for column in table.columns if column.name in values]
    target = f"INSERT INTO {quoted(table.schema, table.name)}"
    if not ordered:
        return f"{target} DEFAULT VALUES"
    overriding = any(table.column(name).identity == "always" for name in ordered)
    columns = ", ".join(quoted(name) for name in ordered)
    listed = ", ".join(values[name] for name in ordered)
    return f"{target} ({columns}){' OVERRIDING SYSTEM VALUE' if overriding else ''} VALUES ({listed})"


def _combinations(choices: list[tuple[str, ...]]) -> itertools.chain[tuple[str, ...]]:
    """Yield combinations, the ones nearest to the first choice of every column first."""
    first = tuple(values[0] for values in choices)
    one_changed = (
        (*first[:position], value, *first[position + 1 :])
        for position, values in enumerate(choices)
        for value in values[1:]
    )
    return itertools.chain([first], one_changed, itertools.product(*choices))
