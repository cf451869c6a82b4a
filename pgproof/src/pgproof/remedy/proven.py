"""What a proof said of operations, and which of them a plan leaves out for it.

A verdict of no effect counts only against what is there to be measured: indexes, statistics and storage options. That
no statement is faster for a right that is revoked, or for a default, says nothing against it. One that harms is left
out whatever it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

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
from pgproof.remedy.names import quoted
from pgproof.remedy.operation import Operation
from pgproof.remedy.plan_order import makes_room
from pgproof.remedy.plan_values import Step

NO_EFFECT, HARMS = "no-effect", "harms"
_MEASURED = CreateIndex | CreatePartitionedIndex | CreateStatistics | DropIndex | settings.SetTableOption
_ADDED: tuple[tuple[type[Operation], str], ...] = (
    (AddUnique, "unique"),
    (AddPrimaryKey, "primary key"),
    (AddForeignKey, "foreign key"),
    (AddCheck, "check"),
)


@dataclass(frozen=True)
class Verdict:
    """What a proof said of an operation.

    Attributes:
        operation: as the proof calls it, such as `create index public.i on public.t`.
        word: helps, integrity, no-effect or harms.
    """

    operation: str
    word: str
    why: str


@dataclass(frozen=True)
class Proven:
    """The verdicts of a proof.

    Attributes:
        measured: it timed statements of a workload; without any, no effect is all that it could see of an index.
    """

    verdicts: tuple[Verdict, ...]
    measured: bool


def judged(steps: Sequence[Step], proven: Proven, kept: Collection[str]) -> Iterator[tuple[Step, Verdict]]:
    """Yield the steps that a proof speaks against, and the moves of rows that only they need.

    Args:
        steps: under the names that they were proven with.
        proven: what the proof said.
        kept: operations, as the proof calls them, that people keep all the same.
    """
    against: list[tuple[Step, Verdict]] = []
    for step in steps:
        verdict = _against(step.operation, proven)
        if verdict is not None and verdict.operation not in kept:
            against.append((step, verdict))
    yield from against
    gone = {id(step): verdict for step, verdict in against}
    for step in steps:
        needs = [other for other in steps if makes_room(step.operation, other.operation)]
        if needs and id(step) not in gone and all(id(other) in gone for other in needs):
            yield step, gone[id(needs[0])]


def _against(operation: Operation, proven: Proven) -> Verdict | None:
    called = called_by_proofs(operation)
    for verdict in proven.verdicts:
        if called is None or not called(verdict.operation):
            continue
        effectless = verdict.word == NO_EFFECT and proven.measured and isinstance(operation, _MEASURED)
        if verdict.word == HARMS or effectless:
            return verdict
    return None


def called_by_proofs(operation: Operation) -> Callable[[str], bool] | None:
    """Return what tells whether a name in a proof is that of an operation; None for one that no proof names."""
    if (exact := _called(operation)) is not None:
        return lambda name: name == exact
    if isinstance(operation, DropIndex):
        dropped = f"drop index {operation.schema}.{operation.name} on "
        return lambda name: name.startswith(dropped)
    if isinstance(operation, CreateStatistics):
        # Such names are PostgreSQL's own, quoted where they need it.
        schemas, names = ((name, quoted(name)) for name in (operation.schema, operation.name))
        return {f"create statistics object {schema}.{name}" for schema in schemas for name in names}.__contains__
    if isinstance(operation, DropConstraint | ValidateConstraint):
        how = "drop" if isinstance(operation, DropConstraint) else "change"
        ending = f" {operation.name} on {operation.schema}.{operation.table}"
        kinds = {f"{how} {kind}{ending}" for kind in ("unique", "primary key", "foreign key", "check", "exclusion")}
        return kinds.__contains__
    column = _column(operation)
    if column is None:
        return None
    beginning, change = column
    # One name stands for all that changes of a column.
    return lambda name: name.startswith(beginning) and change in name.removeprefix(beginning)


def _called(operation: Operation) -> str | None:
    if isinstance(operation, CreateIndex | CreatePartitionedIndex):
        return f"create index {operation.schema}.{operation.name} on {operation.schema}.{operation.table}"
    if isinstance(operation, DropForeignKey):
        key = operation.key
        return f"drop foreign key {key.name} on {key.schema}.{key.table}"
    if isinstance(operation, ReplaceForeignKey):
        key = operation.old
        return f"change foreign key {key.name} on {key.schema}.{key.table}"
    for kind, word in _ADDED:
        if isinstance(operation, kind):
            named = [getattr(operation, part) for part in ("name", "schema", "table")]
            return f"create {word} {named[0]} on {named[1]}.{named[2]}"
    return None


def _column(operation: Operation) -> tuple[str, str] | None:
    if isinstance(operation, SetNotNull):
        change = "not null"
    elif isinstance(operation, defaults.SetDefault | settings.SetDefault):
        change = "default "
    elif isinstance(operation, ChangeType):
        change = "type "
    else:
        return None
    return f"change column {operation.schema}.{operation.table}.{operation.column} (", change
