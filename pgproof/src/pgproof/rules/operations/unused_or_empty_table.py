"""A table that nobody reads or writes.

What it finds:
    A table that was neither read, by any index or any sequential scan, nor written since the counters began at least
    four weeks ago, while others of the same schema were. One with rows is older than the counters, since they
    saw none come in; an empty one may be new.

Why it matters:
    It is dumped, restored, vacuumed and migrated with the rest, and everybody who reads the schema has to find out
    that it means nothing. What it holds can still be stolen.

Evidence:
    seq_scan, idx_scan, n_tup_ins, n_tup_upd and n_tup_del of pg_stat_user_tables; a backup by pg_dump reads every
    table, so where one runs nothing is reported that holds rows.

Remedy:
    Ask who knows it; then rename it for some weeks, dump it, and drop it: `op.drop_table(...)` in Alembic, and delete
    the model.

When to ignore:
    Work of once a year, a feature that is about to begin, an archive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from pgproof.facts.catalog import Table
from pgproof.facts.model import Facts
from pgproof.facts.table_statistics import TableStatistics
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, constraint_ref, table_ref
from pgproof.rules.operations._counters import counted_for, counted_since, statistics_of, storage, uncounted
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="OPS08", slug="unused-or-empty-table", severity="low", needs=("statistics",))

LEAST_COUNTED = timedelta(days=28)
"""Four weeks hold whatever runs by the month, but for the longest."""
LARGE_BYTES = 100 * 1024 * 1024
"""Worth the trouble of asking for its own sake."""
BOOKKEEPING = frozenset(
    ("alembic_version", "schema_migrations", "ar_internal_metadata", "django_migrations", "flyway_schema_history")
)
"""Tables of migration tools, which are read at the next deployment."""


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each table without a read or a write since the counters began."""
    refusal = uncounted(facts) or _unknown(facts)
    if refusal is not None:
        yield refusal
        return
    tables = [(table, storage(facts.catalog, table)) for table in facts.catalog.base_tables]
    if not any(_is_used(parts) for _, parts in tables):
        # Nobody works with the schema at all, which says nothing about one table of it.
        return
    for table, parts in tables:
        if table.name in BOOKKEEPING or not parts or _is_used(parts):
            continue
        if any(part.heap_bytes is None or part.statistics is None for part in parts):
            yield NotChecked("the size and the counters of a table that is locked", (table_ref(table),))
            continue
        yield _finding(facts, table, parts)


def _unknown(facts: Facts) -> NotChecked | None:
    if facts.server.activity is None or facts.server.activity.standbys:
        return NotChecked("the counters of the standbys, which may be where a table is read")
    if counted_for(facts) < LEAST_COUNTED:
        return NotChecked("counters that are known to be four weeks old")
    return None


def _is_used(parts: Sequence[Table]) -> bool:
    return any(part.statistics is not None and _uses(part.statistics) for part in parts)


def _uses(counters: TableStatistics) -> int:
    reads = counters.sequential_scans + counters.index_scans
    return reads + counters.inserted + counters.updated + counters.deleted


def _finding(facts: Facts, table: Table, parts: Sequence[Table]) -> Finding:
    size = sum(part.heap_bytes or 0 for part in parts)
    since = counted_since(facts)
    assert since is not None
    referencing = facts.catalog.referencing(table)
    referred = f" Foreign keys refer to it: {', '.join(key.name for _, key in referencing)}." if referencing else ""
    rows = f"its rows take {size:,} bytes" if size else "it holds no row"
    return METADATA.finding(
        objects=(table_ref(table),),
        related=tuple(constraint_ref(other, key) for other, key in referencing),
        message=f"{table.qualified_name} is {'unused' if size else 'empty and unused'}",
        consequence=f"Neither read nor written since {since:%Y-%m-%d}, {rows}, and it is still maintained.{referred}",
        severity="medium" if size >= LARGE_BYTES else None,
        evidence=(
            Evidence(
                "statistics",
                statistics_of(parts, "seq_scan, idx_scan, n_tup_ins, n_tup_upd, n_tup_del"),
                f"all 0 since {since:%Y-%m-%d}",
            ),
        ),
        remedy=Remedy("Find out who knows it; rename it for some weeks, keep a dump, then drop it with its model."),
    )


_SINCE = given.database(statistics_since=datetime(2026, 1, 1, tzinfo=UTC), taken_at=datetime(2026, 1, 29, tzinfo=UTC))
_ALONE = given.activity(standbys=0)
_UNUSED = {"inserted": 0, "updated": 0, "deleted": 0, "sequential_scans": 0, "index_scans": 0}
_USED = given.table("orders", **(_UNUSED | {"index_scans": 1}))
_SQL = "CREATE TABLE orders (id int PRIMARY KEY); CREATE TABLE old (id int PRIMARY KEY); INSERT INTO old VALUES (1)"


def _old(**counters: int) -> given.Given:
    return given.table("old", **(_UNUSED | counters))


BAD = (
    Example(
        "rows that nobody touched for four weeks",
        sql=_SQL,
        given=(_SINCE, _ALONE, _USED, _old()),
        renamed=False,
        objects=("old",),
    ),
    Example(
        "an empty table that was never used, though another refers to it",
        sql="""
            CREATE TABLE orders (id int PRIMARY KEY);
            CREATE TABLE old (id int PRIMARY KEY);
            ALTER TABLE orders ADD old_id int REFERENCES old;
        """,
        given=(_SINCE, _ALONE, _USED, _old()),
        renamed=False,
        objects=("old",),
    ),
    Example(
        "all partitions of a table, as one",
        sql="""
            CREATE TABLE orders (id int PRIMARY KEY);
            CREATE TABLE old (id int) PARTITION BY RANGE (id);
            CREATE TABLE old_1 PARTITION OF old FOR VALUES FROM (1) TO (10);
            CREATE TABLE old_2 PARTITION OF old DEFAULT;
        """,
        given=(_SINCE, _ALONE, _USED),
        renamed=False,
        objects=("old",),
    ),
)
GOOD = (
    Example(
        "read by a sequential scan",
        sql=_SQL,
        given=(_SINCE, _ALONE, _USED, _old(sequential_scans=1)),
        renamed=False,
    ),
    Example("read by an index", sql=_SQL, given=(_SINCE, _ALONE, _USED, _old(index_scans=1)), renamed=False),
    Example("written: inserts", sql=_SQL, given=(_SINCE, _ALONE, _USED, _old(inserted=1)), renamed=False),
    Example("written: updates", sql=_SQL, given=(_SINCE, _ALONE, _USED, _old(updated=1)), renamed=False),
    Example("written: deletes", sql=_SQL, given=(_SINCE, _ALONE, _USED, _old(deleted=1)), renamed=False),
    Example(
        "one partition is read",
        sql="""
            CREATE TABLE orders (id int PRIMARY KEY);
            CREATE TABLE old (id int) PARTITION BY RANGE (id);
            CREATE TABLE old_1 PARTITION OF old FOR VALUES FROM (1) TO (10);
            CREATE TABLE old_2 PARTITION OF old DEFAULT;
        """,
        given=(_SINCE, _ALONE, _USED, given.table("old_2", sequential_scans=1)),
        renamed=False,
    ),
    Example(
        "nobody uses any table",
        sql=_SQL,
        given=(_SINCE, _ALONE, given.table("orders", **_UNUSED), _old()),
        renamed=False,
    ),
    Example(
        "counters of less than four weeks",
        sql=_SQL,
        given=(
            _SINCE,
            given.database(statistics_since=datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)),
            _ALONE,
            _USED,
            _old(),
        ),
        renamed=False,
    ),
    Example(
        "a standby may read it",
        sql=_SQL,
        given=(_SINCE, given.activity(standbys=1), _USED, _old()),
        renamed=False,
    ),
    Example(
        "on a standby, the primary may read it",
        sql=_SQL,
        given=(_SINCE, given.database(in_recovery=True), _ALONE, _USED, _old()),
        renamed=False,
    ),
    Example(
        "a server whose counters could not be read",
        sql=_SQL,
        given=(_SINCE, given.server(activity=None), _USED, _old()),
        renamed=False,
    ),
    Example(
        "a table that was locked while the facts were read",
        sql=_SQL,
        given=(_SINCE, _ALONE, _USED, _old(), given.table("old", heap_bytes=None)),
        renamed=False,
    ),
    Example(
        "the table of a migration tool",
        sql="CREATE TABLE orders (id int PRIMARY KEY); CREATE TABLE alembic_version (version_num text)",
        given=(_SINCE, _ALONE, _USED),
        renamed=False,
    ),
    Example(
        "a partitioned table without a partition yet",
        sql="CREATE TABLE orders (id int PRIMARY KEY); CREATE TABLE old (id int) PARTITION BY RANGE (id)",
        given=(_SINCE, _ALONE, _USED),
        renamed=False,
    ),
)
