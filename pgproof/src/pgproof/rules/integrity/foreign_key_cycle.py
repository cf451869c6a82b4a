"""Tables whose foreign keys go round in a circle.

What it finds:
    Two or more tables that refer to each other, directly or through others, by foreign keys that cannot be deferred.
    If all of them are required, no row can be inserted by ordinary statements at all, since each needs another one
    first. If one is optional, rows are inserted in two steps; that is reported with low severity. A table that refers
    to itself is a tree, and is left alone.

Why it matters:
    A row has to be inserted without its reference and updated afterwards, and deleted the same way round. A restore
    of the data alone, a copy between databases and a fixture in a test have no order that works.

Evidence:
    pg_constraint and pg_attribute.

Remedy:
    Let one of the keys be checked at the end of the transaction, where that is asked for: `ForeignKey(...,
    deferrable=True, initially="IMMEDIATE", use_alter=True)`, and SET CONSTRAINTS ... DEFERRED; in the ORM
    `post_update=True` on the relationship.

When to ignore:
    The optional reference is meant to be set later, as the manager of a department.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from pgproof.facts.catalog import Catalog, Constraint, Table
from pgproof.facts.model import Facts
from pgproof.remedy.deferral import MakeDeferrable
from pgproof.rules.finding import Evidence, Finding, Remedy, constraint_ref, table_ref
from pgproof.rules.integrity._foreign_keys import parent_of
from pgproof.rules.integrity._keys import own_references, required
from pgproof.rules.integrity._stated import unread
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="INT12", slug="foreign-key-cycle", severity="low")


@dataclass(frozen=True)
class _Reference:
    """A foreign key between two different tables."""

    table: Table
    key: Constraint
    to: int

    @property
    def required(self) -> bool:
        return required(self.table, self.key.columns)


_Graph = Mapping[int, tuple[_Reference, ...]]


def check(facts: Facts) -> Iterator[Finding]:
    """Yield one cycle of each group of tables that refer to each other: a required one first."""
    reported: set[int] = set()
    whole = _graph(facts.catalog, lambda reference: True)
    for accepted in (lambda reference: reference.required, lambda reference: True):
        graph = _graph(facts.catalog, accepted)
        for start in sorted(graph):
            cycle = _shortest_cycle(graph, start)
            if cycle and not (together := _together(graph, start)) & reported:
                reported |= together
                yield _finding(cycle, (_weakest(cycle), *_further(whole, start, _weakest(cycle))))


def _graph(catalog: Catalog, accepted: Callable[[_Reference], bool]) -> _Graph:
    graph: dict[int, tuple[_Reference, ...]] = {}
    for table in catalog.base_tables:
        references = (
            _Reference(table, key, parent.oid)
            for key in own_references(table)
            if (parent := parent_of(catalog, key)) is not None and not key.deferrable and parent.oid != table.oid
        )
        graph[table.oid] = tuple(reference for reference in references if accepted(reference))
    return graph


def _shortest_cycle(graph: _Graph, start: int) -> tuple[_Reference, ...]:
    """Return the references of the shortest way from a table back to it; nothing where there is none."""
    ways: list[tuple[_Reference, ...]] = [(reference,) for reference in graph[start]]
    seen: set[int] = set()
    for way in ways:
        end = way[-1].to
        if end == start:
            return way
        if end not in seen:
            seen.add(end)
            ways += [(*way, reference) for reference in graph.get(end, ())]
    return ()


def _together(graph: _Graph, start: int) -> set[int]:
    """Return the tables that a table leads to and that lead back to it."""
    return {oid for oid in _reached(graph, start) if start in _reached(graph, oid)}


def _reached(graph: _Graph, start: int) -> set[int]:
    ahead, reached = [start], {start}
    while ahead:
        found = {each.to for each in graph.get(ahead.pop(), ())} - reached
        reached |= found
        ahead += found
    return reached


def _weakest(cycle: tuple[_Reference, ...]) -> _Reference:
    return next((each for each in cycle if not each.required), cycle[0])


def _further(graph: _Graph, start: int, first: _Reference) -> Iterator[_Reference]:
    """Yield what else has to wait so that a group of tables goes round no more: of each circle left its weakest."""
    group = _together(graph, start)
    left = {oid: graph[oid] for oid in group}
    weakest: _Reference | None = first
    while weakest is not None:
        oid = weakest.table.oid
        left[oid] = tuple(each for each in left[oid] if each.key.name != weakest.key.name)
        weakest = next((_weakest(cycle) for each in sorted(left) if (cycle := _shortest_cycle(left, each))), None)
        if weakest is not None:
            yield weakest


def _finding(cycle: tuple[_Reference, ...], waiting: tuple[_Reference, ...]) -> Finding:
    names = " -> ".join(str(each.table.qualified_name) for each in (*cycle, cycle[0]))
    optional = [each for each in cycle if not each.required]
    keys = ", ".join(each.key.name for each in cycle)
    if optional:
        severity = METADATA.severity
        without = ", ".join(each.key.name for each in optional)
        consequence = f"Rows are inserted without {without} and updated afterwards, and no order restores the data."
    else:
        severity = "high"
        consequence = "All of the references are required: no first row can be inserted into any of the tables."
    return METADATA.finding(
        objects=tuple(constraint_ref(each.table, each.key) for each in cycle),
        message=f"Foreign keys go round in a circle: {names}",
        consequence=consequence,
        severity=severity,
        evidence=(
            Evidence(
                "catalog",
                "SELECT conrelid::regclass, conname, confrelid::regclass FROM pg_constraint WHERE contype = 'f' AND NOT"
                " condeferrable",
                f"{keys} form a cycle",
            ),
        ),
        remedy=Remedy(
            f"Let {', '.join(each.key.name for each in waiting)} be deferred by the transactions that insert or delete "
            "both rows.",
            tuple(MakeDeferrable(each.table.schema, each.table.name, each.key.name) for each in waiting),
        ),
        related=tuple(table_ref(each.table) for each in cycle),
    )


def _circle(*columns: str, more: str = "") -> str:
    names = [f"t{number}" for number in range(len(columns))]
    tables = "".join(
        f"CREATE TABLE {name} (id int PRIMARY KEY, r int {columns[n].split(';')[0]});" for n, name in enumerate(names)
    )
    keys = "".join(
        f"ALTER TABLE {name} ADD CONSTRAINT k{n} FOREIGN KEY (r) REFERENCES {names[(n + 1) % len(names)]}"
        f" {columns[n].partition(';')[2]};"
        for n, name in enumerate(names)
    )
    return tables + keys + more


BAD = (
    Example(
        "two tables that require each other",
        sql=_circle("NOT NULL", "NOT NULL"),
        objects=("k0", "k1"),
        severity="high",
        says=("All of the references are required", "Let k0 be deferred"),
    ),
    Example(
        "a department and its manager",
        sql=_circle("NOT NULL", ""),
        objects=("k0", "k1"),
        severity="low",
        says=("Rows are inserted without k1 and updated", "Let k1 be deferred"),
    ),
    Example("three tables in a circle", sql=_circle("", "", ""), objects=("k0", "k1", "k2")),
    Example(
        "a circle that other tables lead to and away from",
        sql=_circle(
            "NOT NULL",
            "",
            more="""
                CREATE TABLE a (id int PRIMARY KEY REFERENCES t0);
                CREATE TABLE z (id int PRIMARY KEY);
                ALTER TABLE t1 ADD z int REFERENCES z;
            """,
        ),
        objects=("k0", "k1"),
    ),
    Example(
        "a required circle within an optional one",
        sql=_circle(
            "NOT NULL",
            "NOT NULL",
            more="CREATE TABLE t2 (id int PRIMARY KEY REFERENCES t0); ALTER TABLE t1 ADD t2 int REFERENCES t2;",
        ),
        objects=("k0", "k1"),
    ),
    Example(
        "two circles apart",
        sql=_circle("", "")
        + _circle("NOT NULL", "").replace("t0", "u0").replace("t1", "u1").replace("k0", "l0").replace("k1", "l1"),
        findings=2,
        objects=("k0", "k1", "l0", "l1"),
    ),
    Example(
        "a required circle of three, two of which also mention each other",
        sql=_circle("NOT NULL", "NOT NULL", "NOT NULL", more="ALTER TABLE t1 ADD back int REFERENCES t0;"),
        objects=("k0", "k1", "k2"),
        severity="high",
    ),
    Example(
        "two circles that share a table",
        sql=_circle("", "")
        + "CREATE TABLE t2 (id int PRIMARY KEY, r int REFERENCES t0); ALTER TABLE t0 ADD s int REFERENCES t2;",
        objects=("k0", "k1"),
    ),
    Example(
        "two circles, of which one leads to the other",
        sql=_circle("", "")
        + _circle("", "").replace("t0", "u0").replace("t1", "u1").replace("k0", "l0").replace("k1", "l1")
        + "ALTER TABLE t0 ADD u int REFERENCES u0;",
        findings=2,
        objects=("k0", "k1", "l0", "l1"),
    ),
)
GOOD = (
    Example(
        "a circle through a table of a schema that was not read",
        sql=_circle("", ""),
        given=(unread("t1"),),
        renamed=False,
    ),
    Example("a tree in one table", sql="CREATE TABLE t (id int PRIMARY KEY, parent int NOT NULL REFERENCES t)"),
    Example("a circle whose check can wait", sql=_circle("NOT NULL", "NOT NULL; DEFERRABLE")),
    Example(
        "two ways to the same table",
        sql="""
            CREATE TABLE c (id int PRIMARY KEY);
            CREATE TABLE b (id int PRIMARY KEY, c int REFERENCES c);
            CREATE TABLE a (id int PRIMARY KEY, b int REFERENCES b, c int REFERENCES c);
        """,
    ),
    Example(
        "a chain that ends",
        sql="CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a)",
    ),
)
