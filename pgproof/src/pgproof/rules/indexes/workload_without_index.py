"""A statement of the workload that reads a table as a whole, or sorts it, for want of an index.

What it finds:
    Statements whose plan reads every row of a table to keep those in which some columns have given values, or sorts
    many rows to take the first, where an index over these columns would lead to the rows. One index is proposed for
    all statements that it serves. Tables of fewer than 1,000 rows, statements with fewer than 10 calls and values
    that more than one row in twenty has are left alone.

Why it matters:
    The time of such a statement grows with the table, and each call pushes other pages out of the cache.

Evidence:
    pg_stat_statements, the statistics of the columns, and the generic plan of each statement, which looks at no value.

Remedy:
    `op.create_index(..., postgresql_concurrently=True)` in an autocommit block, and `Index(...)` in the model: columns
    that equal a value first, then the one that is ordered by or bounded.

When to ignore:
    The statement runs rarely and may take its time, and the table is written much more often than it is read: each
    index costs every INSERT and most UPDATEs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

from pgproof.advise.candidates import Candidate, candidates
from pgproof.advise.workload import WorkloadStatement
from pgproof.facts.amounts import amount
from pgproof.facts.catalog import Catalog, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import Question
from pgproof.remedy.indexes import CreateIndex
from pgproof.rules.finding import Finding, NotChecked, Remedy, table_ref
from pgproof.rules.indexes._lacking_examples import SERVED, UNSERVED
from pgproof.rules.indexes._shared import Names
from pgproof.rules.lacking_index import Lacking, lacking, plans_of
from pgproof.rules.rule import Metadata
from pgproof.rules.statements import (
    by_share,
    described,
    distinct_values,
    explained,
    key_sql,
    most_time_first,
    rows_of,
    shortened,
    statement_ref,
    time_taken,
    unrecorded,
)

METADATA = Metadata(
    code="IDX12", slug="workload-without-index", severity="medium", needs=("catalog", "statements", "plan")
)

SHOWN = 3
"""Plans that a finding shows: of the statements that take most time."""


def questions(facts: Facts) -> Iterator[Question]:
    """Ask how the server runs each statement that no index is made for."""
    return plans_of(facts)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each index that statements of the workload would need."""
    yield from unrecorded(facts)
    by_table: dict[int, list[Lacking]] = defaultdict(list)
    not_checked: dict[NotChecked, None] = {}
    for each in lacking(facts):
        if isinstance(each, NotChecked):
            not_checked[each] = None
        else:
            by_table[each.wanted.table.oid].append(each)
    yield from not_checked
    names = Names(facts.catalog)
    for of_table in by_table.values():
        yield from _of_table(facts, of_table, names)


def _of_table(facts: Facts, found: list[Lacking], names: Names) -> Iterator[Finding]:
    table = found[0].wanted.table
    weights = ((each.shape, each.statement.statement.total_ms) for each in found)
    for candidate in candidates(weights, _more_distinct_first(facts.catalog, table)):
        if not (facts.runs("IDX01") and _is_a_plain_reference(table, candidate)):
            served = most_time_first(each for each in found if each.shape in candidate.serves)
            yield _finding(facts, table, candidate, served, names)


def _more_distinct_first(catalog: Catalog, table: Table) -> Callable[[str], tuple[float, int]]:
    return lambda name: (-distinct_values(catalog, table, name), table.column(name).number)


def _is_a_plain_reference(table: Table, candidate: Candidate) -> bool:
    """Whether these are just the columns of a foreign key, which IDX01 asks an index for whatever the workload."""
    columns = {key.column for key in candidate.keys}
    return any(set(key.columns) == columns for key in table.foreign_keys)


def _finding(facts: Facts, table: Table, candidate: Candidate, served: tuple[Lacking, ...], names: Names) -> Finding:
    columns = tuple(key.column for key in candidate.keys)
    return METADATA.finding(
        objects=(table_ref(table, *columns),),
        related=tuple(statement_ref(each.statement.statement) for each in served),
        message=f"{_doing(served)} {table.qualified_name} for want of an index on ({', '.join(columns)})",
        consequence=f"{time_taken(served)}; each call looks at about {amount(rows_of(facts.catalog, table), 'row')}.",
        severity=by_share(METADATA.severity, served),
        confidence="plan",
        evidence=tuple(explained(facts, each.wanted.planned, described(each.found)) for each in served[:SHOWN]),
        remedy=_remedy(facts.catalog, table, candidate, served[0].statement, names),
    )


def _doing(served: tuple[Lacking, ...]) -> str:
    sorts = any(each.found.sort_key for each in served)
    if len(served) == 1:
        return f"1 statement {'sorts' if sorts else 'reads the whole of'}"
    return f"{len(served)} statements {'sort or ' if sorts else ''}read the whole of"


def _remedy(catalog: Catalog, table: Table, candidate: Candidate, statement: WorkloadStatement, names: Names) -> Remedy:
    columns = tuple(key.column for key in candidate.keys)
    what = f"Create an index on ({', '.join(key_sql(key) for key in candidate.keys)})"
    for_what = f", which serves: {shortened(statement.statement.query)}"
    if table.kind == "partitioned table":
        return Remedy(f"{what} of each partition concurrently, then of the table, which takes them over{for_what}")
    if catalog.partitions(table):
        return Remedy(f"{what} of the table and of each that inherits from it{for_what}")
    name = names.free(table, columns)
    return Remedy(
        f"{what}{for_what}",
        (CreateIndex(table.schema, table.name, name, tuple(key_sql(key) for key in candidate.keys)),),
    )


BAD = UNSERVED
GOOD = SERVED
