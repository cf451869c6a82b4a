"""Indexes on columns that busy updates set, so that each update writes every index of the table.

What it finds:
    A table with at least 10 000 updates of which fewer than half were heap-only, and an index that no rule needs, on
    a column that UPDATE statements of pg_stat_statements set in at least half of the rows they changed. The column
    may be a key, or stand in the index's expression, predicate or INCLUDE list.

Why it matters:
    An update that changes no indexed column and finds room on its page writes no index at all (heap-only tuple). An
    update that changes one writes a new entry in every index of the table, and leaves one for VACUUM to remove.

Evidence:
    pg_stat_user_tables.n_tup_upd and n_tup_hot_upd; the SET lists of pg_stat_statements. The counters tell neither
    whether a column that was set changed its value nor whether the page was full: it is a sample, not a proof.
    Source: PostgreSQL documentation, Heap-Only Tuples (HOT).

Remedy:
    Drop the index or take the column out of it where its queries do without; keep what changes often in a narrow
    table of its own; set a column only when it changes. Where updates change no indexed column, leave room on the
    pages instead: `ALTER TABLE ... SET (fillfactor = 80)`, `postgresql_with={"fillfactor": 80}` on the `Table`.

When to ignore:
    The index serves queries that matter more than the updates cost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pgproof.facts.amounts import amount
from pgproof.facts.catalog import Catalog, Index, Table
from pgproof.facts.model import Facts
from pgproof.facts.server_state import Statement
from pgproof.remedy.names import literal, quoted
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, Severity, index_ref, table_ref
from pgproof.rules.indexes._unused import remaining_indexes
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.severity import MANY_ROWS, raised
from pgproof.rules.sql_text import Update, columns_named, update_of

METADATA = Metadata(
    code="IDX19", slug="index-that-kills-hot-updates", severity="low", needs=("statistics", "statements")
)

BUSY_UPDATES = 10_000
"""Below it the writes of an index are too few to matter."""

HOT = 0.5
"""Share of heap-only updates from which most of what can be saved is being saved."""

MOST_ROWS = 0.5
"""Share of the updated rows whose statement sets a column, from which it is the likely reason."""

_FOLLOWS_NO_ROW = frozenset(("brin",))
"""From PostgreSQL 16 an index that only summarises pages does not keep updates from being heap-only."""


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each busy table whose updates set indexed columns."""
    busy = [table for table in facts.catalog.tables if _updates_write_indexes(table)]
    statements = facts.server.statements
    if statements is None:
        yield from (
            NotChecked("pg_stat_statements, to see which columns are updated", (table_ref(table),)) for table in busy
        )
        return
    updates = _updates_by_table(facts.catalog, statements)
    remaining: dict[int, list[Index]] = {}
    for table, index in remaining_indexes(facts):
        if not index.unique and not index.exclusion and index.method not in _FOLLOWS_NO_ROW:
            remaining.setdefault(table.oid, []).append(index)
    for table in busy:
        set_often = _columns_set_often(updates.get(table.oid, []))
        indexes = [
            (index, columns)
            for index in remaining.get(table.oid, [])
            if (columns := set_often & _columns_of(table, index))
        ]
        if indexes:
            yield _finding(table, indexes)


def _updates_write_indexes(table: Table) -> bool:
    counted = table.statistics
    return counted is not None and counted.updated >= BUSY_UPDATES and counted.hot_updated < HOT * counted.updated


def _updates_by_table(catalog: Catalog, statements: tuple[Statement, ...]) -> dict[int, list[tuple[Update, int]]]:
    """Return the UPDATE statements of each table with the rows they changed; none where its name is ambiguous."""
    named: dict[str, list[Table]] = {}
    for table in catalog.tables:
        named.setdefault(table.name, []).append(table)
    found: dict[int, list[tuple[Update, int]]] = {}
    for statement in statements:
        update = update_of(statement.query)
        if update is None:
            continue
        tables = [table for table in named.get(update.table, []) if update.schema in (None, table.schema)]
        if len(tables) == 1:
            found.setdefault(tables[0].oid, []).append((update, statement.rows))
    return found


def _columns_set_often(updates: list[tuple[Update, int]]) -> set[str]:
    rows = Counter[str]()
    for update, changed in updates:
        rows.update(dict.fromkeys(update.columns, changed))
    total = sum(changed for _, changed in updates)
    return {column for column, changed in rows.items() if changed and changed >= MOST_ROWS * total}


def _columns_of(table: Table, index: Index) -> set[str | None]:
    """Return what an index depends on: keys, columns carried along, and what expressions and predicate name."""
    texts = (index.predicate, *(key.expression for key in index.keys))
    return {*index.columns, *index.include}.union(*(columns_named(table, text) for text in texts))


def _finding(table: Table, indexes: list[tuple[Index, set[str]]]) -> Finding:
    counted = table.statistics
    assert counted is not None
    columns = sorted(set().union(*(columns for _, columns in indexes)))
    return METADATA.finding(
        objects=tuple(index_ref(table, index) for index, _ in indexes),
        related=(table_ref(table, *columns),),
        message=f"{', '.join(index.name for index, _ in indexes)} of {table.qualified_name} "
        f"{'index' if len(indexes) > 1 else 'indexes'} what most of its updates set: {', '.join(columns)}",
        consequence=f"{counted.updated - counted.hot_updated} of {counted.updated} updates wrote each of the "
        f"{amount(len(table.indexes), 'index', 'indexes')} of the table.",
        severity=raised(METADATA.severity) if counted.updated >= MANY_ROWS else None,
        confidence="sample",
        evidence=(
            Evidence(
                "statistics",
                "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relid = "
                f"{literal(quoted(table.schema, table.name))}::regclass",
                f"{counted.updated} updates, {counted.hot_updated} of them heap-only",
            ),
        ),
        remedy=Remedy(
            f"Take {', '.join(columns)} out of the indexes that can do without, or update it less often; if its value "
            "seldom changes, lower the table's fillfactor instead."
        ),
    )


_T = "CREATE TABLE t (id int PRIMARY KEY, a int, b int, c text); CREATE INDEX i ON t (a);"
_BUSY = given.table("t", updated=10_000, hot_updated=4_999)


_SET = ("UPDATE t SET a = $1 WHERE id = $2", 10)


def _case(
    name: str,
    sql: str,
    *statements: tuple[str, int],
    busy: given.Given = _BUSY,
    objects: tuple[str, ...] = (),
    severity: Severity | None = None,
    says: tuple[str, ...] = (),
) -> Example:
    return Example(
        name,
        sql=sql,
        given=(busy, given.workload(*((text, calls, 1.0) for text, calls in statements))),
        objects=objects,
        severity=severity,
        says=says,
        renamed=False,
    )


BAD = (
    _case(
        "an index on the column that is set",
        _T,
        _SET,
        objects=("i",),
        severity="low",
        says=("i of", "indexes what", "5001 of 10000"),
    ),
    _case(
        "a million updates",
        _T,
        _SET,
        busy=given.table("t", updated=1_000_000, hot_updated=0),
        objects=("i",),
        severity="medium",
    ),
    _case(
        "the statement qualifies, quotes and aliases, and sets several",
        _T,
        ('UPDATE ONLY "t" AS x SET b = ($1 + 2), "a" = (SELECT max(id) FROM t WHERE c = $3) WHERE id = $2', 10),
        objects=("i",),
    ),
    _case(
        "a list of columns is set at once",
        _T,
        ("/* app */ update t set (b, a) = ($1, $2) where id = $3 -- done", 10),
        objects=("i",),
    ),
    _case(
        "half of the rows are enough",
        _T,
        ("UPDATE t SET a = $1 WHERE id = $2", 10),
        ("UPDATE t SET b = $1 WHERE id = $2 RETURNING a", 10),
        objects=("i",),
    ),
    _case(
        "the column is carried along, in an expression, or in the predicate",
        "CREATE TABLE t (id int PRIMARY KEY, a int, b int); CREATE INDEX i1 ON t (b) INCLUDE (a);"
        " CREATE INDEX i2 ON t ((a + b)); CREATE INDEX i3 ON t (b) WHERE a > 0",
        _SET,
        objects=("i1", "i2", "i3"),
        says=("index what",),
    ),
)
GOOD = (
    _case("most updates are heap-only", _T, _SET, busy=given.table("t", updated=10_000, hot_updated=5_000)),
    _case("few updates", _T, _SET, busy=given.table("t", updated=9_999, hot_updated=0)),
    _case("of a view nothing is counted", f"{_T} CREATE VIEW v AS SELECT a FROM t", ("UPDATE v SET a = $1", 10)),
    _case("the index is on another column", _T, ("UPDATE t SET b = $1 WHERE a = $2", 10)),
    _case(
        "the column is set in few of the updates",
        _T,
        ("UPDATE t SET a = $1 WHERE id = $2", 9),
        ("UPDATE t SET b = $1 FROM p WHERE id = $2", 10),
    ),
    _case("the column is only read", _T, ("UPDATE t SET b = a + $1 WHERE id = $2", 10), ("SELECT a FROM t", 10)),
    _case("another table's column", _T, ("UPDATE other.t SET a = $1 WHERE id = $2", 10)),
    _case("no row was changed", _T, ("UPDATE t SET a = $1 WHERE id = $2", 0)),
    _case("what is not understood says nothing", _T, ("UPDATE t", 10), ("UPDATE", 10), ("", 10)),
    _case("a unique index", "CREATE TABLE t (id int PRIMARY KEY, a int UNIQUE)", _SET),
    _case(
        "an index that summarises",
        "CREATE TABLE t (id int PRIMARY KEY, a int); CREATE INDEX ON t USING brin (a)",
        _SET,
    ),
    _case(
        "an exclusion constraint",
        "CREATE TABLE t (id int PRIMARY KEY, a int4range, EXCLUDE USING gist (a WITH &&))",
        _SET,
    ),
    _case(
        "an index that repeats another is that rule's matter",
        "CREATE TABLE t (id int PRIMARY KEY, a int UNIQUE); CREATE INDEX ON t (a)",
        _SET,
    ),
    Example(
        "nobody knows which columns are updated",
        sql=_T,
        given=(_BUSY, given.server(statements=None)),
        renamed=False,
    ),
)
