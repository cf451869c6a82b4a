"""Drops that would take away what something else needs: they are left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pgproof.facts.catalog import Catalog, Index, QualifiedName, Table
from pgproof.remedy.constraints import AddForeignKey, AddPrimaryKey, AddUnique, DropConstraint
from pgproof.remedy.indexes import CreateIndex, DropIndex
from pgproof.remedy.names import quoted
from pgproof.remedy.plan_values import Step


def needed_drops(steps: Sequence[Step], catalog: Catalog) -> Iterator[tuple[Step, str]]:
    """Yield the drops that must not be made together with the rest, each with why.

    Args:
        steps: of a plan.
        catalog: of the database they are made for.
    """
    for table in catalog.tables:
        dropped = [(step, index) for step in steps if (index := _dropped(step, table)) is not None]
        gone = {index.oid for _, index in dropped}
        remaining = [index for index in table.indexes if index.usable and index.oid not in gone]
        added = [keys for step in steps if (keys := _added(step, table)) is not None]
        for step, index in dropped:
            why = _needed(table, index, remaining, added, steps)
            if why is not None:
                remaining.append(index)
                yield step, why


def _needed(
    table: Table, index: Index, remaining: Sequence[Index], added: Sequence[tuple[str, ...]], steps: Sequence[Step]
) -> str | None:
    """What would lack an index, if the others stayed gone; None where nothing would."""
    columns = tuple(name for name in index.columns if name is not None)
    if index.partial or len(columns) < len(index.keys) or not index.usable:
        return None
    for name, wanted in _looked_up(table, steps):
        size = len(wanted)
        if size > len(columns) or set(columns[:size]) != set(wanted):
            continue
        served = any(set(each.columns[:size]) == set(wanted) and not each.partial for each in remaining)
        if not served and not any(set(keys[:size]) == {quoted(column) for column in wanted} for keys in added):
            return f"{name} needs {index.name}, and no other index would be left that serves it"
    if index.unique:
        rules = [set(each.columns) for each in remaining if each.unique and not each.partial]
        new = [
            {quoted(column) for column in step.operation.columns}
            for step in steps
            if isinstance(step.operation, AddUnique | AddPrimaryKey)
            and (step.operation.schema, step.operation.table) == (table.schema, table.name)
        ]
        own, own_quoted = set(columns), {quoted(column) for column in columns}
        if not any(None not in rule and rule <= own for rule in rules) and not any(rule <= own_quoted for rule in new):
            return f"without {index.name} nothing would keep ({', '.join(columns)}) unique"
    return None


def _looked_up(table: Table, steps: Sequence[Step]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Foreign keys of a table by name, those of the plan as well, with the columns an index has to begin with."""
    for key in table.foreign_keys:
        if not key.period and not key.from_parent:
            yield key.name, key.columns
    for step in steps:
        operation = step.operation
        if isinstance(operation, AddForeignKey) and (operation.schema, operation.table) == (table.schema, table.name):
            yield operation.name, operation.columns


def _dropped(step: Step, table: Table) -> Index | None:
    operation = step.operation
    if isinstance(operation, DropIndex) and operation.schema == table.schema:
        return next((index for index in table.indexes if index.name == operation.name), None)
    if (
        isinstance(operation, DropConstraint)
        and QualifiedName(operation.schema, operation.table) == table.qualified_name
    ):
        constraint = next((each for each in table.constraints if each.name == operation.name), None)
        if constraint is not None and constraint.kind != "foreign key":
            return next((index for index in table.indexes if index.oid == constraint.index), None)
    return None


def _added(step: Step, table: Table) -> tuple[str, ...] | None:
    operation = step.operation
    if isinstance(operation, CreateIndex) and operation.where is None and operation.method == "btree":
        keys = operation.keys
    elif isinstance(operation, AddUnique | AddPrimaryKey):
        keys = tuple(quoted(column) for column in operation.columns)
    else:
        return None
    return keys if (operation.schema, operation.table) == (table.schema, table.name) else None
