"""Partial indexes that statements would use if they wrote out a value: IDX11 reports them, and IDX05 leaves them to it.

The plan of a statement for any value is compared with its plan for the value that the predicate fixes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgproof.advise.statements import TableUse
from pgproof.advise.workload import WorkloadStatement
from pgproof.facts.catalog import Index, Table
from pgproof.facts.model import Facts
from pgproof.facts.once import once
from pgproof.facts.questions import PlanNode, PlanOf
from pgproof.rules.finding import NotChecked
from pgproof.rules.indexes._shared import stored
from pgproof.rules.statements import (
    frequent,
    large_table,
    nodes,
    plan_of,
    planned,
    unproven,
    whole_reads,
    with_values,
)


@dataclass(frozen=True)
class Unprovable:
    """A statement that leaves to parameters what an index's predicate fixes.

    Attributes:
        generic: the statement whose plan knows no value.
        written: the same with the values of the predicate written out.
        values: those values, as SQL by column.
    """

    statement: WorkloadStatement
    table: Table
    index: Index
    generic: str
    written: str
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class KeptOut:
    """A statement that reads the whole table, and would use the index with the value written out."""

    case: Unprovable
    generic: PlanNode
    written: PlanNode

    @property
    def statement(self) -> WorkloadStatement:
        """The statement."""
        return self.case.statement


def unprovable(facts: Facts) -> Iterator[Unprovable]:
    """Yield each statement of the application and each partial index whose predicate it may not prove."""
    for statement in frequent(facts):
        for use in statement.parsed.uses:
            table = large_table(facts.catalog, use.table)
            if table is None:
                continue
            for index in table.indexes:
                if parameters := unproven(table, index, use):
                    yield _case(statement, table, index, use, parameters)


def plans_of(cases: Iterator[Unprovable]) -> Iterator[PlanOf]:
    """Yield the questions whose answers tell which cases matter."""
    for case in cases:
        yield PlanOf(case.generic)
        yield PlanOf(case.written)


def kept_out(facts: Facts) -> Iterator[KeptOut | NotChecked]:
    """Yield the cases in which the plans show the difference, and those without plans."""
    for case in unprovable(facts):
        generic, written = (plan_of(facts, text, case.table) for text in (case.generic, case.written))
        if isinstance(generic, NotChecked):
            yield generic
        elif isinstance(written, NotChecked):
            yield written
        elif _uses(facts, written, case) and whole_reads(facts.catalog, generic, case.table):
            yield KeptOut(case, generic, written)


@once
def indexes_kept_out(facts: Facts) -> frozenset[int]:
    """Return the oids of the indexes that statements would use if they wrote a value out."""
    return frozenset(each.case.index.oid for each in kept_out(facts) if isinstance(each, KeptOut))


def _case(
    statement: WorkloadStatement, table: Table, index: Index, use: TableUse, parameters: dict[str, tuple[int, str]]
) -> Unprovable:
    text = planned(statement, use)
    if not statement.parsed.reads_only:
        # The look-up in its place numbers the parameters anew.
        numbers = {each.column: number for number, each in enumerate(use.equalities, 1)}
        parameters = {column: (numbers[column], value) for column, (_, value) in parameters.items()}
    written = with_values(text, dict(parameters.values()))
    values = tuple((column, value) for column, (_, value) in parameters.items())
    return Unprovable(statement, table, index, text, written, values)


def _uses(facts: Facts, plan: PlanNode, case: Unprovable) -> bool:
    names = {part.name for _, part in stored(facts.catalog, case.table, case.index)}
    return any(node.index in names for node in nodes(plan))
