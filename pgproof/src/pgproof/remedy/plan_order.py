"""The order of steps: what another one needs comes before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
from pgproof.remedy.deferral import MakeDeferrable
from pgproof.remedy.expired import QuarantineExpired
from pgproof.remedy.indexes import CreateIndex, CreatePartitionedIndex, DropIndex
from pgproof.remedy.invalid_indexes import DropInvalidIndex, RebuildInvalidIndex
from pgproof.remedy.names import quoted
from pgproof.remedy.operation import Operation
from pgproof.remedy.plan_values import Step
from pgproof.remedy.quarantine import Aside, Equal, QuarantineDuplicates, QuarantineOrphans

_LEFT_OVERS, _TYPES, _INDEXES, _ENDED, _UNIQUE, _COLUMNS, _PRIMARY_KEYS, _FOREIGN_KEYS, _CHECKS, _OTHERS = range(10)


def ordered(steps: Sequence[Step]) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """Return the additions and the drops, each in order.

    Types come first, since indexes are built over them; then indexes, since rows that move are looked up by them; then
    rows move and what they broke is made unique;
    then defaults and NOT NULL, primary keys, foreign keys (whose parents are unique by then) and checks.
    """
    drops = tuple(step for step in steps if _is_drop(step.operation))
    rest = [step for step in steps if not _is_drop(step.operation)]
    by_rank = sorted(rest, key=lambda step: _rank(step.operation))
    unique = [step for step in by_rank if _rank(step.operation) == _UNIQUE]
    arranged = tuple(_unique_rules(unique))
    first = [step for step in by_rank if _rank(step.operation) < _UNIQUE]
    last = [step for step in by_rank if _rank(step.operation) > _UNIQUE]
    return (*first, *arranged, *last), drops


def _is_drop(operation: Operation) -> bool:
    return isinstance(operation, DropIndex | DropConstraint | DropForeignKey) and not isinstance(
        operation, DropInvalidIndex
    )


def _rank(operation: Operation) -> int:
    if isinstance(operation, RebuildInvalidIndex | DropInvalidIndex):
        return _LEFT_OVERS
    if isinstance(operation, ChangeType | QuarantineExpired):
        return _TYPES if isinstance(operation, ChangeType) else _ENDED
    if isinstance(operation, CreatePartitionedIndex) or (isinstance(operation, CreateIndex) and not operation.unique):
        return _INDEXES
    if isinstance(operation, CreateIndex | AddUnique) or (
        isinstance(operation, Aside) and isinstance(operation, Equal)
    ):
        return _UNIQUE
    if isinstance(operation, SetNotNull | defaults.SetDefault | settings.SetDefault):
        return _COLUMNS
    if isinstance(operation, AddPrimaryKey):
        return _PRIMARY_KEYS
    if isinstance(
        operation, QuarantineOrphans | AddForeignKey | ReplaceForeignKey | ValidateConstraint | MakeDeferrable
    ):
        return _FOREIGN_KEYS
    return _CHECKS if isinstance(operation, AddCheck) else _OTHERS


def _unique_rules(steps: Sequence[Step]) -> Iterator[Step]:
    """Each move of rows with the rule it makes room for; a table others refer to before those that do."""
    moves = _parents_first([step for step in steps if isinstance(step.operation, Aside)])
    rules = [step for step in steps if not isinstance(step.operation, Aside)]
    for move in moves:
        yield move
        for rule in tuple(rules):
            if makes_room(move.operation, rule.operation):
                rules.remove(rule)
                yield rule
    yield from rules


def _parents_first(moves: Sequence[Step]) -> list[Step]:
    """Pointing rows elsewhere may make them equal, so they move after those they refer to."""
    waiting, done = list(moves), []
    while waiting:
        free = next(
            (each for each in waiting if not any(_points_into(other, each) for other in waiting if other is not each)),
            waiting[0],
        )
        waiting.remove(free)
        done.append(free)
    return done


def _points_into(move: Step, other: Step) -> bool:
    """Whether a move changes the reference of rows that the other compares."""
    if not isinstance(move.operation, QuarantineDuplicates):
        return False
    target = other.operation
    return any(
        isinstance(target, Equal)
        and (reference.schema, reference.table) == (getattr(target, "schema", ""), getattr(target, "table", ""))
        and reference.column in target.same
        for reference in move.operation.references
    )


def makes_room(move: Operation, rule: Operation) -> bool:
    """Tell whether a move of rows is what lets a rule hold: both are about the same columns of one table."""
    if isinstance(move, QuarantineOrphans):
        return (
            isinstance(rule, AddForeignKey)
            and (move.schema, move.table) == (rule.schema, rule.table)
            and set(move.refers) == set(rule.columns)
        )
    if not (isinstance(move, Equal) and isinstance(move, Aside)):
        return False
    if isinstance(rule, AddUnique | AddPrimaryKey):
        keys = {quoted(column) for column in rule.columns}
    elif isinstance(rule, CreateIndex) and rule.unique:
        keys = set(rule.keys)
    else:
        return False
    return (move.schema, move.table) == (rule.schema, rule.table) and {
        move.compared(name) for name in move.same
    } == keys
