"""The tables of the models beside those of the database: which is which, and how a finding shows what was read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgproof.facts.catalog import Column, QualifiedName, Table
from pgproof.facts.model import Facts
from pgproof.facts.models import ColumnName, MappedClass, ModelColumn, ModelTable, TableName
from pgproof.rules.finding import Evidence
from pgproof.rules.search_path import schemas


@dataclass(frozen=True)
class Modelled:
    """A table of the models and the one of the database that it stands for."""

    model: ModelTable
    table: Table

    def columns(self) -> Iterator[tuple[ModelColumn, Column]]:
        """Yield each column that both have."""
        own = {column.name: column for column in self.table.columns}
        for column in self.model.columns:
            if column.name in own:
                yield column, own[column.name]


def modelled_tables(facts: Facts) -> Iterator[Modelled]:
    """Yield each table of the models that is a table of the database; nothing without models."""
    for model in facts.models.tables if facts.models is not None else ():
        table = table_of(facts, model.name)
        if table is not None and table.kind in ("table", "partitioned table"):
            yield Modelled(model, table)


def table_of(facts: Facts, name: TableName) -> Table | None:
    """Return the relation that the models mean by a name; one without a schema is the first of the search path."""
    for schema in search_path(facts) if name.schema is None else (name.schema,):
        table = facts.catalog.named(QualifiedName(schema, name.name))
        if table is not None:
            return table
    return None


def search_path(facts: Facts) -> tuple[str, ...]:
    """Return the schemas along which a new session finds a table: the database's, then those of single roles.

    Whose session the application's is, is not known, so neither is the schema named after its role.
    """
    setting = facts.server.setting("search_path")
    value = setting.value if setting is not None else None
    of_roles = (each.value for each in facts.server.role_settings if each.name == "search_path")
    paths = (value or "public", *of_roles)
    return tuple(dict.fromkeys(name for path in paths for name in schemas(path) if name != "$user"))


def mapped_classes(facts: Facts) -> tuple[MappedClass, ...]:
    """Return the classes of the models; none without models."""
    return facts.models.classes if facts.models is not None else ()


def classes_of(facts: Facts, model: ModelTable) -> tuple[MappedClass, ...]:
    """Return the classes whose rows are in a table of the models."""
    return tuple(each for each in mapped_classes(facts) if each.table == model.name)


def classes_without(facts: Facts, model: ModelTable, column: str) -> tuple[MappedClass, ...]:
    """Return the classes of a hierarchy in one table that write rows and do not have a column which another has."""
    name = ColumnName(model.name, column)
    classes = classes_of(facts, model)
    without = tuple(each for each in classes if not any(name in attribute.columns for attribute in each.attributes))
    if len(without) == len(classes):
        return ()
    return tuple(each for each in without if each.identity is not None and not each.abstract)


def written(model: ModelTable, result: str, *columns: str) -> Evidence:
    """Return what the models say as evidence: where it is written, and what stands there."""
    where = model.location_of(*columns)
    return Evidence("models", str(where) if where is not None else f"the table {model.name}", result)
