"""A large table that is read from end to end again and again.

What it finds:
    A table of 100 000 rows or more with at least 1 000 sequential scans that read a quarter of its rows or more each,
    on average. A partitioned table is one table. Scans that stop early (LIMIT) and the few of a load, a backup or an
    index build are not reported, nor those of which IDX12 names the statements: where their calls account for half of
    the rows read or more, there is nothing to add.

Why it matters:
    Each such scan costs time in proportion to the table, pushes other pages out of the cache, and becomes slower with
    every row.

Evidence:
    seq_scan and seq_tup_read of pg_stat_user_tables; workers of a parallel scan count as scans of their own.

Remedy:
    Find the statement (pg_stat_statements, or `pgproof advise`) and index what it filters or joins by: `Index(...)` in
    SQLAlchemy, `op.create_index(..., postgresql_concurrently=True)` in an autocommit block of Alembic.

When to ignore:
    Reports or exports that do need every row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from pgproof.facts.amounts import amount
from pgproof.facts.catalog import Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import Question
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, table_ref
from pgproof.rules.lacking_index import calls_that_read_all, plans_of
from pgproof.rules.operations._counters import (
    counted_since,
    estimated,
    others,
    statistics_of,
    storage,
    uncounted,
)
from pgproof.rules.reading import counters
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.statement_examples import HAZARD

METADATA = Metadata(code="OPS13", slug="full-scans-on-large-table", severity="low", needs=("statistics",))

LARGE_ROWS = 100_000
"""Below, reading all rows takes milliseconds."""
MANY_SCANS = 1_000
"""A nightly backup scans each table once and needs three years for as many."""
FULL_SHARE = 0.25
"""Of the rows, on average: the two workers and the leader of a parallel scan each count one scan of a third."""
TOLD = 0.5
"""Share of the rows read from which statements that another rule names are the reason for the scans."""
MUCH_READ = 1_000_000_000
"""Rows read by scans since the counters began that must have been felt."""


def questions(facts: Facts) -> Iterator[Question]:
    """Ask for the plans that show which statements read a table as a whole for want of an index."""
    return plans_of(facts)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each large table that many scans read in full, unless the statements that do it are reported."""
    refusal = uncounted(facts)
    if refusal is not None:
        yield refusal
        return
    calls = calls_that_read_all(facts) if facts.runs("IDX12") else Counter[int]()
    for table in facts.catalog.base_tables:
        # Partitions that pruning leaves out are not scanned, so each is judged by its own rows.
        scanned = [part for part in storage(facts.catalog, table) if _is_scanned(part)]
        rows, read = sum(map(estimated, scanned)), sum(counters(part).sequential_rows_read for part in scanned)
        if calls[table.oid] * rows < TOLD * read:
            yield _finding(facts, table, scanned)


def _is_scanned(part: Table) -> bool:
    counted, rows = counters(part), estimated(part)
    if rows < LARGE_ROWS or counted.sequential_scans < MANY_SCANS:
        return False
    return counted.sequential_rows_read >= FULL_SHARE * rows * counted.sequential_scans


def _finding(facts: Facts, table: Table, scanned: Sequence[Table]) -> Finding:
    scans = sum(counters(part).sequential_scans for part in scanned)
    read = sum(counters(part).sequential_rows_read for part in scanned)
    rows = sum(estimated(part) for part in scanned)
    since = counted_since(facts)
    began = f"since {since:%Y-%m-%d} or earlier" if since else "since the counters began"
    return METADATA.finding(
        objects=(table_ref(table),),
        related=others(table, scanned),
        message=f"{table.qualified_name}, about {rows:,} rows, was read by {scans:,} sequential scans",
        consequence=f"They read {read:,} rows {began}, {read / scans:,.0f} each; that grows with every row.",
        severity="medium" if read >= MUCH_READ else None,
        evidence=(
            Evidence(
                "statistics",
                statistics_of(scanned, "n_live_tup, seq_scan, seq_tup_read, idx_scan"),
                f"{amount(scans, 'scan')}, {amount(read, 'row')}",
            ),
        ),
        remedy=Remedy("Find the statement in pg_stat_statements and index what it filters or joins by."),
    )


def _scanned(table: str = "t", rows: int = 100_000, scans: int = 1_000, read: int = 25_000_000) -> given.Given:
    return given.table(table, reltuples=float(rows), live_rows=rows, sequential_scans=scans, sequential_rows_read=read)


def _told(
    name: str,
    calls: int,
    statement: str = "SELECT * FROM t WHERE a = $1",
    *,
    more: str = "ANALYZE t",
    says: tuple[str, ...] = (),
) -> Example:
    """A table of 100 000 rows, 25 million of which were read, and a statement without an index that ran so often."""
    return Example(
        name,
        sql=f"""
            CREATE TABLE t (a int, part int, made int);
            INSERT INTO t SELECT n, n / 1200, n FROM generate_series(1, 6000) n; {more};
        """,
        given=(_scanned(), given.workload((statement, calls, 5.0))),
        renamed=False,
        says=says,
    )


_SQL = "CREATE TABLE t (id int)"
BAD = (
    Example(
        "a thousand scans of a quarter of 100 000 rows each",
        sql=_SQL,
        given=(given.database(statistics_since=None), _scanned()),
        renamed=False,
        objects=("t",),
        severity="low",
        says=("about 100,000 rows", "since the counters began"),
    ),
    Example(
        "a thousand million rows read",
        sql=_SQL,
        given=(given.database(statistics_since=datetime(2026, 1, 1, tzinfo=UTC)), _scanned(read=1_000_000_000)),
        renamed=False,
        severity="medium",
        says=("since 2026-01-01 or earlier",),
    ),
    _told("a statement that lacks an index read a little less than half of the rows", 124, says=("25,000,000 rows",)),
    _told(
        "a statement that nobody may plan",
        1000,
        "SELECT * FROM t WHERE a = $1 AND probe(part)",
        more=f"{HAZARD}; ANALYZE t",
    ),
    _told(
        "a statement that lacks an index to sort by, and reads but a part of the rows",
        1000,
        "SELECT * FROM t WHERE part = $1 ORDER BY a LIMIT $2",
        more="CREATE INDEX ON t (part, made); ANALYZE t",
    ),
    Example(
        "a partition of several",
        sql="CREATE TABLE p (id int) PARTITION BY RANGE (id); CREATE TABLE t PARTITION OF p DEFAULT",
        given=(_scanned(),),
        renamed=False,
        objects=("p",),
    ),
)
GOOD = (
    _told("a statement that lacks an index read half of the rows, which is that rule's matter", 125),
    Example("a smaller table", sql=_SQL, given=(_scanned(rows=99_999),), renamed=False),
    Example("backups and a load", sql=_SQL, given=(_scanned(scans=999, read=99_900_000),), renamed=False),
    Example("scans that stop early", sql=_SQL, given=(_scanned(read=24_999_999),), renamed=False),
    Example("read by its indexes", sql=_SQL, given=(_scanned(scans=0, read=0),), renamed=False),
    Example("a new table", sql=_SQL),
    Example(
        "a standby counts its own reads", sql=_SQL, given=(_scanned(), given.database(in_recovery=True)), renamed=False
    ),
    Example(
        "a server that does not count",
        sql=_SQL,
        given=(_scanned(), given.setting("track_counts", "off")),
        renamed=False,
    ),
)
