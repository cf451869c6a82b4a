"""A boolean that may be NULL, and so has three states.

What it finds:
    The boolean columns of a table that neither NOT NULL nor a check keeps from being NULL.

Why it matters:
    `WHERE flag` and `WHERE NOT flag` together leave out the rows that are NULL, and so do counts of the one and the
    other; `flag <> true` is neither true nor false for them. Python's `if not row.flag` takes them for false, so the
    application and the database disagree.

Evidence:
    pg_attribute, and a count of the NULLs in each column.

Remedy:
    `nullable=False` with `server_default=false()` or `true()` in the model; in the migration a decision what NULL
    meant (`UPDATE ... SET flag = false WHERE flag IS NULL` in batches), then NOT NULL by way of a validated CHECK.

When to ignore:
    NULL is a third answer, such as "not asked yet"; a column that names its three states says it better.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.catalog import Column, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import IsNull, RowsWhere
from pgproof.rules import given
from pgproof.rules.finding import Confidence, Evidence, Finding, NotChecked, Remedy, counted, table_ref
from pgproof.rules.integrity._keys import at_least, certainty, told
from pgproof.rules.integrity._nullability import accepted_nulls, may_be_null, set_not_null
from pgproof.rules.reading import locked, own_columns, regclass
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="INT15", slug="three-state-boolean", severity="low")


def questions(facts: Facts) -> Iterator[RowsWhere]:
    """Ask how many rows are NULL in each boolean that may be."""
    for table in facts.catalog.base_tables:
        for column in _booleans(facts, table):
            yield _question(table, column)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each table with booleans that may be NULL."""
    for table in facts.catalog.base_tables:
        if table.locked:
            yield locked(table)
            continue
        columns = _booleans(facts, table)
        if columns:
            yield _finding(facts, table, columns)


def _booleans(facts: Facts, table: Table) -> tuple[Column, ...]:
    return tuple(
        column
        for column in own_columns(facts.catalog, table)
        if column.base_type == "bool" and not column.generated and may_be_null(table, column)
    )


def _question(table: Table, column: Column) -> RowsWhere:
    return RowsWhere(table.qualified_name, IsNull(column.name))


def _finding(facts: Facts, table: Table, columns: tuple[Column, ...]) -> Finding:
    listed = ", ".join(column.name for column in columns)
    # The questions about one table are answered by one scan.
    found = [(column, *said) for column in columns if (said := told(facts, _question(table, column))) is not None]
    nulls = [f"{column.name} is NULL in {at_least(each, each.rows, 'row')}" for column, _, each in found if each.rows]
    confidence: Confidence = "catalog"
    remedy = Remedy(
        f"Decide what NULL means in {listed}, write it into the rows that are NULL; then make them NOT NULL, with a"
        " default."
    )
    if nulls:
        confidence, first = certainty(found[0][2]), columns[0].name
        consequence = f"{', '.join(nulls)}: neither WHERE {first} nor WHERE NOT {first} finds such rows."
    elif len(found) == len(columns):
        confidence = "exact"
        consequence = f"None of {found[0][2].rows_examined:,} rows is NULL, and nothing stops the first."
        remedy = Remedy(
            f"Make {listed} NOT NULL with a default, here and in the model.", set_not_null(facts, table, *columns)
        )
    else:
        consequence = "A row with NULL is found neither by WHERE flag nor by WHERE NOT flag."
    return METADATA.finding(
        objects=(table_ref(table, *(column.name for column in columns)),),
        message=f"{table.qualified_name} has booleans that may be NULL: {listed}",
        consequence=consequence,
        confidence=confidence,
        evidence=(
            Evidence(
                "catalog",
                f"SELECT attname FROM pg_attribute WHERE attrelid = {regclass(table)} AND atttypid = 'bool'::regtype"
                " AND attnum > 0 AND NOT attnotnull AND NOT attisdropped",
                listed,
            ),
            *(
                counted(answer, f"{at_least(each, each.rows)} of {each.rows_examined:,} rows are NULL")
                for _, answer, each in found
            ),
        ),
        remedy=remedy,
        counter_example=accepted_nulls(facts, table, *columns),
    )


BAD = (
    Example(
        "two booleans that may be NULL are one finding",
        sql="CREATE TABLE users (id int PRIMARY KEY, active bool, admin boolean DEFAULT false)",
        says=("None of 0 rows", "Make active, admin NOT NULL"),
        objects=("users", "active", "admin"),
    ),
    Example(
        "a boolean that is NULL in some rows",
        sql="""
            CREATE TABLE users (id int PRIMARY KEY, active bool, admin bool);
            INSERT INTO users VALUES (1, true, true), (2, NULL, true);
        """,
        says=("active is NULL in 1 row", "Decide what NULL means"),
        objects=("users", "active", "admin"),
    ),
    Example(
        "a domain over boolean",
        sql="CREATE DOMAIN flag AS bool; CREATE TABLE users (id int PRIMARY KEY, active flag)",
        objects=("users", "active"),
    ),
    Example(
        "a partitioned table, one of whose partitions forbids NULL itself",
        sql="""
            CREATE TABLE logs (at int PRIMARY KEY, sent bool) PARTITION BY RANGE (at);
            CREATE TABLE logs_1 PARTITION OF logs DEFAULT;
            ALTER TABLE logs_1 ALTER COLUMN sent SET NOT NULL;
        """,
        objects=("logs", "sent"),
    ),
    Example(
        "a check that forbids a value in one case",
        sql="CREATE TABLE t (id int PRIMARY KEY, b bool, CHECK (NOT (id < 0 AND b IS NOT NULL)))",
        objects=("t", "b"),
    ),
    Example(
        "a check that is not enforced (PostgreSQL 18), or not there",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, a bool);
            DO $$ BEGIN
                IF current_setting('server_version_num')::int >= 180000
                THEN EXECUTE 'ALTER TABLE t ADD CONSTRAINT a_given CHECK (a IS NOT NULL) NOT ENFORCED'; END IF;
            END $$;
        """,
        objects=("t", "a"),
    ),
    Example(
        "a table whose rows cannot be counted",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, b bool); INSERT INTO t VALUES (1, NULL);
        """,
        given=(given.table("t", calls_user_code=True),),
        renamed=False,
        says=("Decide what NULL means", "A row with NULL"),
        objects=("t", "b"),
    ),
    Example(
        "a boolean that a child adds to its parent's",
        sql="CREATE TABLE p (id int PRIMARY KEY, a bool NOT NULL); CREATE TABLE c (b bool) INHERITS (p)",
        objects=("c", "b"),
    ),
)
GOOD = (
    Example("a boolean that is NOT NULL", sql="CREATE TABLE t (id int PRIMARY KEY, b bool NOT NULL DEFAULT true)"),
    Example("a check that forbids NULL", sql="CREATE TABLE t (id int PRIMARY KEY, b bool CHECK (b IS NOT NULL))"),
    Example(
        "a domain that forbids NULL",
        sql="CREATE DOMAIN flag AS bool NOT NULL; CREATE TABLE t (id int PRIMARY KEY, b flag)",
    ),
    Example(
        "rules that new rows are held against, though old ones were not (NOT NULL NOT VALID is of PostgreSQL 18)",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, a bool, b bool);
            ALTER TABLE t ADD CONSTRAINT a_given CHECK (a IS NOT NULL) NOT VALID;
            DO $$ BEGIN
                IF current_setting('server_version_num')::int >= 180000
                THEN EXECUTE 'ALTER TABLE t ADD CONSTRAINT b_given NOT NULL b NOT VALID';
                ELSE EXECUTE 'ALTER TABLE t ALTER b SET NOT NULL'; END IF;
            END $$;
        """,
    ),
    Example("other types may be NULL", sql="CREATE TABLE t (id int PRIMARY KEY, n int, a bool[])"),
    Example(
        "a generated boolean follows from others",
        sql="CREATE TABLE t (id int PRIMARY KEY, b bool GENERATED ALWAYS AS (id > 0) STORED)",
    ),
    Example("a view has no rows of its own", sql="CREATE VIEW v AS SELECT NULL::bool AS b"),
    Example(
        "an enum names its states", sql="CREATE TYPE s AS ENUM ('a', 'b'); CREATE TABLE t (id int PRIMARY KEY, s s)"
    ),
    Example(
        "a table that another session locks is not judged: its checks could not be read",
        sql="CREATE TABLE t (id int PRIMARY KEY, b bool)",
        given=(given.table("t", locked=True),),
        renamed=False,
    ),
)
