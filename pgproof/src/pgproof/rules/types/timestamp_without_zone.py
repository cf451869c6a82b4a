"""Timestamps that do not say of which time zone they are.

What it finds:
    The columns of a table whose type is timestamp without time zone.

Why it matters:
    Such a value is a reading of a clock, not a moment. A default of now() writes the clock of whoever is connected:
    two sessions with different TimeZone settings write different values for one moment. When clocks go back, an hour
    occurs twice; differences across a change of clocks are an hour wrong.

Evidence:
    pg_attribute.

Remedy:
    `Column(DateTime(timezone=True))`. In the migration first find out which zone the values are of, then
    `op.alter_column(..., type_=DateTime(timezone=True), postgresql_using="created_at AT TIME ZONE 'UTC'")`. With the
    session's TimeZone at UTC, PostgreSQL makes that change without rewriting the table where no other expression is
    needed (ALTER TABLE, Notes).

When to ignore:
    The value is a reading of a local clock whose zone stands in another column, such as the opening of a shop.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pgproof.facts.catalog import Column, Table
from pgproof.facts.model import Facts
from pgproof.rules.finding import Evidence, Finding, Remedy, table_ref
from pgproof.rules.reading import own_columns, regclass
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="TYP02", slug="timestamp-without-zone", severity="low")

_SESSION_CLOCK = re.compile(
    r"^\(*(now\(\)|CURRENT_TIMESTAMP|LOCALTIMESTAMP|clock_timestamp\(\)|transaction_timestamp\(\))"
)


def check(facts: Facts) -> Iterator[Finding]:
    """Yield each table with such columns."""
    for table in facts.catalog.base_tables:
        columns = tuple(
            column
            for column in own_columns(facts.catalog, table)
            if "timestamp" in (column.base_type, column.element_type) and column.generated is None
        )
        if columns:
            yield _finding(table, columns)


def _finding(table: Table, columns: tuple[Column, ...]) -> Finding:
    names = tuple(column.name for column in columns)
    clocks = [column.name for column in columns if _SESSION_CLOCK.match(column.default or "")]
    consequence = "Which moment a value is depends on what its reader takes for the time zone."
    if clocks:
        consequence = f"The default of {', '.join(clocks)} writes the clock of the session's TimeZone. {consequence}"
    return METADATA.finding(
        objects=(table_ref(table, *names),),
        message=f"{table.qualified_name} keeps times without their zone: {', '.join(names)}",
        consequence=consequence,
        severity="medium" if clocks else None,
        evidence=(
            Evidence(
                "catalog",
                f"SELECT attname FROM pg_attribute WHERE attrelid = {regclass(table)} AND attnum > 0 AND NOT"
                " attisdropped"
                " AND format_type(atttypid, NULL) LIKE 'timestamp without time zone%'",
                ", ".join(names),
            ),
        ),
        # No operations: only people know which zone the values are of.
        remedy=Remedy(
            "Find out which time zone the values are of, and change the columns to timestamptz with AT TIME ZONE."
        ),
    )


BAD = (
    Example(
        "two columns are one finding",
        sql="CREATE TABLE t (id int PRIMARY KEY, a timestamp DEFAULT now(), b timestamp(0), c timestamptz)",
        severity="medium",
        says=("default of a writes",),
        objects=("t", "a", "b"),
    ),
    Example(
        "a domain, and an array",
        sql="CREATE DOMAIN moment AS timestamp; CREATE TABLE t (id int PRIMARY KEY, a moment, b timestamp[])",
        severity="low",
        objects=("t", "a", "b"),
        says=("a, b Which moment",),
    ),
    Example(
        "a partitioned table once, and what a child adds to its parent's",
        sql="""
            CREATE TABLE t (at timestamp PRIMARY KEY) PARTITION BY RANGE (at); CREATE TABLE t_1 PARTITION OF t DEFAULT;
            CREATE TABLE p (id int PRIMARY KEY, a timestamp); CREATE TABLE c (b timestamp) INHERITS (p);
        """,
        findings=3,
        objects=("t", "p", "c", "at", "a", "b"),
    ),
)
GOOD = (
    Example("a moment", sql="CREATE TABLE t (id int PRIMARY KEY, a timestamptz, b timestamptz[])"),
    Example(
        "a date, a time of day and an interval", sql="CREATE TABLE t (id int PRIMARY KEY, a date, b time, c interval)"
    ),
    Example(
        "a generated clock reading follows from a moment",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, at timestamptz,
                            local timestamp GENERATED ALWAYS AS (at AT TIME ZONE 'UTC') STORED);
        """,
    ),
    Example("a view", sql="CREATE VIEW v AS SELECT localtimestamp AS at"),
    Example(
        "a child that adds nothing", sql="CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (a date) INHERITS (p)"
    ),
)
