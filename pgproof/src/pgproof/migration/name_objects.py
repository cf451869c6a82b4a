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
from pgproof.remedy.constraints import AddCheck, AddForeignKey, AddPrimaryKey, AddUnique
from pgproof.remedy.indexes import CreateIndex, CreatePartitionedIndex
from pgproof.remedy.operation import Operation

_WHAT = "--models"
_MARK = "pgproof_name"
Kind: TypeAlias = Literal["ix", "uq", "ck", "fk", "pk"]
"""Keys of a naming convention."""


@dataclass(frozen=True)
class NewObject:
    """What is to be named.

    Attributes:
        columns: of its table.
        name: what a convention takes for `constraint_name`: the name without kind and table.
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
class Around:
    """What a convention adds to every name that models give objects of one kind in a table.

    Attributes:
        before: the name.
        after: it.
    """

    kind: Kind
    schema: str
    table: str
    before: str
    after: str

    def inner(self, name: str) -> str | None:
        """Return the name that the models have to give for a name to come of it; None where none does."""
        fits = name.startswith(self.before) and name.endswith(self.after)
        return name[len(self.before) : len(name) - len(self.after)] or None if fits else None


@dataclass(frozen=True)
class Names:
    """The name of each object, in order; None where no convention says one.

    Attributes:
        around: of the tables of these objects, where a convention uses `constraint_name`.
    """

    names: tuple[str | None, ...]
    around: tuple[Around, ...]


_KINDS: tuple[tuple[tuple[type[Operation], ...], Kind], ...] = (
    ((CreateIndex, CreatePartitionedIndex), "ix"),
    ((AddUnique,), "uq"),
    ((AddCheck,), "ck"),
    ((AddForeignKey,), "fk"),
    ((AddPrimaryKey,), "pk"),
)


def kind_of(operation: Operation) -> Kind | None:
    """Return under which key a convention speaks of what an operation makes; None for nothing that has a name."""
    return next((kind for types, kind in _KINDS if isinstance(operation, types)), None)


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
    tables = _tables(every, request.default_schema)
    around = [each for wanted in request.objects if (each := _around(wanted, tables)) is not None]
    return Names(tuple(_name(each, tables) for each in request.objects), tuple(dict.fromkeys(around)))


def _tables(every: list[Any], default_schema: str) -> dict[tuple[str, str], Any]:
    return {
        (table.schema or default_schema, table.name): table for metadata in every for table in metadata.tables.values()
    }


def _name(wanted: NewObject, tables: dict[tuple[str, str], Any]) -> str | None:
    from sqlalchemy.dialects import postgresql

    copy = _copy_for(wanted, tables)
    if copy is None:
        return None
    dialect: Any = postgresql.dialect
    preparer = dialect().identifier_preparer
    for made in _made(wanted, copy, tables, wanted.name if _takes_name(wanted, copy) else None):
        # The name as it would be written, cut to what PostgreSQL takes.
        written = preparer.format_constraint(made)
        return str(written)[1:-1].replace('""', '"') if str(written).startswith('"') else written
    return None


def _copy_for(wanted: NewObject, tables: dict[tuple[str, str], Any]) -> Any:
    """The table that an object is of, in a MetaData of its own; None where no convention speaks of the object."""
    from sqlalchemy import MetaData

    table = tables.get((wanted.schema, wanted.table))
    if table is None or not set(wanted.columns) <= set(table.columns.keys()):
        return None
    convention = table.metadata.naming_convention
    if wanted.kind not in convention or convention == MetaData().naming_convention:
        return None
    return table.to_metadata(MetaData(naming_convention=convention))


def _takes_name(wanted: NewObject, table: Any) -> bool:
    return "constraint_name" in str(table.metadata.naming_convention[wanted.kind])


def _around(wanted: NewObject, tables: dict[tuple[str, str], Any]) -> Around | None:
    copy = _copy_for(wanted, tables)
    if copy is None or not _takes_name(wanted, copy):
        return None
    for made in _made(wanted, copy, tables, _MARK):
        before, found, after = str(made.name).partition(_MARK)
        if found:
            return Around(wanted.kind, wanted.schema, wanted.table, before, after)
    return None


def _made(wanted: NewObject, table: Any, tables: dict[tuple[str, str], Any], name: str | None) -> Iterator[Any]:
    from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, PrimaryKeyConstraint, UniqueConstraint

    columns = [table.columns[name] for name in wanted.columns]
    if wanted.kind == "ix":
        yield Index(name, *columns)
    elif wanted.kind == "uq":
        yield _added(table, UniqueConstraint(*columns, name=name))
    elif wanted.kind == "pk":
        yield _added(table, PrimaryKeyConstraint(*columns, name=name))
    elif wanted.kind == "ck":
        yield _added(table, CheckConstraint("true", name=name or wanted.name))
    elif wanted.referenced is not None:
        schema, parent_name, referenced = wanted.referenced
        parent = tables.get((schema, parent_name))
        if parent is not None:
            targets = [f"{parent.fullname}.{column}" for column in referenced]
            yield _added(table, ForeignKeyConstraint(columns, targets, name=name))


def _added(table: Any, constraint: Any) -> Any:
    table.append_constraint(constraint)
    return constraint
