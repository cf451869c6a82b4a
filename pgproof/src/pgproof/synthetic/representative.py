"""Whether a copy stands for its source: the same statements are planned in the same way, with the same expectations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from pgproof.facts.model import Facts
from pgproof.facts.plans import Refused, explain_generic
from pgproof.facts.questions import PlanNode, PlanOf
from pgproof.facts.read import bounded_reading

Connection = psycopg.Connection[Any]

FACTOR = 2.0
"""How far the rows that a node expects may be apart."""
_STATEMENT_MS = 5_000


@dataclass(frozen=True)
class Compared:
    """A statement in both databases.

    Attributes:
        statement: as it was recorded, without values.
        source_rows: that the source's planner expects, of the node that is farthest apart.
        copy_rows: that the copy's planner expects of the same node.
        differs: what is otherwise in the copy; None where nothing is.
        refused: why it was not planned in one of them; None if it was.
    """

    statement: str
    source_rows: float = 0.0
    copy_rows: float = 0.0
    differs: str | None = None
    refused: str | None = None


@dataclass(frozen=True)
class Representation:
    """How well a copy stands for its source."""

    compared: tuple[Compared, ...]

    @property
    def share(self) -> float:
        """Of the statements that can be planned, those with the same plan; 1 where there are none."""
        planned = [one for one in self.compared if one.refused is None]
        return sum(one.differs is None for one in planned) / len(planned) if planned else 1.0

    @property
    def rest(self) -> tuple[Compared, ...]:
        """The statements that are planned otherwise, or were not planned."""
        return tuple(one for one in self.compared if one.differs is not None or one.refused is not None)


def representative(
    source: tuple[Connection, Facts], copy: tuple[Connection, Facts], statements: Sequence[str], scale: float = 1.0
) -> Representation:
    """Compare the generic plans of a workload in a source and in its copy.

    Plans are the same where their nodes are: kind, relation, index; and where each node expects as many rows, within a
    factor of 2. In a copy with more rows than the source, expectations may have grown as much.

    Args:
        source: connection outside a transaction, and facts of the same database.
        copy: the same of the copy.
        statements: as pg_stat_statements shows them, values replaced by $1, $2 ...
        scale: times as many rows as the source the copy has.
    """
    return Representation(tuple(_compare(source, copy, statement, scale) for statement in statements))


def _compare(
    source: tuple[Connection, Facts], copy: tuple[Connection, Facts], statement: str, scale: float
) -> Compared:
    try:
        theirs, ours = (_plan(connection, facts, statement) for connection, facts in (source, copy))
    except (Refused, psycopg.DatabaseError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return Compared(statement, refused=reason)
    worst = (1.0, theirs.rows, ours.rows)
    keys = _index_keys(source[1]), _index_keys(copy[1])
    for one, other in zip(_nodes(theirs), _nodes(ours), strict=False):
        if _shape(one, keys[0]) != _shape(other, keys[1]):
            return Compared(statement, one.rows, other.rows, f"{_named(other)} instead of {_named(one)}")
        expected, found = max(one.rows, 1.0), max(other.rows, 1.0)
        apart = max(found / (expected * max(scale, 1.0)), expected * min(scale, 1.0) / found)
        if apart > worst[0]:
            worst = (apart, one.rows, other.rows)
    if len(list(_nodes(theirs))) != len(list(_nodes(ours))):
        return Compared(statement, theirs.rows, ours.rows, "its plan has other nodes")
    apart, expected, found = worst
    differs = f"a node expects {found:.0f} rows instead of {expected:.0f}" if apart > FACTOR else None
    return Compared(statement, expected, found, differs)


def _plan(connection: Connection, facts: Facts, statement: str) -> PlanNode:
    with bounded_reading(connection, _STATEMENT_MS) as cursor:
        return explain_generic(cursor, facts, PlanOf(statement))


def _nodes(node: PlanNode) -> Iterator[PlanNode]:
    yield node
    for child in node.children:
        yield from _nodes(child)


def _shape(node: PlanNode, indexes: Mapping[tuple[str, str], object]) -> tuple[object, ...]:
    """Of an index what it holds: which of two equal ones the planner takes is chance."""
    schema = node.relation.schema if node.relation else None
    named = (keys for (where, name), keys in indexes.items() if name == node.index and schema in (where, None))
    index = next(named, None)
    return (node.node_type, node.relation, index, len(node.children))


def _index_keys(facts: Facts) -> Mapping[tuple[str, str], object]:
    return {
        (table.schema, index.name): (table.qualified_name, index.method, index.keys, index.include, index.predicate)
        for table in facts.catalog.tables
        for index in table.indexes
    }


def _named(node: PlanNode) -> str:
    of = node.index or node.relation
    return f"{node.node_type} of {of}" if of else node.node_type
