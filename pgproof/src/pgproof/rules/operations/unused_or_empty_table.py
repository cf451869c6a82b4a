"""A table that nobody reads or writes.

What it finds:
    A table that was neither read, by any index or any sequential scan, nor written for at least four weeks, while
    others of the same schema were. Where its counters show no use at all, that is since they began; one with rows is
    then older than the counters, since they saw none come in, and an empty one may be new. Where they show uses, it is
    since the last scan, which PostgreSQL 16 dates, and since an ANALYZE after which nothing was written.

Why it matters:
    It is dumped, restored, vacuumed and migrated with the rest, and everybody who reads the schema has to find out
    that it means nothing. What it holds can still be stolen.

Evidence:
    seq_scan, idx_scan, n_tup_ins, n_tup_upd and n_tup_del of pg_stat_user_tables, from PostgreSQL 16 last_seq_scan and
    last_idx_scan, and n_mod_since_analyze; a backup by pg_dump reads every table, so where one runs nothing is reported
    that holds rows.

Remedy:
    Ask who knows it; then rename it for some weeks, dump it, and drop it: `op.drop_table(...)` in Alembic, and delete
    the model.

When to ignore:
    Work of once a year, a feature that is about to begin, an archive.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from pgproof.facts.catalog import Table
from pgproof.facts.model import Facts
from pgproof.facts.table_statistics import TableStatistics
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, constraint_ref, table_ref
from pgproof.rules.operations._counters import counted_for, counted_since, statistics_of, storage, uncounted
from pgproof.rules.reading import counters
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
    """Yield each table without a read or a write for weeks."""
    refusal = uncounted(facts) or _unknown(facts)
    if refusal is not None:
        yield refusal
        return
    unused = [(table, parts, last) for table, parts, last in _last_uses(facts) if _is_long_ago(facts, last)]
    if len(unused) == len(facts.catalog.base_tables):
        # Nobody works with the schema at all, which says nothing about one table of it.
        return
    for table, parts, last in unused:
        sizes = [part.heap_bytes for part in parts if part.heap_bytes is not None]
        if table.name in BOOKKEEPING or not parts:
            continue
        if len(sizes) < len(parts):
            yield NotChecked("the size of a table that is locked", (table_ref(table),))
            continue
        yield _finding(facts, table, sum(sizes), last or counted_since(facts), statistics_of(parts, "*"))


def _unknown(facts: Facts) -> NotChecked | None:
    if facts.server.activity is None or facts.server.activity.standbys:
        return NotChecked("the counters of the standbys, which may be where a table is read")
    if counted_for(facts) < LEAST_COUNTED:
        return NotChecked("counters that are known to be four weeks old")
    return None


def _last_uses(facts: Facts) -> Iterator[tuple[Table, tuple[Table, ...], datetime | None]]:
    """Yield each table with those that hold its rows, and when one of them was used last; None for never."""
    now = facts.database.taken_at
    for table in facts.catalog.base_tables:
        parts = storage(facts.catalog, table)
        yield table, parts, max((end for part in parts for end in _ends(counters(part), now)), default=None)


def _ends(counted: TableStatistics, now: datetime) -> Iterator[datetime]:
    """Yield when each kind of use ended that was counted: now, where nothing shows that it has ended."""
    if counted.sequential_scans:
        yield counted.last_sequential_scan or now
    if counted.index_scans:
        yield counted.last_index_scan or now
    if counted.inserted or counted.updated or counted.deleted:
        # An ANALYZE after which nothing has changed came after the last write.
        yield (counted.analyzed_at if counted.changed_since_analyze == 0 else None) or now


def _is_long_ago(facts: Facts, last: datetime | None) -> bool:
    return last is None or facts.database.taken_at - last >= LEAST_COUNTED


def _finding(facts: Facts, table: Table, size: int, since: datetime | None, statement: str) -> Finding:
    referencing = facts.catalog.referencing(table)
    referred = f" Foreign keys refer to it: {', '.join(key.name for _, key in referencing)}." if referencing else ""
    rows = f"its rows take {size:,} bytes" if size else "it holds no row"
    return METADATA.finding(
        objects=(table_ref(table),),
        related=tuple(constraint_ref(other, key) for other, key in referencing),
        message=f"{table.qualified_name} is {'unused' if size else 'empty and unused'}",
        consequence=f"Neither read nor written since {since:%Y-%m-%d}, {rows}, and it is still maintained.{referred}",
        severity="medium" if size >= LARGE_BYTES else None,
        evidence=(Evidence("statistics", statement, f"no read and no write since {since:%Y-%m-%d}"),),
        remedy=Remedy("Find out who knows it; rename it for some weeks, keep a dump, then drop it with its model."),
    )


_SINCE = given.database(statistics_since=datetime(2026, 1, 1, tzinfo=UTC), taken_at=datetime(2026, 1, 29, tzinfo=UTC))
_ALONE = given.activity(standbys=0)
_TWO_MONTHS = (_SINCE, given.database(taken_at=datetime(2026, 3, 1, tzinfo=UTC)), _ALONE)
_LONG_AGO = datetime(2026, 2, 1, tzinfo=UTC)
_UNUSED = {"inserted": 0, "updated": 0, "deleted": 0, "sequential_scans": 0, "index_scans": 0}
_USED = given.table("orders", **(_UNUSED | {"index_scans": 1}))
_SQL = "CREATE TABLE orders (id int PRIMARY KEY); CREATE TABLE old (id int PRIMARY KEY); INSERT INTO old VALUES (1)"


def _old(**counters: Any) -> given.Given:
    return given.table("old", **(_UNUSED | counters))


BAD = (
    Example(
        "rows that nobody touched for four weeks",
        sql=_SQL,
        given=(_SINCE, _ALONE, _USED, _old()),
        renamed=False,
        objects=("old",),
        severity="low",
        says=("old is unused", "since 2026-01-01, its rows take 8,192 bytes", "still maintained. Find"),
    ),
    Example(
        "a hundred megabytes of them",
        sql=_SQL,
        given=(_SINCE, _ALONE, _USED, _old(), given.table("old", heap_bytes=100 << 20)),
        renamed=False,
        severity="medium",
    ),
    Example(
        "scanned four weeks ago for the last time",
        sql=_SQL,
        given=(
            *_TWO_MONTHS,
            _USED,
            _old(
                sequential_scans=9,
                index_scans=9,
                last_sequential_scan=_LONG_AGO - timedelta(days=1),
                last_index_scan=_LONG_AGO,
            ),
        ),
        renamed=False,
        objects=("old",),
        says=("Neither read nor written since 2026-02-01",),
    ),
    Example(
        "filled, analysed and left four weeks ago",
        sql=_SQL,
        given=(*_TWO_MONTHS, _USED, _old(inserted=9, changed_since_analyze=0, analyzed_at=_LONG_AGO)),
        renamed=False,
        objects=("old",),
        says=("Neither read nor written since 2026-02-01",),
    ),
    Example(
        "an empty table that was never used, though another refers to it",
        sql="""
            CREATE TABLE orders (id int PRIMARY KEY);
            CREATE TABLE old (id int PRIMARY KEY);
            ALTER TABLE orders ADD old_id int CONSTRAINT orders_old REFERENCES old;
        """,
        given=(_SINCE, _ALONE, _USED, _old()),
        renamed=False,
        objects=("old",),
        says=("old is empty and unused", "it holds no row", "Foreign keys refer to it: orders_old."),
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
        "scanned less than four weeks ago",
        sql=_SQL,
        given=(*_TWO_MONTHS, _USED, _old(sequential_scans=9, last_sequential_scan=_LONG_AGO + timedelta(seconds=1))),
        renamed=False,
    ),
    Example(
        "found by an index since it was scanned",
        sql=_SQL,
        given=(
            *_TWO_MONTHS,
            _USED,
            _old(
                sequential_scans=9,
                index_scans=9,
                last_sequential_scan=_LONG_AGO,
                last_index_scan=_LONG_AGO + timedelta(days=1),
            ),
        ),
        renamed=False,
    ),
    Example(
        "written since its last ANALYZE",
        sql=_SQL,
        given=(*_TWO_MONTHS, _USED, _old(updated=9, changed_since_analyze=1, analyzed_at=_LONG_AGO)),
        renamed=False,
    ),
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
