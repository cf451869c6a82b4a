"""Operations that want the same, made one; and those that contradict what is planned already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

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
from pgproof.remedy.indexes import CreateIndex, DropIndex
from pgproof.remedy.invalid_indexes import RebuildInvalidIndex
from pgproof.remedy.names import quoted
from pgproof.remedy.operation import Operation
from pgproof.remedy.plan_values import Reason, Step
from pgproof.remedy.quarantine import Equal, QuarantineCopies, QuarantineDuplicates


@dataclass
class Merging:
    """Collects steps; a step keeps its place, whatever joins it."""

    _steps: list[tuple[Operation, list[Reason]]] = field(default_factory=list)

    def add(self, operation: Operation, reason: Reason) -> str | None:
        """Take an operation up, or join it to one that does its work; return why not where it contradicts one."""
        for number, (planned, reasons) in enumerate(self._steps):
            if (refused := _contradicts(planned, operation)) is not None:
                return refused
            kept = _one_of(planned, operation)
            if kept is not None:
                if reason not in reasons:
                    reasons.append(reason)
                self._steps[number] = (kept, reasons)
                return None
        self._steps.append((operation, [reason]))
        return None

    def steps(self) -> tuple[Step, ...]:
        """Return the steps, an index that another one covers joined to that one."""
        merged = list(self._steps)
        for operation, reasons in self._steps:
            if not isinstance(operation, CreateIndex):
                continue
            by = next((each for each in merged if _covers(each[0], operation)), None)
            if by is not None:
                by[1].extend(reason for reason in reasons if reason not in by[1])
                merged = [each for each in merged if each[0] is not operation]
        for operation, reasons in tuple(merged):
            if isinstance(operation, RebuildInvalidIndex):
                gone = next((each for each in merged if _drops(each[0], operation)), None)
                if gone is not None:
                    gone[1].extend(reason for reason in reasons if reason not in gone[1])
                    merged = [each for each in merged if each[0] is not operation]
        return tuple(Step(operation, tuple(reasons)) for operation, reasons in merged)


def _one_of(planned: Operation, other: Operation) -> Operation | None:
    """The one of two operations that does the work of both; None where each has work of its own."""
    if planned == other:
        return planned
    for same in _SAME:
        if (kept := same(planned, other)) is not None:
            return kept
    return None


def _same_unique(planned: Operation, other: Operation) -> Operation | None:
    """Rules over the same columns: a primary key before a unique constraint, and that before an index alone."""
    first, second = _unique_columns(planned), _unique_columns(other)
    if first is None or first != second:
        return None
    return min((planned, other), key=lambda each: _KEY_ORDER.index(type(each)))


_KEY_ORDER: tuple[type[Operation], ...] = (AddPrimaryKey, AddUnique, CreateIndex)


def _unique_columns(operation: Operation) -> tuple[str, str, frozenset[str]] | None:
    if isinstance(operation, AddUnique | AddPrimaryKey):
        return operation.schema, operation.table, frozenset(quoted(name) for name in operation.columns)
    if isinstance(operation, CreateIndex) and operation.unique and operation.where is None:
        return operation.schema, operation.table, frozenset(operation.keys)
    return None


def _same_index(planned: Operation, other: Operation) -> Operation | None:
    if not (isinstance(planned, CreateIndex) and isinstance(other, CreateIndex)):
        return None
    return planned if _shape(planned) == _shape(other) else None


def _shape(index: CreateIndex) -> tuple[object, ...]:
    return index.schema, index.table, index.keys, index.unique, index.method, index.include, index.where


def _same_move(planned: Operation, other: Operation) -> Operation | None:
    if type(planned) is not type(other) or not isinstance(planned, QuarantineDuplicates | QuarantineCopies):
        return None
    return planned if _equal_rows(planned) == _equal_rows(other) else None


def _equal_rows(move: Operation) -> tuple[object, ...]:
    assert isinstance(move, Equal)
    return getattr(move, "schema", ""), getattr(move, "table", ""), frozenset(move.same), frozenset(move.lower)


def _same_column(planned: Operation, other: Operation) -> Operation | None:
    if isinstance(planned, SetNotNull) and isinstance(other, SetNotNull) and _column(planned) == _column(other):
        return planned
    if _sets_default(planned) and _sets_default(other) and _column(planned) == _column(other):
        return planned if getattr(planned, "default", None) == getattr(other, "default", None) else None
    return None


def _same_constraint(planned: Operation, other: Operation) -> Operation | None:
    if isinstance(planned, AddCheck) and isinstance(other, AddCheck):
        same = (planned.schema, planned.table, planned.condition) == (other.schema, other.table, other.condition)
        return planned if same else None
    if isinstance(planned, AddForeignKey) and isinstance(other, AddForeignKey):
        return planned if _reference(planned) == _reference(other) else None
    if isinstance(planned, DropForeignKey) and isinstance(other, DropForeignKey):
        return planned if planned.key == other.key else None
    if isinstance(planned, DropIndex) and isinstance(other, DropIndex):
        return planned if (planned.schema, planned.name) == (other.schema, other.name) else None
    if isinstance(planned, DropConstraint) and isinstance(other, DropConstraint):
        same = (planned.schema, planned.table, planned.name) == (other.schema, other.table, other.name)
        return planned if same else None
    return None


_SAME: tuple[Callable[[Operation, Operation], Operation | None], ...] = (
    _same_unique,
    _same_index,
    _same_move,
    _same_column,
    _same_constraint,
)


def _contradicts(planned: Operation, other: Operation) -> str | None:
    """Why an operation cannot be done beside one that is planned; None where it can."""
    if _sets_default(planned) and _sets_default(other) and _column(planned) == _column(other):
        if getattr(planned, "default", None) != getattr(other, "default", None):
            return f"another finding gives {_column(planned)[2]} another default: decide which one is meant"
    elif isinstance(planned, ChangeType) and isinstance(other, ChangeType):
        if _column(planned) == _column(other) and planned.type != other.type:
            return f"another finding makes {planned.column} {planned.type}: decide which type is meant"
    elif isinstance(planned, AddPrimaryKey) and isinstance(other, AddPrimaryKey):
        both = {(each.schema, each.table) for each in (planned, other)}
        if len(both) == 1 and set(planned.columns) != set(other.columns):
            return f"another finding gives {planned.table} its primary key, by ({', '.join(planned.columns)})"
    elif isinstance(planned, AddForeignKey) and isinstance(other, AddForeignKey):
        if _reference(planned)[:-2] == _reference(other)[:-2] and _reference(planned) != _reference(other):
            return f"another finding adds {planned.name} with another action: decide which one is meant"
    elif isinstance(planned, ReplaceForeignKey) and isinstance(other, ReplaceForeignKey):
        same = (planned.old.schema, planned.old.table, planned.old.name)
        if same == (other.old.schema, other.old.table, other.old.name) and planned.new.clause() != other.new.clause():
            return f"another finding gives {planned.old.name} another action: decide which one is meant"
    return None


def _reference(key: AddForeignKey) -> tuple[object, ...]:
    pairs = frozenset(zip(key.columns, key.referenced_columns, strict=True))
    return key.schema, key.table, pairs, key.referenced_schema, key.referenced_table, key.on_delete, key.on_update


def _sets_default(operation: Operation) -> bool:
    return isinstance(operation, defaults.SetDefault | settings.SetDefault)


def _column(operation: Operation) -> tuple[str, str, str]:
    return tuple(getattr(operation, name) for name in ("schema", "table", "column"))


def _covers(by: Operation, index: CreateIndex) -> bool:
    """Whether an index of an operation begins with the keys of another, and holds every row that one does."""
    if by is index or index.unique or index.method != "btree" or index.include:
        return False
    if isinstance(by, AddUnique | AddPrimaryKey):
        keys, where, method = tuple(quoted(name) for name in by.columns), None, "btree"
    elif isinstance(by, CreateIndex):
        keys, where, method = by.keys, by.where, by.method
    else:
        return False
    same_table = (getattr(by, "schema", ""), getattr(by, "table", "")) == (index.schema, index.table)
    return same_table and method == "btree" and where == index.where and keys[: len(index.keys)] == index.keys


def _drops(by: Operation, index: RebuildInvalidIndex) -> bool:
    return isinstance(by, DropIndex) and (by.schema, by.name) == (index.schema, index.name)
