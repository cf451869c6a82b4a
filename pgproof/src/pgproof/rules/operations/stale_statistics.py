"""A table whose planner statistics are missing or no longer fit its rows.

What it finds:
    A table with rows that was never analysed; a partitioned table with rows that never was itself, which autovacuum
    leaves to people; and a table of which more than a fifth has changed since an ANALYZE that is over a day old.

Why it matters:
    Without statistics the planner takes a third of the rows for "less than" and 200 distinct values for any column,
    and chooses joins and indexes by that. It happens after every pg_upgrade before PostgreSQL 18, after a restore,
    and where autovacuum is off.

Evidence:
    last_analyze, last_autoanalyze and n_mod_since_analyze of pg_stat_user_tables, and whether pg_stats has any row.

Remedy:
    ANALYZE, in Alembic `op.execute("ANALYZE ...")`; for a partitioned table in a scheduled job, and in the last step
    of every migration that loads or rewrites rows.

When to ignore:
    A staging table that is loaded, read once in full and emptied.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from pgproof.facts.amounts import amount
from pgproof.facts.catalog import Table
from pgproof.facts.model import Facts
from pgproof.remedy.maintenance import Analyze
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, table_ref
from pgproof.rules.operations._counters import named, others, statistics_of, storage, uncounted
from pgproof.rules.reading import counters
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.severity import FEW_ROWS, by_size

METADATA = Metadata(code="OPS03", slug="stale-statistics", severity="medium", needs=("statistics",))

ASSUMED_BYTES = 10 * 8192
"""The planner takes a table that was never analysed for at least ten pages (estimate_rel_size), so nothing is lost
below."""
BASE, SHARE = 50, 0.1
"""PostgreSQL's defaults of autovacuum_analyze_threshold and autovacuum_analyze_scale_factor."""
BEHIND = 2
"""Autovacuum looks once a minute, so a table at its threshold is about to be analysed; at twice that it was not."""
OLD = timedelta(days=1)
"""A load that runs now changes more than a fifth of a table, too, and is analysed when it ends."""


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each table that was never analysed, or too long ago for what has changed since."""
    refusal = uncounted(facts)
    if refusal is not None:
        yield refusal
        return
    for table in facts.catalog.base_tables:
        parts = storage(facts.catalog, table)
        filled = tuple(part for part in parts if _has_rows(part))
        if filled:
            # The rows of a partitioned table as a whole have statistics of their own.
            filled = tuple(dict.fromkeys((table, *filled)))
        never, hidden = list[Table](), list[Table]()
        for part in filter(_never_analysed, filled):
            (hidden if _may_be_hidden(facts, part) else never).append(part)
        for part in hidden:
            yield NotChecked("pg_read_all_data, to see whether there are statistics", (table_ref(part),))
        stale = tuple(part for part in parts if _is_stale(facts, part))
        if never or stale:
            yield _finding(table, sum(counters(part).live_rows for part in parts), never, stale)


def _has_rows(part: Table) -> bool:
    counted = counters(part)
    # Counters that saw no row come in are younger than the rows: then only the size of the file tells.
    return counted.live_rows >= FEW_ROWS or (counted.inserted == 0 and (part.heap_bytes or 0) > ASSUMED_BYTES)


def _never_analysed(part: Table) -> bool:
    return counters(part).analyzed_at is None and all(column.statistics is None for column in part.columns)


def _may_be_hidden(facts: Facts, part: Table) -> bool:
    """Tell whether the statistics of a table may be there and hidden; ANALYZE always leaves an estimate of the rows."""
    if facts.rights.superuser or part.reltuples < 0:
        return False
    return part.row_security or not facts.rights.read_all_data


def _is_stale(facts: Facts, part: Table) -> bool:
    counted = counters(part)
    if counted.analyzed_at is None or facts.database.taken_at - counted.analyzed_at < OLD:
        return False
    due = BASE + SHARE * counted.live_rows
    return counted.changed_since_analyze >= FEW_ROWS and counted.changed_since_analyze > BEHIND * due


def _finding(table: Table, rows: int, never: Sequence[Table], stale: Sequence[Table]) -> Finding:
    said = []
    if never:
        said.append(f"{named(never)} never analysed")
    if stale:
        changed = sum(counters(part).changed_since_analyze for part in stale)
        said.append(f"{amount(changed, 'row')} changed in {named(stale)} since the last ANALYZE")
    return METADATA.finding(
        objects=(table_ref(table),),
        related=others(table, dict.fromkeys((*never, *stale))),
        message=f"The planner's statistics of {table.qualified_name} are {'missing' if never else 'out of date'}",
        consequence=f"{'; '.join(said)}: plans over about {amount(rows, 'row')} are chosen by guesses.",
        severity=by_size(METADATA.severity, table),
        evidence=(
            Evidence(
                "statistics",
                statistics_of((*never, *stale), "n_live_tup, n_mod_since_analyze, last_analyze, last_autoanalyze"),
                "; ".join(said),
            ),
        ),
        remedy=Remedy(
            f"ANALYZE {table.qualified_name}, and find out why autovacuum did not: switched off, or a partitioned "
            "table, which needs a scheduled ANALYZE.",
            (Analyze(table.schema, table.name),),
        ),
    )


_ROWS = "INSERT INTO t SELECT n FROM generate_series(1, 1000) n"
_LATER = given.database(taken_at=datetime(2100, 1, 1, tzinfo=UTC))


def _a_day_later(facts: Facts) -> Facts:
    """State that the facts were read exactly a day after the last ANALYZE."""
    (table,) = facts.catalog.tables
    analyzed = counters(table).analyzed_at
    assert analyzed
    return given.database(taken_at=analyzed + OLD)(facts)


BAD = (
    Example(
        "a thousand rows that nobody analysed",
        sql=f"CREATE TABLE t (id int) WITH (autovacuum_enabled = off); {_ROWS}",
        objects=("t",),
        severity="medium",
        says=("are missing", "never analysed: plans over about 1,000 rows"),
    ),
    Example(
        "an index built over them counts the rows and analyses nothing",
        sql=f"CREATE TABLE t (id int) WITH (autovacuum_enabled = off); {_ROWS}; CREATE INDEX ON t (id)",
        objects=("t",),
    ),
    Example(
        "row security hides nothing from a superuser",
        sql=f"""
            CREATE TABLE t (id int) WITH (autovacuum_enabled = off); {_ROWS};
            ALTER TABLE t ENABLE ROW LEVEL SECURITY
        """,
        given=(given.table("t", reltuples=0.0),),
        renamed=False,
        objects=("t",),
    ),
    Example(
        "a role that may not see statistics sees that there is not even an estimate of the rows",
        sql=f"CREATE TABLE t (id int) WITH (autovacuum_enabled = off); {_ROWS}",
        given=(given.rights(superuser=False, read_all_data=False),),
        objects=("t",),
    ),
    Example(
        "an upgrade has emptied the counters as well",
        sql="CREATE TABLE t (id int) WITH (autovacuum_enabled = off)",
        given=(given.table("t", inserted=0, heap_bytes=10 * 8192 + 1),),
        renamed=False,
        objects=("t",),
    ),
    Example(
        "partitions are analysed, their parent is not",
        sql="""
            CREATE TABLE t (id int) PARTITION BY RANGE (id);
            CREATE TABLE t_1 PARTITION OF t DEFAULT;
            INSERT INTO t SELECT n FROM generate_series(1, 1000) n;
            ANALYZE t_1;
        """,
        objects=("t",),
    ),
    Example(
        "every row changed since a day",
        sql=f"CREATE TABLE t (id int) WITH (autovacuum_enabled = off); ANALYZE t; {_ROWS}",
        given=(_LATER,),
        objects=("t",),
        says=("are out of date 1,000 rows changed in",),
    ),
    Example(
        "analysed exactly a day ago",
        sql=f"CREATE TABLE t (id int) WITH (autovacuum_enabled = off); ANALYZE t; {_ROWS}",
        given=(_a_day_later,),
        objects=("t",),
    ),
    Example(
        "one row more than a fifth and a hundred changed since",
        sql="""
            CREATE TABLE t (id int) WITH (autovacuum_enabled = off);
            ANALYZE t;
            INSERT INTO t SELECT n FROM generate_series(1, 1101) n
        """,
        given=(_LATER, given.table("t", live_rows=5_000)),
        renamed=False,
        objects=("t",),
    ),
)
GOOD = (
    Example("analysed after the load", sql=f"CREATE TABLE t (id int); {_ROWS}; ANALYZE t"),
    Example(
        "fewer rows than matter",
        sql="""
            CREATE TABLE t (id int) WITH (autovacuum_enabled = off);
            INSERT INTO t SELECT n FROM generate_series(1, 999) n
        """,
    ),
    Example(
        "ten pages are what the planner assumes anyway",
        sql="CREATE TABLE t (id int)",
        given=(given.table("t", inserted=0, heap_bytes=10 * 8192),),
        renamed=False,
    ),
    Example(
        "a table that another session locks, whose size is not known",
        sql="CREATE TABLE t (id int)",
        given=(given.table("t", inserted=0, heap_bytes=None),),
        renamed=False,
    ),
    Example(
        "a column that was added since, whose statistics the next ANALYZE makes",
        sql=f"""
            CREATE TABLE t (id int) WITH (autovacuum_enabled = off); {_ROWS};
            ANALYZE t; ALTER TABLE t ADD n int
        """,
        given=(given.table("t", analyzed_at=None),),
        renamed=False,
    ),
    Example(
        "a table that was filled and emptied again",
        sql="CREATE TABLE t (id int)",
        given=(given.table("t", inserted=50_000, deleted=50_000, live_rows=0, heap_bytes=1 << 20),),
        renamed=False,
    ),
    Example(
        "counters that were reset forget the ANALYZE, pg_stats does not",
        sql=f"CREATE TABLE t (id int); {_ROWS}; ANALYZE t",
        given=(given.table("t", analyzed_at=None),),
        renamed=False,
    ),
    Example(
        "a partitioned table analysed as a whole",
        sql="""
            CREATE TABLE t (id int) PARTITION BY RANGE (id);
            CREATE TABLE t_1 PARTITION OF t DEFAULT;
            INSERT INTO t SELECT n FROM generate_series(1, 1000) n;
            ANALYZE t;
        """,
    ),
    Example("a partitioned table without rows", sql="CREATE TABLE t (id int) PARTITION BY RANGE (id)"),
    Example(
        "changed a lot within the last day",
        sql="CREATE TABLE t (id int)",
        given=(
            _LATER,
            given.table(
                "t",
                live_rows=5_000,
                changed_since_analyze=4_000,
                analyzed_at=datetime(2099, 12, 31, 0, 0, 1, tzinfo=UTC),
            ),
        ),
        renamed=False,
    ),
    Example(
        "a fifth and a hundred rows changed",
        sql="CREATE TABLE t (id int)",
        given=(
            _LATER,
            given.table(
                "t",
                live_rows=5_000,
                changed_since_analyze=1_100,
                analyzed_at=datetime(2099, 1, 1, tzinfo=UTC),
            ),
        ),
        renamed=False,
    ),
    Example(
        "few rows changed, though all there are",
        sql="CREATE TABLE t (id int)",
        given=(
            _LATER,
            given.table("t", live_rows=999, changed_since_analyze=999, analyzed_at=datetime(2099, 1, 1, tzinfo=UTC)),
        ),
        renamed=False,
    ),
    Example(
        "statistics that the role may not see are not missing",
        sql=f"CREATE TABLE t (id int) WITH (autovacuum_enabled = off); {_ROWS}",
        given=(given.table("t", reltuples=0.0), given.rights(superuser=False, read_all_data=False)),
        renamed=False,
    ),
    Example(
        "nor are those that row security hides",
        sql=f"""
            CREATE TABLE t (id int) WITH (autovacuum_enabled = off); {_ROWS};
            ALTER TABLE t ENABLE ROW LEVEL SECURITY
        """,
        given=(given.table("t", reltuples=1000), given.rights(superuser=False, read_all_data=True)),
        renamed=False,
    ),
    Example(
        "a standby does not know when the primary analysed",
        sql=f"CREATE TABLE t (id int) WITH (autovacuum_enabled = off); {_ROWS}",
        given=(given.database(in_recovery=True),),
    ),
    Example(
        "a server that does not count",
        sql=f"CREATE TABLE t (id int) WITH (autovacuum_enabled = off); {_ROWS}",
        given=(given.setting("track_counts", "off"),),
    ),
)
