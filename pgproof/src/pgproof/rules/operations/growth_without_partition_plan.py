"""A table that only grows, and will be too large to mend.

What it finds:
    A plain table that rows are only added to (updates and deletes are under a twentieth of the inserts), with a
    required date or time column by which it could be divided, that has ten million rows or more and reaches a hundred
    million within two years at the rate counted so far.

Why it matters:
    Deleting old rows of such a table costs as much as writing them and leaves the file as large; dropping a partition
    is instant. VACUUM, a new index and dividing the table itself take time in proportion to all its rows.

Evidence:
    n_tup_ins, n_tup_upd and n_tup_del since the counters began, and the rows estimated.

Remedy:
    Decide how long rows are kept, and partition by the time column while the table is small: a partitioned table
    beside it (`postgresql_partition_by="RANGE (created_at)"` in SQLAlchemy), the old one attached as its first
    partition in Alembic by `op.execute("ALTER TABLE ... ATTACH PARTITION ...")` after a validated CHECK.

When to ignore:
    Rows are deleted by age in time, or kept for ever and read by key alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from pgproof.facts.amounts import amount
from pgproof.facts.catalog import Column, Table
from pgproof.facts.model import Facts
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, table_ref
from pgproof.rules.operations._counters import counted_for, estimated, statistics_of, uncounted
from pgproof.rules.reading import counters
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="OPS07", slug="growth-without-partition-plan", severity="low", needs=("statistics",))

LARGE_ROWS = 10_000_000
"""A convention: smaller tables can be divided whenever somebody wants to."""
TOO_LARGE_ROWS = 100_000_000
"""A convention, not a limit of PostgreSQL: the time of VACUUM and of an index build grows with the rows."""
AHEAD = timedelta(days=730)
LEAST_COUNTED = timedelta(days=7)
"""A whole week has every weekday in it."""
CHANGED_SHARE = 0.05
"""Updates and deletes per insert that corrections explain; more is somebody's retention, or a table of state."""
TIME_TYPES = frozenset(("timestamptz", "timestamp", "date"))


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each table that is only added to and will be too large within two years."""
    refusal = uncounted(facts)
    if refusal is not None:
        yield refusal
        return
    counted = counted_for(facts)
    for table in facts.catalog.base_tables:
        if facts.catalog.partitions(table):
            continue
        rows, column = estimated(table), _time_column(table)
        if rows < LARGE_ROWS or column is None or not _only_grows(table):
            continue
        if counted < LEAST_COUNTED:
            yield NotChecked("counters that are known to be a week old", (table_ref(table),))
            continue
        rate = counters(table).inserted / (counted / timedelta(days=1))
        if rows + rate * AHEAD.days >= TOO_LARGE_ROWS:
            yield _finding(table, column, rows, rate)


def _time_column(table: Table) -> Column | None:
    return next((each for each in table.columns if each.not_null and each.base_type in TIME_TYPES), None)


def _only_grows(table: Table) -> bool:
    counted = counters(table)
    return counted.updated + counted.deleted <= CHANGED_SHARE * counted.inserted


def _finding(table: Table, column: Column, rows: int, rate: float) -> Finding:
    counted = counters(table)
    return METADATA.finding(
        objects=(table_ref(table),),
        message=f"{table.qualified_name} only grows, and is not partitioned",
        consequence=(
            f"{amount(rows, 'row')} now, {rate:,.0f} more each day since the counters began: "
            f"{rows + rate * 365:,.0f} in a year, of which none goes."
        ),
        severity="medium" if rows >= TOO_LARGE_ROWS else None,
        evidence=(
            Evidence(
                "statistics",
                statistics_of((table,), "n_live_tup, n_tup_ins, n_tup_upd, n_tup_del"),
                f"{counted.inserted} inserted, {counted.updated} updated, {counted.deleted} deleted",
            ),
        ),
        remedy=Remedy(f"Decide how long rows are kept, and partition by {column.name} before the table is larger."),
    )


_SQL = "CREATE TABLE events (id int, created_at timestamptz NOT NULL)"
_SINCE = given.database(statistics_since=datetime(2026, 1, 1, tzinfo=UTC), taken_at=datetime(2026, 1, 11, tzinfo=UTC))


def _grown(rows: int = 10_005_600, inserted: int = 1_232_800, changed: int = 0) -> given.Given:
    return given.table("events", reltuples=float(rows), inserted=inserted, updated=changed, deleted=0, live_rows=0)


BAD = (
    Example(
        "just over ten million rows that become a hundred million in two years",
        sql=_SQL,
        given=(_SINCE, _grown()),
        renamed=False,
        objects=("events",),
        severity="low",
    ),
    Example(
        "a hundred million rows already",
        sql=_SQL,
        given=(_SINCE, _grown(rows=100_000_000)),
        renamed=False,
        severity="medium",
    ),
    Example(
        "a week of counters is enough, and a date of a domain",
        sql="CREATE DOMAIN day AS date; CREATE TABLE events (at day NOT NULL)",
        given=(
            given.database(
                statistics_since=datetime(2026, 1, 4, tzinfo=UTC),
                taken_at=datetime(2026, 1, 11, tzinfo=UTC),
            ),
            _grown(rows=200_000_000),
        ),
        renamed=False,
        objects=("events",),
    ),
    Example(
        "counters that were never reset, and remember an ANALYZE of ten days ago",
        sql=_SQL,
        given=(
            _SINCE,
            given.database(statistics_since=None),
            _grown(rows=10_000_000, inserted=2_000_000, changed=100_000),
            given.table("events", analyzed_at=datetime(2026, 1, 1, tzinfo=UTC)),
        ),
        renamed=False,
        objects=("events",),
    ),
)
GOOD = (
    Example("fewer rows", sql=_SQL, given=(_SINCE, _grown(rows=9_999_999, inserted=10_000_000)), renamed=False),
    Example("slower", sql=_SQL, given=(_SINCE, _grown(inserted=1_232_799)), renamed=False),
    Example(
        "some rows are changed later",
        sql=_SQL,
        given=(_SINCE, _grown(inserted=2_000_000, changed=100_001)),
        renamed=False,
    ),
    Example(
        "old rows are deleted",
        sql=_SQL,
        given=(_SINCE, _grown(inserted=2_000_000), given.table("events", deleted=100_001)),
        renamed=False,
    ),
    Example(
        "no column says when",
        sql="CREATE TABLE events (id int NOT NULL, seen timestamptz)",
        given=(_SINCE, _grown()),
        renamed=False,
    ),
    Example(
        "partitioned already",
        sql="""
            CREATE TABLE events (created_at timestamptz NOT NULL) PARTITION BY RANGE (created_at);
            CREATE TABLE events_1 PARTITION OF events DEFAULT;
        """,
        given=(_SINCE, _grown()),
        renamed=False,
    ),
    Example(
        "divided by inheritance, as TimescaleDB does",
        sql=f"{_SQL}; CREATE TABLE events_1 () INHERITS (events)",
        given=(_SINCE, _grown()),
        renamed=False,
    ),
    Example(
        "counters of less than a week",
        sql=_SQL,
        given=(_SINCE, _grown(), given.database(statistics_since=datetime(2026, 1, 4, 0, 0, 1, tzinfo=UTC))),
        renamed=False,
    ),
    Example(
        "counters of unknown age",
        sql=_SQL,
        given=(_SINCE, _grown(rows=200_000_000), given.database(statistics_since=None)),
        renamed=False,
    ),
    Example(
        "a standby counts no inserts",
        sql=_SQL,
        given=(_SINCE, _grown(rows=200_000_000), given.database(in_recovery=True)),
        renamed=False,
    ),
    Example("a new table", sql=_SQL),
    Example(
        "a table whose rows nobody has counted since an upgrade",
        sql=_SQL,
        given=(_SINCE, given.table("events", reltuples=-1.0, live_rows=0, heap_bytes=1 << 30)),
        renamed=False,
    ),
)
