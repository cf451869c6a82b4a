"""Each operation as the calls that a revision makes, up and down, and the helpers they need."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import singledispatch

from pgproof.facts.catalog import Action
from pgproof.migration.python_text import Code, call, comment, identifier, text_clause
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
    ValidateConstraint,
)
from pgproof.remedy.indexes import CreateIndex, CreatePartitionedIndex, CreateStatistics, DropIndex
from pgproof.remedy.invalid_indexes import DropInvalidIndex, RebuildInvalidIndex
from pgproof.remedy.names import quoted
from pgproof.remedy.operation import Operation
from pgproof.remedy.quarantine import DROP_SCHEMA_IF_EMPTY, Aside, QuarantineAndValidate

_AT_ONCE = 1_000
"""Rows of one move, which bounds for how long they are locked."""
_JSON = comment("The values come back, and not the text as it was: its spaces, the order of its keys, repeated keys.")


@dataclass(frozen=True)
class Calls:
    """Lines of Python.

    Attributes:
        up: of the upgrade.
        down: of the downgrade.
        helpers: names of the functions' templates that the lines need.
        set_aside: of a move of rows, the name of the function in `up` that does it.
    """

    up: list[str]
    down: list[str]
    helpers: frozenset[str]
    set_aside: str | None = field(default=None)


def calls(operation: Operation, set_aside: str | None = None) -> Calls:
    """Return the calls of an operation.

    Args:
        operation: one that a revision may do.
        set_aside: name of the function that moves rows out of its way, if there is one.
    """
    if isinstance(operation, Aside):
        return _aside(operation)
    return _calls(operation, {} if set_aside is None else {"set_aside": Code(set_aside)})


@singledispatch
def _calls(operation: Operation, moving: dict[str, Code]) -> Calls:
    """One whose statements take a strong lock for a moment at most, and may be run twice."""
    up = [line for statement in operation.forward() for line in call("_do", statement)]
    down = [line for statement in operation.reverse() for line in call("_do", statement)]
    return Calls(up, down, frozenset({"simple"}))


@_calls.register
def _(operation: CreateIndex, moving: dict[str, Code]) -> Calls:
    options: dict[str, object] = {"schema": operation.schema}
    if operation.unique:
        options["unique"] = True
    if operation.method != "btree":
        options["postgresql_using"] = operation.method
    if operation.include:
        options["postgresql_include"] = list(operation.include)
    if operation.where:
        options["postgresql_where"] = text_clause(operation.where)
    index = (operation.name, operation.table, [_key(key) for key in operation.keys])
    helpers = frozenset({"index"})
    return Calls(call("_build_index", *index, **options, **moving), call("_drop_index", *index, **options), helpers)


@_calls.register
def _(operation: CreatePartitionedIndex, moving: dict[str, Code]) -> Calls:
    index = (operation.name, operation.table, [_key(key) for key in operation.keys])
    options: dict[str, object] = {"schema": operation.schema}
    if operation.where:
        options["postgresql_where"] = text_clause(operation.where)
    only, *statements = operation.forward()
    parts = [
        [part.schema, part.table, part.name, statement if part.partitioned else None, attach]
        for part, statement, attach in zip(
            operation.partitions, statements, statements[len(operation.partitions) :], strict=False
        )
    ]
    return Calls(
        call("_build_partitioned_index", *index, **options, only=only, parts=parts),
        call("_drop_partitioned_index", *index, **options),
        frozenset({"partitioned_index"}),
    )


def _key(sql: str) -> object:
    """A column by its name, or SQL."""
    name = sql[1:-1].replace('""', '"')
    return name if sql.startswith('"') and quoted(name) == sql else text_clause(sql)


@_calls.register
def _(operation: DropIndex, moving: dict[str, Code]) -> Calls:
    named = {"schema": operation.schema, "definition": operation.definition}
    return Calls(
        call("_drop_index_as_it_was", operation.name, **named),
        call("_build_index_as_it_was", operation.name, **named),
        frozenset({"index_as_it_was"}),
    )


@_calls.register
def _(operation: RebuildInvalidIndex, moving: dict[str, Code]) -> Calls:
    return Calls(
        call("_rebuild_if_invalid", operation.schema, operation.name),
        ["# Nothing: the index is as it was defined, and nobody wants it invalid again."],
        frozenset({"invalid_index"}),
    )


@_calls.register
def _(operation: DropInvalidIndex, moving: dict[str, Code]) -> Calls:
    return Calls(
        call("_drop_if_invalid", operation.schema, operation.name),
        ["# Nothing: an invalid index cannot be built, and served nobody."],
        frozenset({"invalid_index"}),
    )


@_calls.register(AddUnique)
@_calls.register(AddPrimaryKey)
def _(operation: AddUnique | AddPrimaryKey, moving: dict[str, Code]) -> Calls:
    key = (operation.key, operation.name, operation.table, list(operation.columns))
    return Calls(
        call("_add_key", *key, schema=operation.schema, **moving),
        call("_drop_key", *key, schema=operation.schema),
        frozenset({"key"}),
    )


@_calls.register
def _(operation: AddForeignKey, moving: dict[str, Code]) -> Calls:
    key = (operation.name, *_pair(operation))
    schemas = {"schema": operation.schema, "referent_schema": operation.referenced_schema}
    actions = _actions(operation)
    return Calls(
        call("_add_foreign_key", *key, **schemas, **actions, **moving),
        call("_drop_foreign_key", *key, **schemas, **actions),
        frozenset({"foreign_key"}),
    )


@_calls.register
def _(operation: DropForeignKey, moving: dict[str, Code]) -> Calls:
    added = calls(operation.key)
    return Calls(added.down, added.up, added.helpers)


@_calls.register
def _(operation: ReplaceForeignKey, moving: dict[str, Code]) -> Calls:
    old, new = operation.old, operation.new
    key = (old.name, new.name, *_pair(new))
    schemas = {"schema": new.schema, "referent_schema": new.referenced_schema}
    return Calls(
        call("_replace_foreign_key", *key, **schemas, old=_actions(old), new=_actions(new)),
        call("_replace_foreign_key", *key, **schemas, old=_actions(new), new=_actions(old)),
        frozenset({"replace_foreign_key"}),
    )


def _pair(key: AddForeignKey) -> tuple[object, ...]:
    return key.table, key.referenced_table, list(key.columns), list(key.referenced_columns)


def _actions(key: AddForeignKey) -> dict[str, str]:
    given: tuple[tuple[str, Action], ...] = (("ondelete", key.on_delete), ("onupdate", key.on_update))
    return {name: action.upper() for name, action in given if action != "no action"}


@_calls.register
def _(operation: AddCheck, moving: dict[str, Code]) -> Calls:
    condition = text_clause(operation.condition).text.removeprefix("sa.text(").removesuffix(")")
    check = (operation.name, operation.table, Code(condition))
    return Calls(
        call("_add_check", *check, schema=operation.schema),
        call("_drop_check", *check, schema=operation.schema),
        frozenset({"check"}),
    )


@_calls.register
def _(operation: ValidateConstraint, moving: dict[str, Code]) -> Calls:
    return Calls(
        call("_validate", operation.schema, operation.table, operation.name),
        call("_unvalidate", operation.schema, operation.table, operation.name),
        frozenset({"validate", "unvalidate"}),
    )


@_calls.register
def _(operation: DropConstraint, moving: dict[str, Code]) -> Calls:
    named = {"schema": operation.schema, "definition": operation.index_definition}
    deferred = operation.definition.rpartition(" DEFERRABLE")
    checked = {"checked": f"DEFERRABLE{deferred[2]}"} if deferred[1] and '"' not in deferred[2] else {}
    return Calls(
        call("_drop_unique_as_it_was", operation.name, operation.table, **named),
        call("_build_unique_as_it_was", operation.name, operation.table, **named, **checked),
        frozenset({"unique_as_it_was"}),
    )


@_calls.register
def _(operation: SetNotNull, moving: dict[str, Code]) -> Calls:
    column = (operation.table, operation.column)
    return Calls(
        call("_set_not_null", *column, schema=operation.schema, by_check=operation.check_name),
        call("_drop_not_null", *column, schema=operation.schema),
        frozenset({"not_null"}),
    )


@_calls.register(defaults.SetDefault)
@_calls.register(settings.SetDefault)
def _(operation: defaults.SetDefault | settings.SetDefault, moving: dict[str, Code]) -> Calls:
    column = (operation.table, operation.column)
    previous = getattr(operation, "previous", None)
    before = text_clause(previous) if previous is not None else None
    return Calls(
        call("_set_default", *column, text_clause(operation.default), schema=operation.schema),
        call("_set_default", *column, before, schema=operation.schema),
        frozenset({"default"}),
    )


@_calls.register
def _(operation: ChangeType, moving: dict[str, Code]) -> Calls:
    column = (operation.table, operation.column)
    down = call("_change_type", *column, schema=operation.schema, old=operation.type, new=operation.previous)
    return Calls(
        call("_change_type", *column, schema=operation.schema, old=operation.previous, new=operation.type),
        [*(_JSON if operation.previous == "json" else ()), *down],
        frozenset({"column_type"}),
    )


@_calls.register
def _(operation: CreateStatistics, moving: dict[str, Code]) -> Calls:
    create, analyze = operation.forward()
    named = {"schema": operation.schema, "table": operation.table, "columns": list(operation.columns)}
    return Calls(
        [*call("_create_statistics", create, operation.name, **named), *call("_run", analyze)],
        call("_drop_statistics", operation.name, **named),
        frozenset({"extended_statistics"}),
    )


def _aside(operation: Aside) -> Calls:
    name = f"set_aside_{identifier(operation.table, *operation.why)}"
    tables = [operation.aside, *operation.tables()]
    moving = call("_set_aside", tables, list(operation.moves(_AT_ONCE)))
    up = [f"def {name}() -> None:", *(f"    {line}" for line in moving), ""]
    back = [operation.brings_back(), operation.drops_if_empty(), DROP_SCHEMA_IF_EMPTY]
    down = call("_bring_back", [operation.aside], back)
    helpers = frozenset({"quarantine"})
    if isinstance(operation, QuarantineAndValidate):
        return _validated(operation, name, up, down)
    return Calls(up, down, helpers, name)


def _validated(operation: QuarantineAndValidate, name: str, up: list[str], down: list[str]) -> Calls:
    constraint = (operation.schema, operation.table, operation.constraint)
    return Calls(
        [*up, *call("_validate", *constraint, Code(name))],
        [
            *call("_drop_any_constraint", *constraint),
            *down,
            *call("_add_unchecked", *constraint, operation.definition),
        ],
        frozenset({"quarantine", "validate", "unchecked"}),
    )
