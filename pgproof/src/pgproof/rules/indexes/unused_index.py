"""An index that nothing has read.

What it finds:
    An index of at least 1 MB that was not scanned once while the server counted for at least five weeks, on a table
    that is in use. Never reported: what enforces a rule or identifies rows (unique, primary and exclusion indexes, a
    replica identity, the index of CLUSTER), the last index to find a foreign key's rows by, and one that takes over
    from an index reported as redundant. Where the server has counted for less than five weeks or counts nothing, and
    on a standby, the rule says that it could not check. A partial index that statements would use if they wrote a
    value out is left to IDX11, which says why it is not used: dropping it would be the opposite of its remedy.

Why it matters:
    Each insert writes it, updates of any of its columns cannot be heap-only, and it takes memory and backup time.

Evidence:
    pg_stat_user_indexes.idx_scan, and since when it counts: stats_reset of pg_stat_database; where the counters were
    never reset, the start of those of the server.

Remedy:
    Drop it: `op.drop_index(..., postgresql_concurrently=True)` in an autocommit block, and `index=True` or the
    `Index` in the model. Its reverse builds it again.

When to ignore:
    It was built lately (the catalog does not say when), it serves a job that runs less than monthly, or queries on
    standbys use it: each server counts its own. An index on an expression also gives the planner statistics of that
    expression; CREATE STATISTICS does without the index.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from pgproof.facts.amounts import amount
from pgproof.facts.model import Facts
from pgproof.facts.questions import Question
from pgproof.remedy.names import literal, quoted
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, index_ref
from pgproof.rules.indexes._shared import counted_since, dropping, scans_unknown, size
from pgproof.rules.indexes._unprovable import plans_of, unprovable
from pgproof.rules.indexes._unused import Unused, unused_indexes
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.severity import raised
from pgproof.rules.statement_examples import HAZARD

METADATA = Metadata(code="IDX05", slug="unused-index", severity="low", needs=("catalog", "statistics"))

LARGE_BYTES = 100 * 1024 * 1024
"""An index of this size is worth a maintenance step of its own."""


def questions(facts: Facts) -> Iterator[Question]:
    """Ask whether statements would use a partial index if they wrote the value of its predicate out."""
    return plans_of(unprovable(facts))


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each index that was not used, if the counters are old enough to say so."""
    needs = scans_unknown(facts)
    for unused in unused_indexes(facts):
        if needs is not None:
            yield NotChecked(needs, (index_ref(unused.table, unused.index),))
        else:
            yield _finding(facts, unused)


def _finding(facts: Facts, unused: Unused) -> Finding:
    table, index = unused.table, unused.index
    since = f"{counted_since(facts):%Y-%m-%d}"
    how, operations = dropping(facts.catalog, table, index)
    if any(key.column is None for key in index.keys):
        how = "move the planner's statistics of its expression to CREATE STATISTICS, then drop it"
        operations = ()
    standbys = facts.server.activity is None or facts.server.activity.standbys > 0
    asking = "Ask the same of each standby, which counts its own scans. " if standbys else ""
    return METADATA.finding(
        objects=(index_ref(table, index),),
        message=f"index {index.name} of {table.qualified_name} has not been used since the statistics began, {since}",
        consequence=f"It takes {size(unused.bytes)}, and {amount(unused.written, 'row was', 'rows were')} inserted or"
        " updated meanwhile. If it was built later, which the catalog does not say, it had less time to be used.",
        severity=raised(METADATA.severity) if unused.bytes >= LARGE_BYTES and not standbys else None,
        evidence=(
            Evidence(
                "statistics",
                "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelid = "
                f"{literal(quoted(table.schema, index.name))}::regclass",
                f"0 scans since {since}",
            ),
        ),
        remedy=Remedy(f"{asking}{index.name}: {how}.", operations),
    )


_OLD = (given.database(statistics_since=datetime(2020, 1, 1, tzinfo=UTC)),)
_ROWS = "INSERT INTO t SELECT n, n FROM generate_series(1, 60000) n"
_REFERRING = f"""
    CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p SELECT generate_series(1, 60000);
    CREATE TABLE t (a int, b int); {_ROWS}; ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p
"""

_PARTIAL = f"""
    CREATE TABLE t (a int, b int, state text DEFAULT 'open'); {_ROWS};
    CREATE INDEX i ON t (a) WHERE state = 'open'; ANALYZE t;
"""
_PARTIAL_UNUSED = (*_OLD, given.index("i", scans=0))

BAD = (
    Example(
        "a plain index that was never scanned",
        sql=f"CREATE TABLE t (a int, b int); {_ROWS}; CREATE INDEX i ON t (a)",
        given=_OLD,
        objects=("i",),
        severity="low",
        says=("not been used since the statistics began, 2020-01-01", "and 60,000 rows were inserted", "to be used. i"),
    ),
    Example(
        "counters that were never reset count since the server's own began",
        sql=f"CREATE TABLE t (a int, b int); {_ROWS}; CREATE INDEX i ON t (a)",
        given=(
            given.database(statistics_since=None),
            given.activity(checkpoints_since=datetime(2020, 1, 1, tzinfo=UTC)),
        ),
        objects=("i",),
    ),
    Example(
        "five weeks are enough",
        sql=f"CREATE TABLE t (a int, b int); {_ROWS}; CREATE INDEX i ON t (a)",
        given=(
            given.database(
                statistics_since=datetime(2026, 1, 1, tzinfo=UTC),
                taken_at=datetime(2026, 2, 5, tzinfo=UTC),
            ),
        ),
        objects=("i",),
    ),
    Example(
        "an index of exactly a megabyte",
        sql="CREATE TABLE t (a int); CREATE INDEX i ON t (a); INSERT INTO t VALUES (1)",
        given=(*_OLD, given.index("i", bytes=1024 * 1024)),
        renamed=False,
        objects=("i",),
    ),
    Example(
        "a partial index that statements would not use with the value written out either",
        sql=_PARTIAL,
        given=(*_PARTIAL_UNUSED, given.workload(("SELECT * FROM t WHERE b = $1 AND state = $2", 1000, 5.0))),
        renamed=False,
        objects=("i",),
    ),
    Example(
        "a partial index of whose statement nobody knows the plan",
        sql=f"{HAZARD}; {_PARTIAL}",
        given=(
            *_PARTIAL_UNUSED,
            given.workload(("SELECT * FROM t WHERE a = $1 AND state = $2 AND probe(b)", 1000, 5.0)),
        ),
        renamed=False,
        objects=("i",),
    ),
    Example(
        "an expression gives the planner statistics, so it is told of without a drop",
        sql=f"CREATE TABLE t (a int, b int); {_ROWS}; CREATE INDEX i ON t ((a + b), a)",
        given=_OLD,
        objects=("i",),
        says=("CREATE STATISTICS",),
    ),
    Example(
        "of two that serve a foreign key one stays",
        sql=f"""
            {_REFERRING}; CREATE INDEX i1 ON t (a, b); CREATE INDEX i2 ON t (a DESC);
        """,
        given=_OLD,
    ),
    Example(
        "a partial index finds not all of a foreign key's rows, so it is not the key's last support",
        sql=f"""
            {_REFERRING}; CREATE INDEX i1 ON t (a) WHERE b > 0;
        """,
        given=_OLD,
        objects=("i1",),
    ),
    Example(
        "a partitioned table is reported once, with the size of all parts",
        sql=f"""
            CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
            CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (30000);
            CREATE TABLE t_2 PARTITION OF t DEFAULT;
            {_ROWS}; CREATE INDEX i ON t (b)
        """,
        given=_OLD,
        objects=("i",),
        says=("and 60,000 rows were inserted", "cannot be done concurrently"),
    ),
    Example(
        "a large one",
        sql="CREATE TABLE t (a int); CREATE INDEX i ON t (a); INSERT INTO t VALUES (1)",
        given=(*_OLD, given.index("i", bytes=100 * 1024 * 1024)),
        renamed=False,
        objects=("i",),
        severity="medium",
        says=("t has not been used",),
    ),
    Example(
        "just below",
        sql="CREATE TABLE t (a int); CREATE INDEX i ON t (a); INSERT INTO t VALUES (1)",
        given=(*_OLD, given.index("i", bytes=100 * 1024 * 1024 - 1)),
        renamed=False,
        objects=("i",),
        severity="low",
    ),
    Example(
        "a standby may use it, which only its own counters say",
        sql="CREATE TABLE t (a int); CREATE INDEX i ON t (a); INSERT INTO t VALUES (1)",
        given=(*_OLD, given.index("i", bytes=100 * 1024 * 1024), given.activity(standbys=1)),
        renamed=False,
        objects=("i",),
        severity="low",
        says=("Ask the same of each standby",),
    ),
    Example(
        "nobody knows whether there are standbys",
        sql="CREATE TABLE t (a int); CREATE INDEX i ON t (a); INSERT INTO t VALUES (1)",
        given=(*_OLD, given.index("i", bytes=100 * 1024 * 1024), given.server(activity=None)),
        renamed=False,
        objects=("i",),
        severity="low",
        says=("Ask the same of each standby",),
    ),
)
GOOD = (
    Example(
        "one that was scanned",
        sql=f"""
            CREATE TABLE t (a int, b int); {_ROWS}; CREATE INDEX i ON t (a);
            SET LOCAL enable_seqscan = off; SELECT b FROM t WHERE a = 7;
        """,
        given=_OLD,
    ),
    Example(
        "a unique index enforces its rule",
        sql=f"CREATE TABLE t (a int UNIQUE, b int); CREATE UNIQUE INDEX ON t (b); {_ROWS}",
        given=_OLD,
    ),
    Example(
        "an exclusion constraint is a rule",
        sql="CREATE TABLE t (r int4range, EXCLUDE USING gist (r WITH &&)); INSERT INTO t VALUES ('[1,2)')",
        given=(*_OLD, given.index("t_r_excl", bytes=2_000_000)),
        renamed=False,
    ),
    Example(
        "the only index that finds a foreign key's rows",
        sql=f"""
            {_REFERRING}; CREATE INDEX i ON t (a)
        """,
        given=_OLD,
    ),
    Example(
        "an index without the NULLs finds a foreign key's rows as well",
        sql=f"""
            {_REFERRING}; CREATE INDEX i ON t (a) WHERE a IS NOT NULL
        """,
        given=_OLD,
    ),
    Example(
        "a partial index that statements would use if they wrote a value out is that rule's matter",
        sql=_PARTIAL,
        given=(*_PARTIAL_UNUSED, given.workload(("SELECT * FROM t WHERE a = $1 AND state = $2", 1000, 5.0))),
        renamed=False,
    ),
    Example(
        "one that takes over from a repeat, which goes first",
        sql=f"""
            CREATE TABLE t (a int, b int); {_ROWS}; CREATE INDEX i1 ON t (a); CREATE INDEX i2 ON t (a);
        """,
        given=(*_OLD, given.index("i2", scans=3)),
        renamed=False,
    ),
    Example(
        "one that CLUSTER sorts the table by",
        sql=f"CREATE TABLE t (a int, b int); {_ROWS}; CREATE INDEX i ON t (a); CLUSTER t USING i",
        given=(*_OLD, given.index("i", scans=0)),
        renamed=False,
    ),
    Example(
        "counters that have not counted for long",
        sql=f"CREATE TABLE t (a int, b int); {_ROWS}; CREATE INDEX i ON t (a)",
        given=(
            given.database(
                statistics_since=datetime(2026, 1, 1, tzinfo=UTC),
                taken_at=datetime(2026, 2, 4, tzinfo=UTC),
            ),
        ),
    ),
    Example(
        "nobody knows since when it counts",
        sql=f"CREATE TABLE t (a int, b int); {_ROWS}; CREATE INDEX i ON t (a)",
        given=(given.database(statistics_since=None), given.server(activity=None)),
    ),
    Example(
        "a server that counts nothing any more",
        sql=f"CREATE TABLE t (a int, b int); {_ROWS}; CREATE INDEX i ON t (a)",
        given=(*_OLD, given.setting("track_counts", "off")),
    ),
    Example(
        "a standby counts its own scans alone",
        sql=f"CREATE TABLE t (a int, b int); {_ROWS}; CREATE INDEX i ON t (a)",
        given=(*_OLD, given.database(in_recovery=True)),
    ),
    Example(
        "a small one: the planner has no need of it yet",
        sql="CREATE TABLE t (a int); CREATE INDEX i ON t (a); INSERT INTO t VALUES (1)",
        given=(*_OLD, given.index("i", bytes=1024 * 1024 - 1)),
        renamed=False,
    ),
    Example(
        "scans that nobody counted",
        sql="CREATE TABLE t (a int); CREATE INDEX i ON t (a); INSERT INTO t VALUES (1)",
        given=(*_OLD, given.index("i", bytes=2_000_000, scans=None)),
        renamed=False,
    ),
    Example(
        "a size that could not be read",
        sql="CREATE TABLE t (a int); CREATE INDEX i ON t (a); INSERT INTO t VALUES (1)",
        given=(*_OLD, given.index("i", bytes=None)),
        renamed=False,
    ),
    Example(
        "a table that nobody touches is reported itself",
        sql="CREATE TABLE t (a int); CREATE INDEX i ON t (a)",
        given=(*_OLD, given.index("i", bytes=2_000_000)),
        renamed=False,
    ),
    Example(
        "an invalid index is another rule's matter",
        sql=f"""
            CREATE TABLE t (a int, b int); {_ROWS}; CREATE INDEX i ON t (a);
            UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass;
        """,
        given=_OLD,
    ),
)
