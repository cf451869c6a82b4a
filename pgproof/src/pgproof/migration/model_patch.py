"""What a plan changes, said in the models too: a unified diff of their files, and in words what cannot be edited."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pgproof.facts.models import ModelColumn, ModelIndex, Models, ModelTable, TableName
from pgproof.migration.model_source import ModelSource
from pgproof.migration.model_words import SqlText, in_words, key_of, object_parts
from pgproof.migration.name_objects import Around, kind_of
from pgproof.migration.python_text import literal
from pgproof.remedy import defaults, settings
from pgproof.remedy.column_types import ChangeType
from pgproof.remedy.constraints import (
    AddCheck,
    AddForeignKey,
    AddPrimaryKey,
    AddUnique,
    DropConstraint,
    DropForeignKey,
    ReplaceForeignKey,
    SetNotNull,
)
from pgproof.remedy.deferral import MakeDeferrable
from pgproof.remedy.indexes import CreateIndex, CreatePartitionedIndex, DropIndex
from pgproof.remedy.operation import Operation
from pgproof.remedy.plan_values import Step

Node = ast.ClassDef | ast.Call


@dataclass(frozen=True)
class ModelPatch:
    """What to change in the models.

    Attributes:
        diff: to apply with `patch -p1` or `git apply` in the project's folder; empty where nothing can be edited.
        by_hand: what people have to write themselves, a line each.
    """

    diff: str
    by_hand: tuple[str, ...]


def model_patch(
    steps: Iterable[Step],
    models: Models | None,
    root: Path,
    default_schema: str = "public",
    around: Iterable[Around] = (),
) -> ModelPatch:
    """Return the patch of the models that says what steps change.

    Args:
        steps: of a plan.
        models: as they are; None where none are given, so that all is said in words.
        root: the project's folder, to which the files of the models are relative.
        default_schema: where tables of the models without a schema are.
        around: what naming conventions add to the names that the models give.
    """
    patching = _Patching(models, root, default_schema, around)
    for step in steps:
        patching.add(step.operation)
    return patching.result()


class _Patching:
    def __init__(self, models: Models | None, root: Path, default_schema: str, around: Iterable[Around]) -> None:
        self._root = root
        self._around = {(each.kind, each.schema, each.table): each for each in around}
        self._default = default_schema
        self._tables = {
            (table.name.schema or default_schema, table.name.name): table for table in (models.tables if models else ())
        }
        self._sources: dict[str, ModelSource | None] = {}
        self._by_hand: list[str] = []

    def add(self, operation: Operation) -> None:
        """Edit what an operation changes, or say it in words."""
        change = _changes(operation)
        if change is None:
            return
        schema, table = change
        kind = kind_of(operation)
        around = self._around.get((kind, schema, table)) if kind is not None else None
        if around is not None:
            inner = around.inner(getattr(operation, "name", ""))
            if inner is None:
                self._say(operation, schema, table, "its name inside of conv(): the naming convention would add to it")
                return
            operation = replace(operation, name=inner)  # type: ignore[call-arg]
        model = self._tables.get((schema, table))
        if model is None:
            self._say(operation, schema, table, "no model has this table" if self._tables else "")
            return
        source = self._source(model)
        node = source.table(model.location.line) if source is not None and model.location is not None else None
        if source is None or node is None:
            self._say(operation, schema, table, "where it is written was not found")
        elif not self._edit(source, node, model, operation):
            self._say(operation, schema, table, "its source cannot be edited safely")

    def result(self) -> ModelPatch:
        """Return the diff of all files and what is left."""
        parts: list[str] = []
        for file, source in self._sources.items():
            if source is None:
                continue
            try:
                after = source.edited()
            except SyntaxError:
                self._by_hand.append(f"{file}: the changes do not fit together, so it was left alone")
                continue
            parts += _diff(file, source.text, after)
        return ModelPatch("".join(parts), tuple(self._by_hand))

    def _source(self, model: ModelTable) -> ModelSource | None:
        if model.location is None:
            return None
        file = model.location.file
        if file not in self._sources:
            try:
                # As bytes, so that line ends stay what they are.
                text = (self._root / file).read_bytes().decode("utf-8")
                self._sources[file] = ModelSource(file, text) if not Path(file).is_absolute() else None
            except (OSError, UnicodeDecodeError, SyntaxError):
                self._sources[file] = None
        return self._sources[file]

    def _say(self, operation: Operation, schema: str, table: str, why: str) -> None:
        for line in in_words(operation):
            self._by_hand.append(f"{schema}.{table}: {line}{f' ({why})' if why else ''}")

    def _edit(self, source: ModelSource, node: Node, model: ModelTable, operation: Operation) -> bool:
        if isinstance(operation, DropIndex):
            return _drop_index(source, node, model, operation.name)
        if isinstance(operation, DropConstraint):
            return _drop_unique(source, node, model, operation.name)
        if isinstance(operation, SetNotNull):
            column = model.column(operation.column)
            if column is not None and not column.nullable:
                return True
            return _set(source, node, operation.column, "nullable", "False")
        if isinstance(operation, defaults.SetDefault | settings.SetDefault):
            found = source.column(node, operation.column)
            value = _code(source, SqlText(operation.default)) if found is not None else ""
            return found is not None and source.set_argument(found, "server_default", value)
        if isinstance(operation, AddPrimaryKey):
            return all(
                _iskey_of(model, name) or _set(source, node, name, "primary_key", "True") for name in operation.columns
            )
        if isinstance(operation, ReplaceForeignKey):
            return _act(source, node, model, operation.new)
        if isinstance(operation, MakeDeferrable):
            return False
        if isinstance(operation, ChangeType):
            return _has_type(model, operation)
        if _is_there(model, operation):
            return True
        if isinstance(operation, AddForeignKey) and self._joins_twice(model, operation):
            return False
        if isinstance(node, ast.ClassDef) and model.name.schema is not None and not source.has_table_args(node):
            # The schema comes from elsewhere, perhaps from the __table_args__ of a base, which would no longer count.
            return False
        written = self._object(source, operation)
        return written is not None and source.add_object(node, written)

    def _joins_twice(self, model: ModelTable, key: AddForeignKey) -> bool:
        """Whether two tables would be joined in two ways, so that a relationship has to say which one it takes.

        A table that no model has cannot be referred to either.
        """
        other = self._tables.get((key.referenced_schema, key.referenced_table))
        if other is None:
            return True
        return any(each.referenced == other.name for each in model.constraints) or any(
            each.referenced == model.name for each in other.constraints
        )

    def _object(self, source: ModelSource, operation: Operation) -> str | None:
        """An index or a constraint as the models write it."""
        parts = object_parts(operation, self._reference)
        if parts is None:
            return None
        name, positional, keywords = parts
        rendered = [_code(source, each) for each in positional]
        rendered += [f"{key}={_code(source, value)}" for key, value in keywords.items()]
        return f"{source.needs(name)}({', '.join(rendered)})"

    def _reference(self, key: AddForeignKey) -> list[str]:
        """The columns that a foreign key refers to, as the models name their table."""
        model = self._tables.get((key.referenced_schema, key.referenced_table))
        if model is not None:
            schema = model.name.schema
        else:
            schema = None if key.referenced_schema == self._default else key.referenced_schema
        table = TableName(schema, key.referenced_table)
        return [f"{table}.{column}" for column in key.referenced_columns]


def _code(source: ModelSource, value: object) -> str:
    if isinstance(value, SqlText):
        escaped = value.sql.replace(":", "\\:") if ":" in value.sql.replace("::", "") else value.sql
        return f"{source.needs('text')}({literal(escaped)})"
    if isinstance(value, list):
        return f"[{', '.join(_code(source, each) for each in value)}]"
    return literal(value)


def _changes(operation: Operation) -> tuple[str, str] | None:
    """Schema and table of an operation that models can say; None for one that they cannot."""
    if isinstance(operation, ReplaceForeignKey):
        return operation.new.schema, operation.new.table
    if isinstance(operation, DropForeignKey):
        return operation.key.schema, operation.key.table
    if isinstance(operation, DropIndex):
        return operation.schema, operation.table
    said = (
        CreateIndex
        | CreatePartitionedIndex
        | AddUnique
        | AddPrimaryKey
        | AddForeignKey
        | AddCheck
        | SetNotNull
        | DropConstraint
        | MakeDeferrable
        | ChangeType
        | defaults.SetDefault
        | settings.SetDefault
    )
    return (operation.schema, operation.table) if isinstance(operation, said) else None


def _set(source: ModelSource, node: Node, column: str, name: str, value: str | None) -> bool:
    found = source.column(node, column)
    return found is not None and source.set_argument(found, name, value)


def _iskey_of(model: ModelTable, name: str) -> bool:
    column = model.column(name)
    return column is not None and column.primary_key


def _has_type(model: ModelTable, operation: ChangeType) -> bool:
    """Whether the models have the new type already, as PostgreSQL's dialect writes it; how they do is for people."""
    column = model.column(operation.column)
    stated = (column.type or "").lower().replace("varchar", "character varying") if column is not None else ""
    return stated == operation.type


def _is_there(model: ModelTable, operation: Operation) -> bool:
    """Whether the models say it already, and only the database was behind."""
    if isinstance(operation, CreateIndex):
        keys = tuple(key_of(key) for key in operation.keys)
        return any(
            tuple(key.column for key in index.keys) == keys and index.unique == operation.unique and not operation.where
            for index in model.indexes
            if index.where is None
        )
    if isinstance(operation, AddUnique):
        return any(
            each.kind == "unique" and set(each.columns) == set(operation.columns) for each in model.constraints
        ) or any(
            index.unique and {key.column for key in index.keys} == set(operation.columns) and index.where is None
            for index in model.indexes
        )
    if isinstance(operation, AddForeignKey):
        return any(
            each.kind == "foreign key" and set(each.columns) == set(operation.columns) for each in model.constraints
        )
    return False


def _drop_index(source: ModelSource, node: Node, model: ModelTable, name: str) -> bool:
    index = next((each for each in model.indexes if each.name == name), None)
    if index is None:
        return True
    if source.remove_object(node, ("Index",), name):
        return True
    column = _only_column(model, index)
    found = source.column(node, column.name) if column is not None else None
    # With unique=True beside it, what is left would be another rule.
    if found is None or index.unique or not any(keyword.arg == "index" for keyword in found.keywords):
        return False
    return source.set_argument(found, "index", None)


def _only_column(model: ModelTable, index: ModelIndex) -> ModelColumn | None:
    names = [key.column for key in index.keys]
    return model.column(names[0]) if len(names) == 1 and names[0] is not None else None


def _drop_unique(source: ModelSource, node: Node, model: ModelTable, name: str) -> bool:
    constraint = next((each for each in model.constraints if each.kind == "unique" and each.name == name), None)
    if constraint is not None:
        return source.remove_object(node, ("UniqueConstraint",), name)
    # Without a name in the models PostgreSQL chose it: the same columns tell which one is meant, if one alone has them.
    return not any(each.kind == "unique" and each.name is None for each in model.constraints)


def _act(source: ModelSource, node: Node, model: ModelTable, key: AddForeignKey) -> bool:
    stated = [each for each in model.constraints if each.kind == "foreign key" and each.columns == key.columns]
    if any((each.on_delete or "no action") == key.on_delete for each in stated):
        return True
    column = source.column(node, key.columns[0]) if len(key.columns) == 1 else None
    calls = [
        each
        for each in (column.args if column is not None else ())
        if isinstance(each, ast.Call) and getattr(each.func, "attr", getattr(each.func, "id", "")) == "ForeignKey"
    ]
    value = None if key.on_delete == "no action" else literal(key.on_delete.upper())
    return len(calls) == 1 and source.set_argument(calls[0], "ondelete", value)


def _diff(file: str, before: str, after: str) -> Iterator[str]:
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{file}", f"b/{file}"
    )
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
