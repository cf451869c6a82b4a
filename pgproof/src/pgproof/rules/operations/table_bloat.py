"""A table that autovacuum does not keep up with.

What it finds:
    A table with at least 10 000 dead rows and more than twice as many as PostgreSQL's own autovacuum would wait for
    (50 rows and a fifth of the table), whatever the table's own options say. Partitions are looked at one by one and
    reported under their parent.

Why it matters:
    Every scan reads the dead rows and throws them away, indexes keep entries for them, and the file grows although
    the table does not. Once grown, it never shrinks by itself.

Evidence:
    n_dead_tup and n_live_tup of pg_stat_user_tables, the last vacuum and the table's storage options.

Remedy:
    VACUUM now (in Alembic, `op.execute("VACUUM ...")` in an autocommit block), and find out why autovacuum did not:
    switched off or made lax for the table, too few workers, or a transaction or a replication slot that holds the
    rows back. A smaller autovacuum_vacuum_scale_factor helps a large table:
    `op.execute("ALTER TABLE ... SET (autovacuum_vacuum_scale_factor = 0.02)")`, or in SQLAlchemy `postgresql_with`.

When to ignore:
    A queue that is emptied by TRUNCATE, or a load that has just ended: look again an hour later.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from pgproof.facts.amounts import amount
from pgproof.facts.catalog import Table
from pgproof.facts.model import Facts
from pgproof.facts.table_statistics import TableStatistics
from pgproof.remedy.maintenance import Vacuum
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, table_ref
from pgproof.rules.operations._counters import named, others, statistics_of, storage, uncounted
from pgproof.rules.reading import counters
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.severity import by_size

METADATA = Metadata(code="OPS02", slug="table-bloat", severity="medium", needs=("statistics",))

DEAD_ROWS = 10_000
"""Fewer fit some hundred pages, which a scan hardly notices."""
BASE, SHARE = 50, 0.2
"""PostgreSQL's defaults of autovacuum_vacuum_threshold and autovacuum_vacuum_scale_factor."""
BEHIND = 2
"""Autovacuum looks once a minute, so a table at its threshold is about to be cleaned; at twice that it was not."""


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each table with more dead rows than autovacuum should leave."""
    refusal = uncounted(facts)
    if refusal is not None:
        yield refusal
        return
    for table in facts.catalog.base_tables:
        bloated = [part for part in storage(facts.catalog, table) if _is_behind(counters(part))]
        if bloated:
            yield _finding(table, bloated)


def _is_behind(statistics: TableStatistics) -> bool:
    due = BASE + SHARE * statistics.live_rows
    return statistics.dead_rows >= DEAD_ROWS and statistics.dead_rows > BEHIND * due


def _finding(table: Table, bloated: list[Table]) -> Finding:
    counted = [counters(part) for part in bloated]
    dead, live = sum(each.dead_rows for each in counted), sum(each.live_rows for each in counted)
    where = "" if bloated == [table] else f" in {named(bloated)}"
    sizes = [part.heap_bytes for part in bloated if part.heap_bytes is not None]
    within = f" in {sum(sizes):,} bytes" if sizes else ""
    vacuumed = [each.vacuumed_at for each in counted if each.vacuumed_at is not None]
    last = f"last vacuumed {min(vacuumed):%Y-%m-%d %H:%M}" if vacuumed else "no vacuum on record"
    options = sorted({option for part in bloated for option in part.options if option.startswith("autovacuum")})
    own = f", with {', '.join(options)}" if options else ""
    return METADATA.finding(
        objects=(table_ref(table),),
        related=others(table, bloated),
        message=f"{table.qualified_name} holds {amount(dead, 'dead row')} beside {live:,} live ones{where}",
        consequence=(f"{dead / (dead + live):.0%} of the rows{within} are dead, and scans read them all; {last}{own}."),
        severity=by_size(METADATA.severity, table),
        evidence=(
            Evidence(
                "statistics",
                statistics_of(bloated, "n_live_tup, n_dead_tup, last_vacuum, last_autovacuum"),
                f"{live} live and {dead} dead rows",
            ),
        ),
        remedy=Remedy(
            "VACUUM it, and let autovacuum work earlier; if the dead rows stay, an open transaction or a replication "
            "slot holds them back.",
            tuple(Vacuum(part.schema, part.name) for part in bloated),
        ),
    )


_FILLED = "WITH (autovacuum_enabled = off); INSERT INTO t SELECT n, 0 FROM generate_series(1, 10000) n"
BAD = (
    Example(
        "every row was updated once and nothing was vacuumed",
        sql=f"CREATE TABLE t (id int, n int) {_FILLED}; UPDATE t SET n = 1",
        objects=("t",),
        severity="medium",
        says=("10,000 live ones 50% of the rows in", "no vacuum on record, with autovacuum_enabled=off."),
    ),
    Example(
        "a table that was vacuumed once and is locked now",
        sql=f"CREATE TABLE t (id int, n int) {_FILLED}; UPDATE t SET n = 1",
        given=(
            given.table(
                "t", vacuumed_at=datetime(2026, 1, 1, 12, 30, tzinfo=UTC), heap_bytes=None, options=("fillfactor=80",)
            ),
        ),
        renamed=False,
        objects=("t",),
        says=("50% of the rows are dead", "last vacuumed 2026-01-01 12:30."),
    ),
    Example(
        "one partition of several",
        sql="""
            CREATE TABLE t (id int, n int) PARTITION BY RANGE (id);
            CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (1) TO (10001) WITH (autovacuum_enabled = off);
            CREATE TABLE t_2 PARTITION OF t DEFAULT WITH (autovacuum_enabled = off);
            INSERT INTO t SELECT n, 0 FROM generate_series(1, 20000) n;
            UPDATE t SET n = 1 WHERE id <= 10000;
        """,
        objects=("t",),
        says=("10,000 live ones in ", "t_1"),
    ),
    Example(
        "one more dead row than twice the threshold",
        sql="""
            CREATE TABLE t (id int, n int) WITH (autovacuum_enabled = off);
            INSERT INTO t SELECT n, 0 FROM generate_series(1, 24751) n;
            UPDATE t SET n = 1 WHERE id <= 10001;
        """,
        objects=("t",),
    ),
)
_UPDATED = "CREATE TABLE t (id int, n int) WITH (autovacuum_enabled = off)"
GOOD = (
    Example(
        "9 999 dead rows",
        sql=f"CREATE TABLE t (id int, n int) {_FILLED}; UPDATE t SET n = 1 WHERE id < 10000",
    ),
    Example(
        "twice the threshold is not yet more than that",
        sql=_UPDATED,
        given=(given.table("t", live_rows=24_750, dead_rows=10_000),),
        renamed=False,
    ),
    Example(
        "a large table with as many dead rows as autovacuum is used to",
        sql=_UPDATED,
        given=(given.table("t", live_rows=1_000_000, dead_rows=190_000),),
        renamed=False,
    ),
    Example(
        "a standby counts nobody's writes",
        sql=_UPDATED,
        given=(given.table("t", live_rows=10_000, dead_rows=100_000), given.database(in_recovery=True)),
        renamed=False,
    ),
    Example(
        "a server that does not count",
        sql=_UPDATED,
        given=(given.table("t", live_rows=10_000, dead_rows=100_000), given.setting("track_counts", "off")),
        renamed=False,
    ),
    Example("a view has no rows of its own", sql="CREATE TABLE t (id int PRIMARY KEY); CREATE VIEW v AS TABLE t"),
)
