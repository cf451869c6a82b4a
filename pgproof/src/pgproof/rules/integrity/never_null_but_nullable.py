"""A column that is never NULL, is meant to be given, and may be NULL all the same.

What it finds:
    A column that is NULL in none of many rows and of which the schema says that it is meant to be given: it is part
    of a unique rule, which a NULL escapes, or it has a default. Nothing is concluded from a name. Left alone are
    dates and times whose default is not the current time, since NULL often says "not yet" or "never" there; columns
    that a foreign key sets to NULL; parts of a composite foreign key (INT11); booleans (INT15).

Why it matters:
    A writer that passes NULL is not stopped: two rows with NULL do not break a unique rule, and `WHERE a <> 'x'`
    and `NOT IN` silently leave such rows out. Every reader has to reckon with a value that never occurs.

Evidence:
    A count of the NULLs over the whole table; where the table is too large to count, ANALYZE's share of NULLs.

Remedy:
    `nullable=False` in the model, and NOT NULL in the database: a validated CHECK (column IS NOT NULL) first, which
    `op.alter_column(..., nullable=False)` then takes as proof and needs no scan under its lock.

When to ignore:
    The column is about to become optional.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pgproof.facts.catalog import Column, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import IsNull, RowsWhere
from pgproof.remedy.names import literal, quoted
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, counted, table_ref
from pgproof.rules.integrity._nullability import accepted_nulls, may_be_null, set_not_null
from pgproof.rules.reading import locked, own_columns, unanswered
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="INT14", slug="never-null-but-nullable", severity="low", needs=("catalog", "data"))

LEAST_ROWS = 1_000
"""Rows without a NULL that say something: no NULL among them puts the share of NULLs below 0.3 %, at 95 %.

Source: the rule of three (Hanley and Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 1983).
"""

_CURRENT_TIME = re.compile(
    r"\b(now|clock_timestamp|statement_timestamp|transaction_timestamp)\(\)"
    r"|\b(CURRENT_TIMESTAMP|CURRENT_DATE|CURRENT_TIME|LOCALTIMESTAMP|LOCALTIME)\b"
)


@dataclass(frozen=True)
class _Meant:
    """A column that is meant to be given, and what says so."""

    column: Column
    sign: str
    unique: bool


def questions(facts: Facts) -> Iterator[RowsWhere]:
    """Ask how many rows are NULL in each column that is meant to be given."""
    for table in facts.catalog.base_tables:
        for each in _meant(facts, table):
            yield _question(table, each)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each table with the columns of it that are never NULL: apart, those counted and those sampled."""
    for table in facts.catalog.base_tables:
        if table.locked:
            yield locked(table)
            continue
        exact, sampled = [], []
        for each in _meant(facts, table):
            counts = facts.counts(_question(table, each))
            if counts is not None and (counts.exact or counts.rows):
                if counts.rows == 0 and counts.rows_examined >= LEAST_ROWS:
                    exact.append(each)
            elif each.column.statistics is None or table.estimated_rows is None:
                yield unanswered(facts, _question(table, each), table, each.column.name)
            elif each.column.statistics.null_fraction == 0 and table.estimated_rows >= LEAST_ROWS:
                sampled.append(each)
        if exact:
            yield _counted(facts, table, tuple(exact))
        if sampled:
            yield _sampled(facts, table, tuple(sampled))


def _meant(facts: Facts, table: Table) -> Iterator[_Meant]:
    for column in own_columns(facts.catalog, table):
        if column.generated or column.base_type == "bool" or not may_be_null(table, column):
            continue
        if _null_is_foreseen(table, column):
            continue
        unique = _unique_rule(table, column)
        if unique is not None and column.type_category != "D":
            yield _Meant(column, f"{column.name} is part of the unique rule {unique}", unique=True)
        elif _is_filled_in(column):
            yield _Meant(column, f"{column.name} has the default {column.default}", unique=False)


def _null_is_foreseen(table: Table, column: Column) -> bool:
    """Tell whether a foreign key sets the column to NULL, or is one that INT11 looks at."""
    return any(
        column.name in key.columns and (len(key.columns) > 1 or "set null" in (key.on_delete, key.on_update))
        for key in table.foreign_keys
    )


def _unique_rule(table: Table, column: Column) -> str | None:
    """Return a rule over all rows that NULL escapes; one that takes NULLs for equal reckons with them."""
    for index in table.indexes:
        binding = index.unique and index.valid and not index.partial and not index.nulls_not_distinct
        if binding and column.name in index.columns:
            return index.name
    return None


def _is_filled_in(column: Column) -> bool:
    if column.default is None or column.default.startswith("NULL"):
        return False
    if column.type_category == "D":
        computed = " + " in column.default or " - " in column.default
        return _CURRENT_TIME.search(column.default) is not None and not computed
    return True


def _question(table: Table, each: _Meant) -> RowsWhere:
    return RowsWhere(table.qualified_name, IsNull(each.column.name))


def _counted(facts: Facts, table: Table, meant: tuple[_Meant, ...]) -> Finding:
    columns = tuple(each.column for each in meant)
    answers = [answer for each in meant if (answer := facts.answer(_question(table, each))) is not None]
    rows = min(answer.counts.rows_examined for answer in answers if answer.counts is not None)
    return METADATA.finding(
        objects=(table_ref(table, *(column.name for column in columns)),),
        message=_message(table, meant),
        consequence=f"None of {rows:,} rows has a NULL there, and nothing stops the first. {_signs(meant)}",
        severity="medium" if any(each.unique for each in meant) else None,
        confidence="exact",
        evidence=tuple(counted(answer, f"no NULL in {rows:,} rows") for answer in answers),
        remedy=Remedy(
            f"Make {_names(meant)} NOT NULL, here and in the model.",
            set_not_null(facts, table, *columns),
        ),
        counter_example=accepted_nulls(facts, table, *columns),
    )


def _sampled(facts: Facts, table: Table, meant: tuple[_Meant, ...]) -> Finding:
    statement = (
        f"SELECT attname, null_frac FROM pg_stats WHERE schemaname = {literal(table.schema)}"
        f" AND tablename = {literal(table.name)} AND null_frac = 0"
    )
    return METADATA.finding(
        objects=(table_ref(table, *(each.column.name for each in meant)),),
        message=_message(table, meant),
        consequence=f"ANALYZE met no NULL there in a table of about {table.estimated_rows or 0:,} rows, and nothing"
        f" stops the first. {_signs(meant)}",
        severity="medium" if any(each.unique for each in meant) else None,
        confidence="sample",
        evidence=(Evidence("statistics", statement, f"null_frac 0 for {_names(meant)}"),),
        remedy=Remedy(
            f"Count first (SELECT count(*) FROM {quoted(table.schema, table.name)} WHERE column IS NULL); where it"
            " is 0,"
            f" make {_names(meant)} NOT NULL, here and in the model."
        ),
        counter_example=accepted_nulls(facts, table, *(each.column for each in meant)),
    )


def _message(table: Table, meant: tuple[_Meant, ...]) -> str:
    verb = "is" if len(meant) == 1 else "are"
    return f"{_names(meant)} of {table.qualified_name} {verb} never NULL, but may be"


def _names(meant: tuple[_Meant, ...]) -> str:
    return ", ".join(each.column.name for each in meant)


def _signs(meant: tuple[_Meant, ...]) -> str:
    signs = "; ".join(each.sign for each in meant)
    escape = ", which a row with a NULL escapes" if any(each.unique for each in meant) else ""
    return f"The schema says that it is meant to be given: {signs}{escape}."


_MANY = "SELECT n, n FROM generate_series(1, 1000) n"

BAD = (
    Example(
        "a part of a unique rule that is never NULL",
        sql="""
            CREATE TABLE links (id int PRIMARY KEY, provider int, account int NOT NULL, UNIQUE (provider, account));
            INSERT INTO links SELECT n, n, n FROM generate_series(1, 1000) n;
        """,
        severity="medium",
        says=("1,000 rows", "links_provider_account_key"),
        objects=("links", "provider"),
    ),
    Example(
        "columns with a default, the current time among them, are one finding",
        sql="""
            CREATE TABLE jobs (id int PRIMARY KEY, state text DEFAULT 'new', created_at timestamptz DEFAULT now(),
                               changed date DEFAULT CURRENT_DATE);
            INSERT INTO jobs SELECT n FROM generate_series(1, 1000) n;
        """,
        severity="low",
        objects=("jobs", "state", "created_at", "changed"),
    ),
    Example(
        "a unique reference to a parent that cannot be deleted under it",
        sql="""
            CREATE TABLE users (id int PRIMARY KEY);
            CREATE TABLE profiles (id int PRIMARY KEY, user_id int UNIQUE REFERENCES users ON DELETE CASCADE,
                                   guide_id int REFERENCES users ON DELETE SET NULL);
            INSERT INTO users SELECT generate_series(1, 1000);
            INSERT INTO profiles SELECT n, n FROM generate_series(1, 1000) n;
        """,
        objects=("profiles", "user_id"),
    ),
    Example(
        "a check that demands a value in one case only",
        sql=f"""
            CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 0, CHECK (n IS NOT NULL AND id < 0 OR id >= 0));
            INSERT INTO t {_MANY};
        """,
        objects=("t", "n"),
    ),
    Example(
        "a check that demands another column",
        sql=f"""
            CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 0, CHECK (id IS NOT NULL AND n < 5000));
            INSERT INTO t {_MANY};
        """,
        objects=("t", "n"),
    ),
    Example(
        "a partitioned table, one of whose partitions demands the value itself",
        sql="""
            CREATE TABLE logs (at int NOT NULL, what text DEFAULT '', PRIMARY KEY (at)) PARTITION BY RANGE (at);
            CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM (1) TO (500);
            CREATE TABLE logs_2 PARTITION OF logs DEFAULT;
            ALTER TABLE logs_1 ALTER COLUMN what SET NOT NULL;
            INSERT INTO logs SELECT n FROM generate_series(1, 1000) n;
        """,
        objects=("logs", "what"),
    ),
    Example(
        "a table that cannot be counted, by what ANALYZE met",
        sql=f"""
            CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 0); INSERT INTO t {_MANY}; ANALYZE t;
        """,
        given=(given.table("t", calls_user_code=True),),
        renamed=False,
        severity="low",
        says=("Count first",),
        objects=("t", "n"),
    ),
)
GOOD = (
    Example(
        "a column that is NOT NULL",
        sql=f"CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL DEFAULT 0); INSERT INTO t {_MANY}",
    ),
    Example(
        "a check that demands the value, alone or among others, in a name that needs quotes",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 0 CHECK (n IS NOT NULL), "The M" int DEFAULT 0,
                            CHECK ("The M" IS NOT NULL AND ("The M" > -1 AND id > 0) AND '(' <> '"'));
            INSERT INTO t SELECT generate_series(1, 1000);
        """,
    ),
    Example(
        "too few rows to say anything",
        sql="CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 0); INSERT INTO t SELECT generate_series(1, 999)",
    ),
    Example(
        "a single NULL",
        sql=f"""
            CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 0); INSERT INTO t {_MANY}; INSERT INTO t VALUES (0, NULL);
        """,
    ),
    Example(
        "never NULL, but nothing says that it must not be, not even its name or an index",
        sql=f"""
            CREATE TABLE t (id int PRIMARY KEY, required int); INSERT INTO t {_MANY}; CREATE INDEX i ON t (required);
        """,
    ),
    Example(
        "an optional reference, which its parent sets to NULL",
        sql=f"""
            CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p SELECT generate_series(0, 1000);
            CREATE TABLE t (id int PRIMARY KEY, p int DEFAULT 0 UNIQUE REFERENCES p ON DELETE SET NULL,
                            q int DEFAULT 0 REFERENCES p ON UPDATE SET NULL);
            INSERT INTO t {_MANY};
        """,
    ),
    Example(
        "a part of a composite foreign key is the matter of another rule",
        sql="""
            CREATE TABLE p (a int, b int, PRIMARY KEY (a, b)); INSERT INTO p VALUES (0, 0);
            CREATE TABLE t (id int PRIMARY KEY, a int DEFAULT 0, b int DEFAULT 0, FOREIGN KEY (a, b) REFERENCES p);
            INSERT INTO t SELECT generate_series(1, 1000);
        """,
    ),
    Example(
        "times at which NULL means never or not yet",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, ends date DEFAULT CURRENT_DATE + 30,
            began date DEFAULT CURRENT_DATE - 1,
                            closed date DEFAULT 'infinity', deleted_at timestamptz UNIQUE);
            INSERT INTO t (id, deleted_at) SELECT n, now() + n * interval '1 day' FROM generate_series(1, 1000) n;
        """,
    ),
    Example(
        "a boolean is the matter of another rule",
        sql="CREATE TABLE t (id int PRIMARY KEY, b bool DEFAULT true); INSERT INTO t SELECT generate_series(1, 1000)",
    ),
    Example(
        "a generated column follows from others",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, n int GENERATED ALWAYS AS (id * 2) STORED UNIQUE);
            INSERT INTO t SELECT generate_series(1, 1000);
        """,
    ),
    Example(
        "a default of NULL",
        sql=f"CREATE TABLE t (id int PRIMARY KEY, n varchar(9) DEFAULT NULL::varchar); INSERT INTO t {_MANY}",
    ),
    Example(
        "unique rules that reckon with NULL or bind only some rows, and an index that is not unique",
        sql=f"""
            CREATE TABLE t (id int PRIMARY KEY, n int UNIQUE NULLS NOT DISTINCT); INSERT INTO t {_MANY};
            CREATE TABLE u (id int PRIMARY KEY, n int); INSERT INTO u {_MANY};
            CREATE UNIQUE INDEX u_some ON u (n) WHERE n > 0; CREATE INDEX u_all ON u (n);
        """,
    ),
    Example(
        "what a child inherits is its parent's matter",
        sql=f"""
            CREATE TABLE p (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
            CREATE TABLE q (id int PRIMARY KEY, n int DEFAULT 0); INSERT INTO q VALUES (0, NULL);
            CREATE TABLE c () INHERITS (q); INSERT INTO c {_MANY};
        """,
    ),
    Example(
        "a table that cannot be counted, in which ANALYZE met NULLs",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 0);
            INSERT INTO t SELECT n, nullif(n % 2, 0) FROM generate_series(1, 1000) n; ANALYZE t;
        """,
        given=(given.table("t", calls_user_code=True),),
        renamed=False,
    ),
    Example(
        "a table that cannot be counted, with too few rows",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 0); INSERT INTO t SELECT generate_series(1, 999);
            ANALYZE t;
        """,
        given=(given.table("t", calls_user_code=True),),
        renamed=False,
    ),
    Example(
        "a unique index that was never finished",
        sql=f"""
            CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t {_MANY};
            CREATE UNIQUE INDEX unfinished ON t (n);
        """,
        given=(given.index("unfinished", valid=False),),
        renamed=False,
    ),
    Example(
        "a table that another session locks is not judged: its checks could not be read",
        sql=f"CREATE TABLE t (id int PRIMARY KEY, n int UNIQUE); INSERT INTO t {_MANY}; ANALYZE t",
        given=(given.table("t", locked=True),),
        renamed=False,
    ),
)
