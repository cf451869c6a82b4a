"""Names new objects as the project's own naming convention does, in the child: a task of `facts.project.inside`.

SQLAlchemy documentation, "Configuring Constraint Naming Conventions".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import TypeAdapter

from pgproof.facts.project.inside import named_object

_WHAT = "--models"
Kind: TypeAlias = Literal["ix", "uq", "ck", "fk", "pk"]
"""Keys of a naming convention."""


@dataclass(frozen=True)
class NewObject:
    """What is to be named.

    Attributes:
        columns: of its table.
        name: that it has without a convention, such as the `constraint_name` of a check.
        referenced: of a foreign key, schema and name of the table, and its columns.
    """

    kind: Kind
    schema: str
    table: str
    columns: tuple[str, ...]
    name: str
    referenced: tuple[str, str, tuple[str, ...]] | None = None


@dataclass(frozen=True)
class ToName:
    """Objects, and the models whose convention counts."""

    models: tuple[str, ...]
    default_schema: str
    objects: tuple[NewObject, ...]


@dataclass(frozen=True)
class Names:
    """The name of each object, in order; None where no convention says one."""

    names: tuple[str | None, ...]


def collect(request_file: str) -> Names:
    """Return the names of objects.

    Args:
        request_file: a `ToName` as JSON.

    Raises:
        PgproofError: the models cannot be imported; in one line.
    """
    from pgproof.facts.project.read_models import metadata_of

    request = TypeAdapter(ToName).validate_json(Path(request_file).read_bytes())
    every = [metadata_of(named_object(name, _WHAT), name) for name in request.models]
    return Names(tuple(_name(each, _tables(every, request.default_schema)) for each in request.objects))


def _tables(every: list[Any], default_schema: str) -> dict[tuple[str, str], Any]:
    return {
        (table.schema or default_schema, table.name): table for metadata in every for table in metadata.tables.values()
    }


def _name(wanted: NewObject, tables: dict[tuple[str, str], Any]) -> str | None:
    from sqlalchemy import MetaData
    from sqlalchemy.dialects import postgresql

    table = tables.get((wanted.schema, wanted.table))
    if table is None or not set(wanted.columns) <= set(table.columns.keys()):
        return None
    convention = table.metadata.naming_convention
    if wanted.kind not in convention or convention == MetaData().naming_convention:
        return None
    copy = table.to_metadata(MetaData(naming_convention=convention))
    dialect: Any = postgresql.dialect
    preparer = dialect().identifier_preparer
    for made in _made(wanted, copy, tables):
        # The name as it would be written, cut to what PostgreSQL takes.
        written = preparer.format_constraint(made)
        return str(written)[1:-1].replace('""', '"') if str(written).startswith('"') else written
    return None


def _made(wanted: NewObject, table: Any, tables: dict[tuple[str, str], Any]) -> Iterator[Any]:
    from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, PrimaryKeyConstraint, UniqueConstraint

    columns = [table.columns[name] for name in wanted.columns]
    if wanted.kind == "ix":
        yield Index(None, *columns)
    elif wanted.kind == "uq":
        yield _added(table, UniqueConstraint(*columns))
    elif wanted.kind == "pk":
        yield _added(table, PrimaryKeyConstraint(*columns))
    elif wanted.kind == "ck":
        yield _added(table, CheckConstraint("true", name=wanted.name))
    elif wanted.referenced is not None:
        schema, name, referenced = wanted.referenced
        parent = tables.get((schema, name))
        if parent is not None:
            yield _added(table, ForeignKeyConstraint(columns, [f"{parent.fullname}.{column}" for column in referenced]))


def _added(table: Any, constraint: Any) -> Any:
    table.append_constraint(constraint)
    return constraint
