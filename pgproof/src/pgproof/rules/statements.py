"""What rules about statements share: the tables they read, their plans, and how a finding shows them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, TypeVar

from pgproof.advise.deparsed import columns_in, filter_columns, fixed_values
from pgproof.advise.statements import OrderColumn, TableUse
from pgproof.advise.workload import WorkloadStatement, read_workload
from pgproof.facts.amounts import amount
from pgproof.facts.catalog import Catalog, Index, QualifiedName, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import PlanNode, PlanOf
from pgproof.facts.server_state import Statement
from pgproof.remedy.names import quoted
from pgproof.rules.finding import Evidence, NotChecked, ObjectRef, Severity, table_ref
from pgproof.rules.severity import FEW_ROWS, lowered, raised

FEWEST_CALLS = 10
"""Below it a statement may be somebody's question to the database rather than the application's."""

MUCH, LITTLE = 0.1, 0.01
"""Shares of the time of all recorded statements from which on a finding is raised, and below which it is lowered."""

LISTED = 10
"""Elements that the planner expects in an array it does not know (src/backend/utils/adt/selfuncs.c)."""

_PARAMETER = re.compile(r"(?<![\w$])\$(\d+)")
_GENERIC_PLAN = 160000  # server_version_num from which EXPLAIN has the option
_LONGEST = 200
_LABEL = 60


class OfStatement(Protocol):
    """What a rule has seen in one statement."""

    @property
    def statement(self) -> WorkloadStatement:
        """The statement."""


Seen = TypeVar("Seen", bound=OfStatement)


def unrecorded(facts: Facts) -> Iterator[NotChecked]:
    """Yield that no statements are known, if that is so."""
    if facts.server.statements is None:
        yield NotChecked("pg_stat_statements, created in the database, and the right to read it (pg_monitor)")


def frequent(facts: Facts) -> Iterator[WorkloadStatement]:
    """Yield the recorded statements that the application itself runs, as their number shows."""
    return (each for each in read_workload(facts) if each.statement.calls >= FEWEST_CALLS)


def large_table(catalog: Catalog, name: QualifiedName) -> Table | None:
    """Return the table of the project that a statement names, a partition's parent for the partition.

    None for a view or an extension's table, and for a small table, which is read as a whole whatever indexes it has.
    """
    table = catalog.named(name)
    while table is not None and table.is_partition:
        table = catalog.table(table.parents[0])
    if table is None or table.extension is not None or table.kind not in ("table", "partitioned table"):
        return None
    return table if rows_of(catalog, table) >= FEW_ROWS else None


def rows_of(catalog: Catalog, table: Table) -> int:
    """Return the estimated rows of a table with those of its partitions."""
    partitions = catalog.partitions(table) if table.kind == "partitioned table" else ()
    return max(table.estimated_rows or 0, sum(rows_of(catalog, partition) for partition in partitions))


def distinct_values(catalog: Catalog, table: Table, name: str) -> float:
    """Return how many values a column has, as ANALYZE found; one where nobody has looked."""
    statistics = table.column(name).statistics
    if statistics is None:
        return 1.0
    distinct = statistics.n_distinct
    return max(distinct if distinct > 0 else -distinct * rows_of(catalog, table), 1.0)


def expected_share(catalog: Catalog, table: Table, use: TableUse, equal: frozenset[str]) -> float:
    """Return the share of the rows that the planner expects to equal any values of these columns."""
    share = 1.0
    for name in equal:
        several = any(each.several for each in use.equalities if each.column == name)
        share *= min((LISTED if several else 1) / distinct_values(catalog, table, name), 1.0)
    return share


def nodes(plan: PlanNode) -> Iterator[PlanNode]:
    """Yield each node of a plan, from the root down."""
    yield plan
    for child in plan.children:
        yield from nodes(child)


def whole_reads(catalog: Catalog, plan: PlanNode, table: Table) -> tuple[PlanNode, ...]:
    """Return the nodes that read every row of a table or of a partition of it."""
    return tuple(node for node in nodes(plan) if node.node_type == "Seq Scan" and reads(catalog, node, table))


def reads(catalog: Catalog, node: PlanNode, table: Table) -> bool:
    """Tell whether a node itself reads a table, or a partition of it."""
    found = catalog.named(node.relation) if node.relation is not None else None
    while found is not None and found.oid != table.oid and found.is_partition:
        found = catalog.table(found.parents[0])
    return found is not None and found.oid == table.oid


def unproven(table: Table, index: Index, use: TableUse) -> dict[str, tuple[int, str]]:
    """Return the columns whose value a partial index fixes and a statement leaves to a parameter.

    For each the number of the parameter and the value, as SQL.
    """
    values = fixed_values(index.predicate, table) if index.predicate is not None else {}
    return {
        each.column: (each.parameter, values[each.column])
        for each in use.equalities
        if each.parameter is not None and each.column in values
    }


def planned(each: WorkloadStatement, use: TableUse) -> str:
    """Return the statement whose plan shows how a table is read: its own, or a look-up with the same conditions.

    A statement that changes or locks rows is not planned itself, since planning it locks its tables as it would.
    """
    if each.parsed.reads_only:
        return each.statement.query
    conditions = [f"{quoted(one.column)} {'= ANY (${})' if one.several else '= ${}'}" for one in use.equalities]
    conditions += [f"{quoted(column)} > ${{}}" for column in use.ranges]
    name = quoted(use.table.schema, use.table.name) if use.qualified else quoted(use.table.name)
    parts = [f"SELECT 1 FROM {name}"]
    parts += [f"WHERE {' AND '.join(conditions)}"] if conditions else []
    parts += [f"ORDER BY {', '.join(key_sql(key) for key in use.order)}"] if use.order else []
    parts += ["LIMIT ${}"] if use.limited else []
    return _numbered(" ".join(parts))


def with_values(statement: str, values: Mapping[int, str]) -> str:
    """Return a statement with values in the place of some parameters, and the others numbered anew without gaps."""
    left = sorted({int(number) for number in _PARAMETER.findall(statement)} - set(values))
    places = {number: f"${place}" for place, number in enumerate(left, 1)} | dict(values)
    return _PARAMETER.sub(lambda found: places[int(found[1])], statement)


def key_sql(key: OrderColumn) -> str:
    """Return the SQL of a column with its direction, for an index or for ORDER BY."""
    direction = " DESC" if key.descending else ""
    nulls = "" if key.nulls_first == key.descending else " NULLS FIRST" if key.nulls_first else " NULLS LAST"
    return f"{quoted(key.column)}{direction}{nulls}"


def _numbered(text: str) -> str:
    head, *rest = text.split("${}")
    return head + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))


def plan_of(facts: Facts, statement: str, table: Table) -> PlanNode | NotChecked:
    """Return the generic plan of a statement, or why there is none; about the table it reads."""
    answer = facts.answer(PlanOf(statement))
    if answer is not None and answer.plan is not None:
        return answer.plan
    reason = answer.refused if answer is not None else None
    return NotChecked(f"the plan of a statement: {reason or 'plans were not asked for'}", (table_ref(table),))


def narrowed_by(node: PlanNode, table: Table) -> frozenset[str]:
    """Return the columns by which a node leaves out rows as an index of plain columns could."""
    return filter_columns(node.filter, table) if node.filter is not None else frozenset()


def tested_by(node: PlanNode) -> frozenset[str]:
    """Return all columns that a node tests rows by."""
    return columns_in(node.filter) if node.filter is not None else frozenset()


def explained(facts: Facts, statement: str, result: str) -> Evidence:
    """Return a plan as evidence: what a reader runs to see it, and what it says."""
    if facts.database.server_version_num >= _GENERIC_PLAN:
        return Evidence("plan", f"EXPLAIN (GENERIC_PLAN) {statement}", result)
    parameters = len(set(_PARAMETER.findall(statement)))
    values = f"({', '.join(['NULL'] * parameters)})" if parameters else ""
    return Evidence(
        "plan",
        f"SET plan_cache_mode = force_generic_plan; PREPARE examined AS {statement}; EXPLAIN EXECUTE examined{values}",
        result,
    )


def described(node: PlanNode) -> str:
    """Return what a node of a plan does, at what cost, in words."""
    what = f"on {node.relation}" if node.relation is not None else f"by {', '.join(node.sort_key)}"
    return f"{node.node_type} {what}, cost {node.cost:,.0f}, {amount(node.rows, 'row')} expected"


def statement_ref(statement: Statement) -> ObjectRef:
    """Return the reference to a statement, by its number in pg_stat_statements."""
    return ObjectRef("statement", None, str(statement.query_id), label=first_words(statement.query))


def most_time_first(seen: Iterable[Seen]) -> tuple[Seen, ...]:
    """Return what was seen in statements, each statement once, by the time it took."""
    by_text = {each.statement.statement.query: each for each in seen}
    return tuple(by_text[text] for text in sorted(by_text, key=lambda text: (-_time(by_text[text]), text)))


def _time(seen: OfStatement) -> float:
    return seen.statement.statement.total_ms


def time_taken(seen: Iterable[OfStatement]) -> str:
    """Return how often statements ran and how long, in words that begin a sentence."""
    statements = tuple(each.statement for each in seen)
    calls = sum(one.statement.calls for one in statements)
    seconds = sum(one.statement.total_ms for one in statements) / 1000
    share = sum(one.share for one in statements)
    return f"{amount(calls, 'call')} took {seconds:,.1f} s, {share:.1%} of the time of all recorded statements"


def by_share(severity: Severity, seen: Iterable[OfStatement]) -> Severity:
    """Return the severity of what costs statements time: worse where they take much of it, milder where little."""
    share = sum(each.statement.share for each in seen)
    if share >= MUCH:
        return raised(severity)
    return lowered(severity) if share < LITTLE else severity


def shortened(statement: str) -> str:
    """Return a statement on one line, cut where it is long."""
    return _cut(statement, _LONGEST)


def first_words(statement: str) -> str:
    """Return what a statement is called in a list: its beginning."""
    return _cut(statement, _LABEL)


def _cut(statement: str, most: int) -> str:
    line = " ".join(statement.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
