"""A range, or a counter, that no check keeps in order.

What it finds:
    Two columns of one type that name the two ends of a range (`min` and `max`, `start` and `end`, `valid_from` and
    `valid_until`, `posted` and `expires`) in a table where nothing demands their order; and an integer `..._count`
    that nothing keeps from being negative. A name only suggests it; the rows decide: where one in five is the other
    way round, the two columns mean something else and nothing is said. Pairs that need not be ordered are left
    alone: references, text, times of day (a shift ends after midnight), and `from_x` and `to_x` of numbers.

Why it matters:
    A row whose range is reversed is found by no search for a value within it, a negative counter sorts before
    everything, and both come from an ordinary slip in a form or a lost update that nobody notices.

Evidence:
    pg_constraint, and a count of the rows that break the order.

Remedy:
    `CheckConstraint("salary_min <= salary_max")` in the model; `op.create_check_constraint(...)` with
    `postgresql_not_valid=True`, then VALIDATE CONSTRAINT. Rows that break it have to be mended or moved first.

When to ignore:
    The order of the two is not meant, or a trigger keeps it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgproof.facts.catalog import Catalog, Column, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import Compare, RowsWhere
from pgproof.remedy.constraints import AddCheck
from pgproof.remedy.names import object_name, quoted
from pgproof.rules import given
from pgproof.rules.counter_examples import AcceptedRow
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, Severity, counted, table_ref
from pgproof.rules.reading import locked, own_columns, regclass, words
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="INT16", slug="range-without-check", severity="medium")

QUANTITIES = {"min": ("max",), "minimum": ("maximum",), "lowest": ("highest",), "lower": ("upper",), "low": ("high",)}
"""Words for the two ends of a range of anything that has an order."""

PERIODS = {
    "start": ("end", "stop"),
    "starts": ("ends", "stops"),
    "started": ("ended", "stopped", "finished"),
    "begin": ("end",),
    "begins": ("ends",),
    "from": ("to", "until", "till"),
    "since": ("until",),
    "opens": ("closes",),
    "posted": ("expires", "closes"),
    "published": ("expires",),
    "issued": ("expires",),
}
"""Words for the two ends of a period; of numbers they may as well name a route, an edge or an exchange."""

MOST_REVERSED = 0.2
"""Share of reversed rows from which on two columns are no range; chance would reverse half of them."""

_SAMPLES = {"D": ("'2001-01-02'", "'2001-01-01'"), "T": ("'2 days'", "'1 day'"), "N": ("2", "1")}
"""By pg_type.typcategory, two values in the wrong order."""


@dataclass(frozen=True)
class _Order:
    """What the names of columns say that rows must fulfil.

    Attributes:
        columns: the lower and the upper end, or a counter alone.
        condition: SQL of a check.
        broken: true for a row that breaks it.
        example: values that break it.
        words: what a row that breaks it looks like.
    """

    columns: tuple[str, ...]
    condition: str
    broken: Compare
    example: tuple[tuple[str, str], ...]
    words: str


def questions(facts: Facts) -> Iterator[RowsWhere]:
    """Ask how many rows break each order that nothing demands."""
    for table in facts.catalog.base_tables:
        for order in _undemanded(facts.catalog, table):
            yield RowsWhere(table.qualified_name, order.broken)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each order of columns that nothing demands."""
    for table in facts.catalog.base_tables:
        if table.locked:
            yield locked(table)
            continue
        for order in _undemanded(facts.catalog, table):
            counts = facts.counts(RowsWhere(table.qualified_name, order.broken))
            if counts is not None and counts.rows > MOST_REVERSED * counts.rows_examined:
                continue
            yield _finding(facts, table, order)


def _undemanded(catalog: Catalog, table: Table) -> Iterator[_Order]:
    columns = {column.name: column for column in own_columns(catalog, table) if _is_free(catalog, table, column)}
    for column in columns.values():
        upper = _upper_end(column, columns)
        if upper is not None and not _keeps_in_order(table, column, upper):
            yield _range(column, upper)
        if _is_counter(column) and not any(column.name in check.columns for check in table.checks):
            yield _counter(column)


def _is_free(catalog: Catalog, table: Table, column: Column) -> bool:
    """Tell whether a value is written as it is, rather than computed, referring, or checked by its domain."""
    checked = any(
        (user_type.schema, user_type.name, user_type.has_check) == (column.type_schema, column.type_name, True)
        for user_type in catalog.types
    )
    return not (column.generated or checked or any(column.name in key.columns for key in table.foreign_keys))


def _upper_end(column: Column, columns: dict[str, Column]) -> Column | None:
    if column.type_category not in _SAMPLES or column.base_type in ("time", "timetz"):
        return None
    parts = words(column.name)
    for position, word in enumerate(parts):
        others: tuple[str, ...] = QUANTITIES.get(word, ())
        if column.type_category == "D" or (position > 0 and word == "from"):
            others += PERIODS.get(word, ())
        for other in others:
            upper = columns.get("_".join((*parts[:position], other, *parts[position + 1 :])))
            if upper is not None and upper.base_type == column.base_type:
                return upper
    return None


def _is_counter(column: Column) -> bool:
    return column.base_type in ("int2", "int4", "int8") and words(column.name)[-1] == "count"


def _keeps_in_order(table: Table, lower: Column, upper: Column) -> bool:
    """Tell whether a check speaks of both, or a range is built of them, which refuses a reversed one."""
    if any({lower.name, upper.name} <= set(check.columns) for check in table.checks):
        return True
    if any(column.generated and column.type_kind == "r" for column in table.columns):
        return True
    expressions = [key.expression or "" for index in table.indexes for key in index.keys]
    return any("range(" in each and lower.name in each and upper.name in each for each in expressions)


def _range(lower: Column, upper: Column) -> _Order:
    greater, smaller = _SAMPLES[lower.type_category]
    return _Order(
        (lower.name, upper.name),
        f"{quoted(lower.name)} <= {quoted(upper.name)}",
        Compare(lower.name, ">", other_column=upper.name),
        ((lower.name, greater), (upper.name, smaller)),
        f"{lower.name} above {upper.name}",
    )


def _counter(column: Column) -> _Order:
    return _Order(
        (column.name,),
        f"{quoted(column.name)} >= 0",
        Compare(column.name, "<", constant=0),
        ((column.name, "-1"),),
        f"a negative {column.name}",
    )


def _finding(facts: Facts, table: Table, order: _Order) -> Finding:
    answer = facts.answer(RowsWhere(table.qualified_name, order.broken))
    counts = answer.counts if answer is not None else None
    severity: Severity | None = None
    if counts is not None and counts.rows:
        least = "" if counts.exact else "at least "
        consequence = f"{least}{counts.rows:,} of {counts.rows_examined:,} rows have {order.words}."
        severity = "high"
    elif counts is not None and counts.exact:
        consequence = f"None of {counts.rows_examined:,} rows has {order.words}, and nothing refuses the first."
        severity = "low"
    else:
        consequence = f"A row with {order.words} is accepted."
    safe = severity == "low"
    return METADATA.finding(
        objects=(table_ref(table, *order.columns),),
        message=f"nothing refuses {order.words} in {table.qualified_name}",
        consequence=consequence,
        severity=severity,
        confidence="exact" if counts is not None and counts.exact else "sample" if severity else "catalog",
        evidence=(
            Evidence(
                "catalog",
                "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c' AND conrelid ="
                f" {regclass(table)}",
                f"none for {', '.join(order.columns)}",
            ),
            *([counted(answer, consequence)] if answer is not None and counts is not None else []),
        ),
        remedy=Remedy(
            f"Add CHECK ({order.condition})."
            if safe
            else f"Find the rows where NOT ({order.condition}), correct them or move them aside; then add"
            f" CHECK ({order.condition}).",
            (AddCheck(table.schema, table.name, object_name("ck", table.name, order.columns), order.condition),)
            if safe
            else (),
        ),
        counter_example=AcceptedRow(table.qualified_name, order.example),
    )


BAD = (
    Example(
        "a salary from and to, without a check, in an empty table",
        sql="""
            CREATE TABLE jobs (id int PRIMARY KEY, salary_min int, salary_max int, span int4range,
                               parent_id int REFERENCES jobs);
        """,
        severity="low",
        says=("None of 0 rows",),
        objects=("jobs", "salary_min", "salary_max"),
    ),
    Example(
        "reversed rows: a fifth of them is still a range",
        sql="""
            CREATE TABLE offers (id int PRIMARY KEY, starts_at timestamptz, ends_at timestamptz);
            INSERT INTO offers SELECT n, now(), now() + (n - 0.5 - 1) * interval '1 day' FROM generate_series(1, 5) n;
        """,
        severity="high",
        says=("1 of 5 rows have starts_at above ends_at",),
        objects=("offers", "starts_at", "ends_at"),
    ),
    Example(
        "a column whose type is a domain without a check, and numerics of two lengths",
        sql="""
            CREATE DOMAIN euros AS numeric;
            CREATE TABLE prices (id int PRIMARY KEY, lowest euros, highest numeric(12, 2));
        """,
        objects=("prices", "lowest", "highest"),
    ),
    Example(
        "amounts from and to, where the words come last, and intervals",
        sql="CREATE TABLE bands (id int PRIMARY KEY, pay_from int, pay_to int, wait_min interval, wait_max interval)",
        findings=2,
        objects=("pay_from", "pay_to", "wait_min", "wait_max"),
    ),
    Example(
        "dates under several words",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, posted_at timestamptz, expires_at timestamptz, from_date date,
                            to_date date, valid_since date, valid_until date);
        """,
        findings=3,
        objects=("posted_at", "expires_at", "from_date", "to_date", "valid_since", "valid_until"),
    ),
    Example(
        "a counter",
        sql="CREATE TABLE posts (id int PRIMARY KEY, view_count bigint NOT NULL DEFAULT 0)",
        says=("a negative view_count",),
        objects=("posts", "view_count"),
    ),
    Example(
        "checks that speak of one end only, or of another column",
        sql="""
            CREATE TABLE jobs (id int PRIMARY KEY CHECK (id > 0), pay_min int CHECK (pay_min > 0), pay_max int,
            n_count int);
        """,
        findings=2,
        objects=("pay_min", "pay_max", "n_count"),
    ),
    Example(
        "an index of a range over one end, an expression over both that is no range, and a generated number",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, a_min int, a_max int, n int GENERATED ALWAYS AS (1) STORED);
            CREATE INDEX i ON t (int4range(a_min, NULL)); CREATE INDEX j ON t ((a_min + a_max));
            CREATE INDEX k ON t (int4range(NULL, a_max));
        """,
        objects=("t", "a_min", "a_max"),
    ),
    Example(
        "a partitioned table",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, low int, high int) PARTITION BY RANGE (id);
            CREATE TABLE t_1 PARTITION OF t DEFAULT;
        """,
        objects=("t", "low", "high"),
    ),
    Example(
        "a table that cannot be counted",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, low int, high int); INSERT INTO t VALUES (1, 2, 1);
        """,
        given=(given.table("t", calls_user_code=True),),
        renamed=False,
        severity="medium",
        says=("is accepted", "correct them"),
        objects=("t", "low", "high"),
    ),
)
GOOD = (
    Example(
        "a check of the order, and one of the counter",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, low int, high int, n_count int CHECK (n_count >= 0),
            CHECK (low < high));
        """,
    ),
    Example(
        "numbers that are more often reversed than not are no range",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, low int, high int);
            INSERT INTO t SELECT n, n, CASE WHEN n <= 2 THEN 0 ELSE 100 END FROM generate_series(1, 9) n;
        """,
    ),
    Example(
        "edges, routes and transfers of numbers",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, from_node int, to_node int, start_lat float8, end_lat float8,
                            "from" int, "to" int, lat_start float8, lat_end float8);
        """,
    ),
    Example(
        "references to the two ends",
        sql="""
            CREATE TABLE grades (id int PRIMARY KEY);
            CREATE TABLE t (id int PRIMARY KEY, min_grade int REFERENCES grades, max_grade int REFERENCES grades);
        """,
    ),
    Example(
        "a shift that ends after midnight",
        sql="CREATE TABLE t (id int PRIMARY KEY, start_time time, end_time time, from_time timetz, to_time timetz)",
    ),
    Example(
        "text, and two types",
        sql="CREATE TABLE t (id int PRIMARY KEY, min_size text, max_size text, a_min int, a_max numeric)",
    ),
    Example(
        "an exclusion rule or an index over the range refuses a reversed one",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, starts date, ends date, EXCLUDE USING gist (daterange(starts,
            ends) WITH &&));
            CREATE TABLE u (id int PRIMARY KEY, low int, high int); CREATE INDEX ON u USING gist (int4range(low, high));
        """,
    ),
    Example(
        "a generated range refuses a reversed one",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, starts date, ends date,
                            span daterange GENERATED ALWAYS AS (daterange(starts, ends)) STORED);
        """,
    ),
    Example(
        "a domain with a check, and a generated counter",
        sql="""
            CREATE DOMAIN natural_number AS int CHECK (VALUE >= 0);
            CREATE TABLE t (id int PRIMARY KEY, a text, n_count natural_number,
                            letter_count int GENERATED ALWAYS AS (length(a)) STORED);
        """,
    ),
    Example(
        "names that only resemble: a count in other words, a first and a last name",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, count_of int, account int, first_name text, last_name text,
            discount int)
        """,
    ),
    Example(
        "a count that is not an integer, and one end alone",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, blood_count numeric, note_count text, salary_min int, start_date date)
        """,
    ),
    Example(
        "what a child inherits is its parent's matter",
        sql="""
            CREATE TABLE p (id int PRIMARY KEY, low int, high int, CHECK (low <= high) NO INHERIT);
            CREATE TABLE c () INHERITS (p);
        """,
    ),
    Example(
        "a table that another session locks is not judged: its checks could not be read",
        sql="CREATE TABLE t (id int PRIMARY KEY, low int, high int)",
        given=(given.table("t", locked=True),),
        renamed=False,
    ),
)
