"""An index on a column of few values, each of them common.

What it finds:
    An index over one column with two to ten different values, each of at least a tenth of the rows and none rare, on
    a table of at least 10 000 rows, that was not used so far. Not reported: a unique or partial index, one that
    serves a foreign key, an index of several columns (a column of few values that is compared by `=` belongs in
    front of the one that is sorted by), a column by whose values the rows lie sorted, and an index that was scanned.

Why it matters:
    A lookup finds at least a tenth of the rows, spread over nearly every page: reading the whole table is cheaper, so
    the planner does that, while each insert writes the index.

Evidence:
    pg_stats.n_distinct, most_common_freqs and correlation, from the sample of ANALYZE; pg_stat_user_indexes.

Remedy:
    Drop it, or build what queries ask for: an index of several columns that begins with it, or a partial index of the
    rows with the value that is searched: `Index(..., postgresql_where=...)`.

When to ignore:
    Queries count the rows of each value, which an index-only scan answers; or a value is about to become rare, as
    open tasks do.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from pgproof.facts.amounts import amount
from pgproof.facts.catalog import Catalog, Index, Table
from pgproof.facts.model import Facts
from pgproof.facts.table_statistics import ColumnStatistics
from pgproof.remedy.names import literal
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, index_ref
from pgproof.rules.index_keys import leading_columns
from pgproof.rules.indexes._shared import takes
from pgproof.rules.indexes._stated import analysed
from pgproof.rules.indexes._unused import remaining_indexes
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.statements import rows_of

METADATA = Metadata(
    code="IDX09", slug="low-cardinality-leading-column", severity="low", needs=("catalog", "statistics")
)

COMMON = 0.1
"""Share of the rows from which nearly every page holds one: a page holds more than ten rows as a rule."""

ENOUGH_ROWS = 10_000
"""Below it a table is read as a whole whatever its indexes, and the share of a value says little."""

SORTED = 0.9
"""Correlation from which equal values lie together, so that a lookup reads few pages."""

_LISTED = 0.999
"""Share of the rows that the values of the sample make up: the rest could be rare values."""


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each index by which no lookup can be narrow."""
    for table, index in remaining_indexes(facts):
        name = index.columns[0]
        if index.method not in ("btree", "hash") or index.partial or len(index.keys) > 1:
            continue
        if name is None or index.scans != 0 or rows_of(facts.catalog, table) < ENOUGH_ROWS:
            continue
        if any(leading_columns(table, index, key.columns) for key in table.foreign_keys):
            continue
        statistics = table.column(name).statistics
        if statistics is None:
            yield NotChecked("column statistics (ANALYZE, and the right to see them)", (index_ref(table, index),))
        elif _every_value_is_common(statistics) and abs(statistics.correlation or 0) < SORTED:
            yield _finding(facts.catalog, table, index, name, statistics)


def _every_value_is_common(statistics: ColumnStatistics) -> bool:
    shares = [share for share in (*statistics.common_frequencies, statistics.null_fraction) if share]
    return bool(shares) and min(shares) >= COMMON and sum(shares) >= _LISTED


def _finding(catalog: Catalog, table: Table, index: Index, column: str, statistics: ColumnStatistics) -> Finding:
    frequencies = statistics.common_frequencies
    return METADATA.finding(
        objects=(index_ref(table, index),),
        message=f"index {index.name} of {table.qualified_name} finds no fewer than {min(frequencies):.0%} of the rows",
        consequence=f"{column} has {amount(len(frequencies), 'value')}, the rarest in about "
        f"{min(frequencies) * rows_of(catalog, table):.0f} rows, so reading the whole table is cheaper.{takes(index)}",
        confidence="sample",
        evidence=(
            Evidence(
                "statistics",
                "SELECT n_distinct, null_frac, most_common_freqs, correlation FROM pg_stats"
                f" WHERE schemaname = {literal(table.schema).strip()} AND tablename = {literal(table.name).strip()}"
                f" AND attname = {literal(column).strip()}",
                f"shares of the values: {', '.join(f'{share:.3f}' for share in frequencies)}",
            ),
        ),
        remedy=Remedy(
            f"Drop {index.name}, or let the column that queries sort by follow {column}, or index only the rows with "
            "the value that is searched."
        ),
    )


def _case(
    name: str,
    value: str = "n % 2 = 0",
    index: str = "CREATE INDEX i ON t (a)",
    *,
    rows: int = 10_000,
    column: str = "bool",
    analyze: str = "ANALYZE t",
    says: tuple[str, ...] = (),
    stated: tuple[given.Given, ...] = (),
    **fields: int | None,
) -> Example:
    return Example(
        name,
        sql=f"""
            CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (0), (1);
            CREATE TABLE t (a {column}, b int); {index};
            INSERT INTO t SELECT {value}, n FROM generate_series(1, {rows}) n; {analyze};
        """,
        given=(given.index("i", **{"scans": 0, **fields}), *stated),
        renamed=False,
        objects=("i",),
        says=says,
    )


BAD = (
    _case(
        "two values, half of the rows each", bytes=8192, says=("rarest in about 5000 rows", "cheaper. It takes 8 kB")
    ),
    _case("a size that could not be read", bytes=None, says=("cheaper. Drop",)),
    _case(
        "exactly a tenth of the rows have the rarest value",
        "n % 10",
        column="int",
        stated=(analysed("t", "a", common_frequencies=(0.3, 0.3, 0.3, 0.1), null_fraction=0.0),),
    ),
    _case(
        "of a thousand rows one may have another value",
        stated=(analysed("t", "a", common_frequencies=(0.4995, 0.4995), null_fraction=0.0),),
    ),
    _case(
        "values without an order",
        "(n % 2)::text::xid",
        "CREATE INDEX i ON t USING hash (a)",
        column="xid",
    ),
    _case("ten values, a tenth each", "n % 10", column="int"),
    _case("a hash index", index="CREATE INDEX i ON t USING hash (a)"),
    _case("as many have none", "CASE n % 3 WHEN 0 THEN true WHEN 1 THEN false END"),
)
GOOD = (
    _case("eleven values", "n % 11", column="int"),
    _case("one value is rare", "n % 11 = 0"),
    _case("only few have none", "CASE WHEN n % 20 > 0 THEN n % 2 = 0 END"),
    _case("beside common values there are rare ones", "CASE WHEN n % 100 = 0 THEN n ELSE n % 5 END", column="int"),
    _case("all values differ", "n", column="int"),
    _case("the rows lie sorted by it", "n > 5000"),
    _case("the rows lie so nearly sorted by it", stated=(analysed("t", "a", correlation=-0.9),)),
    _case("one value in all rows", "true"),
    _case("a small table", rows=9_999),
    _case("it was used", scans=1),
    _case("nobody knows whether it was used", scans=None),
    _case("another column follows, by which queries sort", index="CREATE INDEX i ON t (a, b)"),
    _case("the rows that are searched alone", index="CREATE INDEX i ON t (a) WHERE a"),
    _case("an expression of it", index="CREATE INDEX i ON t ((a::text))"),
    _case(
        "a method that answers for ranges of pages",
        index="CREATE INDEX i ON t USING brin (a)",
        column="int",
        value="n % 2",
    ),
    _case("a unique index, NULLs aside", "CASE WHEN n < 3 THEN n END", "CREATE UNIQUE INDEX i ON t (a)", column="int"),
    _case("an index that serves a foreign key", "n % 2", column="int REFERENCES p"),
    _case("a column that was never analysed", analyze="SELECT"),
    _case("an index that begins another", index="CREATE INDEX i ON t (a); CREATE INDEX j ON t (a, b)"),
    Example(
        "an index that nothing has used for long is that rule's matter",
        sql="""
            CREATE TABLE t (a bool, b int); CREATE INDEX i ON t (a);
            INSERT INTO t SELECT n % 2 = 0, n FROM generate_series(1, 10000) n; ANALYZE t;
        """,
        given=(
            given.database(statistics_since=datetime(2020, 1, 1, tzinfo=UTC)),
            given.index("i", bytes=2_000_000, scans=0),
        ),
        renamed=False,
    ),
)
