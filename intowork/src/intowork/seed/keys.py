"""Keys and indexes of the current revision: dropped before a bulk load, built again after it, to the letter.

Building a b-tree from sorted rows costs a fraction of keeping it while rows arrive, and a foreign key checked once
for a whole table is one join instead of a lookup for each row (PostgreSQL documentation, "Populating a Database").
What is dropped is read from the catalog, so that the loader knows no revision by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files

import psycopg
from psycopg.rows import class_row

from intowork.seed.errors import LoadError


@dataclass(frozen=True)
class Constraint:
    """A primary key, a unique or exclusion constraint, or a foreign key; names are quoted where they need it."""

    is_foreign_key: bool
    table_name: str
    name: str
    definition: str
    comment: str | None
    index_name: str | None
    index_comment: str | None


@dataclass(frozen=True)
class Index:
    """An index that no constraint owns."""

    name: str
    definition: str
    is_valid: bool
    comment: str | None


@dataclass(frozen=True)
class Keys:
    """All that a bulk load drops and builds again, in the order in which it is built."""

    constraints: tuple[Constraint, ...]
    indexes: tuple[Index, ...]

    def drop_statements(self) -> Iterator[str]:
        """The statements that drop everything, foreign keys before the keys they need."""
        for constraint in sorted(self.constraints, key=lambda c: not c.is_foreign_key):
            yield f"ALTER TABLE {constraint.table_name} DROP CONSTRAINT {constraint.name}"
        for index in self.indexes:
            yield f"DROP INDEX {index.name}"

    def index_statements(self) -> Iterator[str]:
        """The statements that build primary keys, unique constraints and plain indexes again."""
        for constraint in self.constraints:
            if not constraint.is_foreign_key:
                yield from _constraint_statements(constraint)
        for index in self.indexes:
            yield index.definition
            if index.comment is not None:
                yield f"COMMENT ON INDEX {index.name} IS {_literal(index.comment)}"

    def foreign_key_statements(self) -> Iterator[str]:
        """The statements that add the foreign keys again, each validated as it was."""
        for constraint in self.constraints:
            if constraint.is_foreign_key:
                yield from _constraint_statements(constraint)


def _constraint_statements(constraint: Constraint) -> Iterator[str]:
    yield f"ALTER TABLE {constraint.table_name} ADD CONSTRAINT {constraint.name} {constraint.definition}"
    if constraint.comment is not None:
        on = f"{constraint.name} ON {constraint.table_name}"
        yield f"COMMENT ON CONSTRAINT {on} IS {_literal(constraint.comment)}"
    if constraint.index_comment is not None:
        yield f"COMMENT ON INDEX {constraint.index_name} IS {_literal(constraint.index_comment)}"


def _literal(text: str) -> str:
    return psycopg.sql.Literal(text).as_string(None)


def query(name: str) -> bytes:
    """The text of one of this package's SQL files."""
    return files("intowork.seed").joinpath("queries", f"{name}.sql").read_bytes()


def read_keys(connection: psycopg.Connection, tables: Sequence[str]) -> Keys:
    """Reads keys and indexes of the tables from the catalog.

    Raises:
        LoadError: An index is invalid; building it again would hide that a migration was interrupted.
    """
    parameters = {"tables": list(tables)}
    with connection.cursor(row_factory=class_row(Constraint)) as cursor:
        constraints = tuple(cursor.execute(query("constraints"), parameters))
    with connection.cursor(row_factory=class_row(Index)) as cursor:
        indexes = tuple(cursor.execute(query("indexes"), parameters))
    for index in indexes:
        if not index.is_valid:
            raise LoadError(
                f"the index {index.name} is invalid, so its build was interrupted: "
                "run `intowork migrate`, then load again"
            )
    return Keys(constraints, indexes)


def faults_possible(connection: psycopg.Connection) -> bool:
    """Whether the schema still lets duplicates in, as it does at phase 2."""
    row = connection.execute(query("faults_possible")).fetchone()
    return bool(row and row[0])
