"""New objects under the names that the project's models would give them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from pgproof.facts.project.child import Project, ask_project
from pgproof.migration.name_objects import Around, Names, NewObject, ToName, kind_of
from pgproof.remedy.constraints import AddForeignKey
from pgproof.remedy.indexes import CreateIndex, CreatePartitionedIndex
from pgproof.remedy.names import quoted
from pgproof.remedy.operation import Operation
from pgproof.remedy.plan_values import Wanted

_DEFAULT_SCHEMA = "public"


@dataclass(frozen=True)
class NamedByModels:
    """What findings want, under the names of the models.

    Attributes:
        around: what the models' conventions add to names, for the patch of the models.
    """

    wanted: tuple[Wanted, ...]
    around: tuple[Around, ...] = ()


def named_by_models(wanted: Sequence[Wanted], project: Project, models: tuple[str, ...]) -> NamedByModels:
    """Return what findings want, named by the naming convention of the models' MetaData, where it has one.

    Args:
        wanted: with pgproof's own names.
        project: of the models.
        models: by name; with none the names stay.

    Raises:
        PgproofError: the models cannot be imported.
    """
    objects = [(operation, each) for one in wanted for operation in one.operations for each in _objects(operation)]
    if not models or not objects:
        return NamedByModels(tuple(wanted))
    with tempfile.TemporaryDirectory(prefix="pgproof-") as folder:
        file = Path(folder) / "request.json"
        request = ToName(models, _DEFAULT_SCHEMA, tuple(each for _, each in objects))
        file.write_bytes(TypeAdapter(ToName).dump_json(request))
        told = ask_project(project, "names", (str(file),), Names)
    named = zip(objects, told.names, strict=True)
    by_operation = {operation: name for (operation, _), name in named if name is not None}
    renamed = tuple(
        replace(one, operations=tuple(_named(operation, by_operation) for operation in one.operations))
        for one in wanted
    )
    return NamedByModels(renamed, told.around)


def _named(operation: Operation, names: dict[Operation, str]) -> Operation:
    name = names.get(operation)
    return operation if name is None else replace(operation, name=name)  # type: ignore[call-arg]


def _objects(operation: Operation) -> Iterator[NewObject]:
    kind = kind_of(operation)
    if kind is None:
        return
    schema, table, name = (str(getattr(operation, part)) for part in ("schema", "table", "name"))
    referenced: tuple[str, str, tuple[str, ...]] | None = None
    columns: tuple[str, ...] = getattr(operation, "columns", ())
    if isinstance(operation, CreateIndex | CreatePartitionedIndex):
        columns = tuple(key[1:-1].replace('""', '"') for key in operation.keys)
        # A unique index is an index to SQLAlchemy; one over expressions has no column to be named after.
        if tuple(quoted(column) for column in columns) != operation.keys:
            return
    if isinstance(operation, AddForeignKey):
        referenced = (operation.referenced_schema, operation.referenced_table, operation.referenced_columns)
    yield NewObject(kind, schema, table, columns, name.partition(f"_{table}_")[2] or name, referenced)
