"""Names of new objects that nothing has yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from pgproof.facts.catalog import Catalog
from pgproof.remedy.constraints import AddCheck, AddForeignKey, AddPrimaryKey, AddUnique, ReplaceForeignKey, SetNotNull
from pgproof.remedy.indexes import CreateIndex, CreateStatistics
from pgproof.remedy.names import object_name
from pgproof.remedy.operation import Operation
from pgproof.remedy.plan_values import Step


class Taken:
    """The names of the relations and statistics of each schema and of the constraints of each table."""

    def __init__(self, catalog: Catalog) -> None:
        self._relations: dict[str, set[str]] = defaultdict(set)
        self._constraints: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._statistics: dict[str, set[str]] = defaultdict(set)
        for table in catalog.tables:
            self._relations[table.schema] |= {table.name, *(index.name for index in table.indexes)}
            self._constraints[table.schema, table.name] |= {constraint.name for constraint in table.constraints}
            for statistics in table.extended_statistics:
                self._statistics[statistics.schema].add(statistics.name)
        for sequence in catalog.sequences:
            self._relations[sequence.schema].add(sequence.name)

    def free(self, schema: str, table: str, name: str, *, relation: bool, constraint: bool) -> str:
        """Return a name that is like one, or that one, and is taken from now on."""
        found, number = name, 1
        while (relation and found in self._relations[schema]) or (
            constraint and found in self._constraints[schema, table]
        ):
            number += 1
            found = object_name(name, str(number), ())
        if relation:
            self._relations[schema].add(found)
        if constraint:
            self._constraints[schema, table].add(found)
        return found

    def free_statistics(self, schema: str, name: str) -> str:
        """Return a name for extended statistics, which share theirs with nothing else."""
        found, number = name, 1
        while found in self._statistics[schema]:
            number += 1
            found = object_name(name, str(number), ())
        self._statistics[schema].add(found)
        return found


def renamed(steps: Iterable[Step], taken: Taken) -> tuple[Step, ...]:
    """Return steps whose new objects have names that neither the catalog nor another step has."""
    return tuple(replace(step, operation=_renamed(step.operation, taken)) for step in steps)


def _renamed(operation: Operation, taken: Taken) -> Operation:
    if isinstance(operation, CreateIndex | AddUnique | AddPrimaryKey):
        constraint = not isinstance(operation, CreateIndex)
        name = taken.free(operation.schema, operation.table, operation.name, relation=True, constraint=constraint)
        return replace(operation, name=name)
    if isinstance(operation, AddCheck | AddForeignKey):
        name = taken.free(operation.schema, operation.table, operation.name, relation=False, constraint=True)
        return replace(operation, name=name)
    if isinstance(operation, SetNotNull):
        name = taken.free(operation.schema, operation.table, operation.check_name, relation=False, constraint=True)
        return replace(operation, check_name=name)
    if isinstance(operation, ReplaceForeignKey):
        new = operation.new
        name = taken.free(new.schema, new.table, new.name, relation=False, constraint=True)
        return replace(operation, new=replace(new, name=name))
    if isinstance(operation, CreateStatistics):
        return replace(operation, name=taken.free_statistics(operation.schema, operation.name))
    return operation
