"""What indexes the plans of the workload lack: what IDX12 reports, and OPS13 does not report once more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from pgproof.advise.candidates import Shape, shape_of
from pgproof.advise.deparsed import sort_columns
from pgproof.advise.statements import TableUse
from pgproof.advise.workload import WorkloadStatement
from pgproof.facts.catalog import Catalog, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import PlanNode, PlanOf
from pgproof.rules.finding import NotChecked, table_ref
from pgproof.rules.reading import locked
from pgproof.rules.severity import FEW_ROWS
from pgproof.rules.statements import (
    expected_share,
    frequent,
    large_table,
    narrowed_by,
    nodes,
    plan_of,
    planned,
    reads,
    unproven,
    whole_reads,
)

SELECTIVE = 0.05
"""Share of the rows up to which an index is worth its random reads; beyond it the planner reads the table anyway."""


@dataclass(frozen=True)
class Wanted:
    """What a statement would need of a table.

    Attributes:
        planned: the statement whose plan shows it.
        shape: by the text.
    """

    statement: WorkloadStatement
    table: Table
    use: TableUse
    planned: str
    shape: Shape


@dataclass(frozen=True)
class Lacking:
    """What a statement's plan shows to be lacking.

    Attributes:
        shape: as far as the plan lacks it.
        found: the node that reads or sorts for want of it.
        reads_all: the plan reads the whole table.
    """

    wanted: Wanted
    shape: Shape
    found: PlanNode
    reads_all: bool

    @property
    def statement(self) -> WorkloadStatement:
        """The statement."""
        return self.wanted.statement


def wanted(facts: Facts) -> Iterator[Wanted]:
    """Yield what each statement of the application would need of each large table that it reads."""
    for statement in frequent(facts):
        for use in statement.parsed.uses:
            table = large_table(facts.catalog, use.table)
            if table is None:
                continue
            shape = shape_of(use, partial(_is_indexable, table))
            if shape is not None and not _is_left_to_others(table, use, shape):
                yield Wanted(statement, table, use, planned(statement, use), shape)


def plans_of(facts: Facts) -> Iterator[PlanOf]:
    """Yield the questions whose answers tell what is lacking."""
    return (PlanOf(each.planned) for each in wanted(facts))


def lacking(facts: Facts) -> Iterator[Lacking | NotChecked]:
    """Yield what is wanted as far as plans lack it, and what could not be checked."""
    for each in wanted(facts):
        plan = plan_of(facts, each.planned, each.table)
        if each.table.locked:
            yield locked(each.table)
        elif isinstance(plan, NotChecked):
            yield plan
        elif any(each.table.column(name).statistics is None for name in each.shape.equal):
            yield NotChecked("column statistics: ANALYZE, or pg_read_all_data", (table_ref(each.table),))
        elif (confirmed := _confirmed(facts.catalog, each, plan)) is not None:
            yield confirmed


def calls_that_read_all(facts: Facts) -> Counter[int]:
    """Return by the oid of each table how often it was read as a whole for want of an index."""
    seen = {
        (each.wanted.table.oid, each.statement.statement.query): each.statement.statement.calls
        for each in lacking(facts)
        if isinstance(each, Lacking) and each.reads_all
    }
    calls = Counter[int]()
    for (oid, _), number in seen.items():
        calls[oid] += number
    return calls


def _is_indexable(table: Table, name: str) -> bool:
    """Whether a column's values are sorted by a B-tree to any purpose: an array or JSON is searched otherwise."""
    column = table.column(name)
    return column.type_category != "A" and column.base_type not in ("json", "jsonb", "xml", "tsvector")


def _is_left_to_others(table: Table, use: TableUse, shape: Shape) -> bool:
    """Whether these columns are indexed already, and the planner knows better, or a partial index waits for a value."""
    for index in table.indexes:
        if not index.usable:
            continue
        if index.partial:
            if index.columns[0] in shape.columns and unproven(table, index, use):
                return True
        elif _begins_with(index.columns, shape):
            return True
    return False


def _begins_with(columns: tuple[str | None, ...], shape: Shape) -> bool:
    equal = len(shape.equal)
    tail = tuple(key.column for key in shape.tail)
    return set(columns[:equal]) == shape.equal and columns[equal : equal + len(tail)] == tail


def _confirmed(catalog: Catalog, each: Wanted, plan: PlanNode) -> Lacking | None:
    """Return what is wanted as far as the plan lacks it; None where the plan does well without."""
    table, shape = each.table, each.shape
    whole = whole_reads(catalog, plan, table)
    for node in whole:
        equal = shape.equal & narrowed_by(node, table)
        if equal and (shape.ordered or expected_share(catalog, table, each.use, equal) <= SELECTIVE):
            return Lacking(each, replace(shape, equal=equal), node, reads_all=True)
    if not shape.ordered:
        return None
    order = tuple(key.column for key in shape.tail)
    for node in nodes(plan):
        if node.node_type not in ("Sort", "Incremental Sort") or sort_columns(node.sort_key) != order:
            continue
        if node.rows >= FEW_ROWS and any(reads(catalog, below, table) for below in nodes(node)):
            return Lacking(each, shape, node, reads_all=bool(whole))
    return None
