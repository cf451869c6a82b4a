"""What is done, in which order, and why: operations of many findings as one plan."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pgproof.facts.catalog import Catalog, QualifiedName
from pgproof.remedy.constraints import AddForeignKey, DropConstraint, DropForeignKey, ReplaceForeignKey
from pgproof.remedy.indexes import DropIndex
from pgproof.remedy.operation import Operation
from pgproof.remedy.plan_conflicts import needed_drops
from pgproof.remedy.plan_merging import Merging
from pgproof.remedy.plan_names import Taken, renamed
from pgproof.remedy.plan_order import ordered
from pgproof.remedy.plan_outside import why_outside
from pgproof.remedy.plan_values import Left, Reason, Step, Wanted
from pgproof.remedy.proven import Proven, Verdict, judged
from pgproof.remedy.quarantine import Aside, Parent

_NOT_VALID_ON_PARTITIONED = 180_000


@dataclass(frozen=True)
class Plan:
    """Steps in order.

    Attributes:
        additions: what a first revision does; applications of today run on it.
        drops: what a second one takes away, once nothing needs it any more.
        left: what no revision mends, and why.
        left_out: what a proof spoke against.
    """

    additions: tuple[Step, ...]
    drops: tuple[Step, ...]
    left: tuple[Left, ...]
    left_out: tuple[Verdict, ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """All of them."""
        return (*self.additions, *self.drops)


def plan(
    wanted: Sequence[Wanted],
    catalog: Catalog,
    server_version_num: int,
    proven: Proven | None = None,
    kept: Collection[str] = (),
) -> Plan:
    """Return the plan of what findings want.

    Args:
        wanted: what each finding wants, the worst first: where two contradict each other, the first one is done.
        catalog: of the database, for what else depends on an index and which names are taken.
        server_version_num: as the server says it, such as 180004.
        proven: what a proof of the plan said; None where there was none.
        kept: operations, as the proof calls them, that people keep whatever it said.
    """
    left: list[Left] = []
    merging = Merging()
    for each in wanted:
        if not each.operations:
            left.append(Left(each.reason, each.why_not))
        left += [Left(each.reason, why) for why in each.left]
        for operation in each.operations:
            why = why_outside(operation) or _unfit(operation, catalog, server_version_num)
            if why is not None:
                left.append(Left(each.reason, why, operation.forward()))
                continue
            refused = merging.add(_completed(operation, catalog), each.reason)
            if refused is not None:
                left.append(Left(each.reason, refused))
    # Names first: a proof calls by them what it judged.
    steps = renamed(merging.steps(), Taken(catalog))
    against = tuple(judged(steps, proven, kept)) if proven is not None else ()
    for step, verdict in against:
        steps = _without(steps, step)
        said = f"{step.operation.kind} left out, as the proof says of it: {verdict.word}, {verdict.why}"
        left += [Left(reason, f"{said} ({verdict.operation})") for reason in step.reasons]
    for step, why in needed_drops(steps, catalog):
        steps = _without(steps, step)
        left += [Left(reason, why) for reason in step.reasons]
    additions, drops = ordered(steps)
    return Plan(additions, drops, tuple(_once(left)), tuple(dict.fromkeys(verdict for _, verdict in against)))


def _without(steps: tuple[Step, ...], step: Step) -> tuple[Step, ...]:
    return tuple(other for other in steps if other is not step)


def _completed(operation: Operation, catalog: Catalog) -> Operation:
    """The operation with what its way back needs to know of the catalog."""
    if isinstance(operation, Aside):
        table = catalog.named(QualifiedName(operation.schema, operation.table))
        keys = table.foreign_keys if table is not None else ()
        parents = []
        for key in keys:
            parent = catalog.table(key.referenced) if key.referenced is not None else None
            if parent is not None and not key.period:
                parents.append(Parent(parent.schema, parent.name, key.columns, key.referenced_columns))
        # A constraint that is only validated is away while its rows come back.
        refers = getattr(operation, "refers", None)
        kept = tuple(parent for parent in dict.fromkeys(parents) if parent.columns != refers)
        return replace(operation, parents=kept)
    if isinstance(operation, DropConstraint):
        return _completed_drop(operation, catalog)
    if isinstance(operation, DropIndex):
        names = (
            table.name
            for table in catalog.tables
            if table.schema == operation.schema and any(index.name == operation.name for index in table.indexes)
        )
        return replace(operation, table=next(names, ""))
    return operation


def _completed_drop(operation: DropConstraint, catalog: Catalog) -> Operation:
    table = catalog.named(QualifiedName(operation.schema, operation.table))
    constraint = next((each for each in table.constraints if each.name == operation.name), None) if table else None
    if table is None or constraint is None:
        return operation
    if constraint.kind == "foreign key":
        parent = catalog.table(constraint.referenced) if constraint.referenced is not None else None
        special = constraint.deferrable or constraint.match_full or constraint.period or constraint.on_delete_columns
        if parent is None or special or not constraint.validated or not constraint.enforced:
            return operation
        return DropForeignKey(
            AddForeignKey(
                table.schema,
                table.name,
                constraint.name,
                constraint.columns,
                parent.schema,
                parent.name,
                constraint.referenced_columns,
                constraint.on_delete or "no action",
                constraint.on_update or "no action",
            )
        )
    index = next((each for each in table.indexes if each.oid == constraint.index), None)
    return operation if index is None else replace(operation, index_definition=index.definition)


def _unfit(operation: Operation, catalog: Catalog, version: int) -> str | None:
    """Why an operation cannot be done on this server; None where it can."""
    key = operation.new if isinstance(operation, ReplaceForeignKey) else operation
    if isinstance(key, AddForeignKey) and version < _NOT_VALID_ON_PARTITIONED:
        table = catalog.named(QualifiedName(key.schema, key.table))
        if table is not None and table.kind == "partitioned table":
            return (
                "a foreign key of a partitioned table can be added NOT VALID from PostgreSQL 18 on alone, so this one"
                " would check every row under a lock: choose a quiet moment"
            )
    if isinstance(operation, DropConstraint):
        completed = _completed_drop(operation, catalog)
        if isinstance(completed, DropConstraint) and completed.index_definition is None:
            return "what it is cannot be written so that the way back makes it again as it is: drop it by hand"
    return None


def _once(left: Iterable[Left]) -> Iterator[Left]:
    """Each finding once for each reason, with all the SQL that is to be run for it by hand."""
    found: dict[tuple[Reason, str], Left] = {}
    for each in left:
        key = (each.reason, each.why)
        known = found.get(key)
        found[key] = each if known is None else replace(known, by_hand=(*known.by_hand, *each.by_hand))
    yield from found.values()
