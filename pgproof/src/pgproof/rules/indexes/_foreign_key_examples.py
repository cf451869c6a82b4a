"""The examples of IDX01: foreign keys that an index serves, and those that none does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pgproof.facts.model import Facts
from pgproof.rules import given
from pgproof.rules.finding import Severity
from pgproof.rules.indexes._stated import analysed
from pgproof.rules.rule import Example

_P = "CREATE TABLE p (id int PRIMARY KEY);"
_C = f"{_P} CREATE TABLE c (p_id int CONSTRAINT c_p REFERENCES p, a int);"
_PAIR = "CREATE TABLE p (a int, b int, PRIMARY KEY (a, b));"
_PAIRS = f"{_PAIR} CREATE TABLE c (a int, b int, FOREIGN KEY (a, b) REFERENCES p);"
_PARTITIONED = f"""
    {_P} CREATE TABLE c (p_id int REFERENCES p) PARTITION BY LIST (p_id);
    CREATE TABLE c_1 PARTITION OF c FOR VALUES IN (1); CREATE TABLE c_2 PARTITION OF c DEFAULT;
"""
_PARTITIONED_PAIRS = f"""
    {_PAIR} CREATE TABLE c (a int, b int, FOREIGN KEY (a, b) REFERENCES p) PARTITION BY LIST (a);
    CREATE TABLE c_1 PARTITION OF c FOR VALUES IN (1); CREATE TABLE c_2 PARTITION OF c DEFAULT;
"""
_TENANT = """
    CREATE TABLE p (id int PRIMARY KEY, tenant int, UNIQUE (tenant, id));
    CREATE TABLE c (tenant int, p_id int, FOREIGN KEY (tenant, p_id) REFERENCES p (tenant, id));
"""
_TWO_PARENTS = f"""
    {_P} CREATE TABLE q (id int PRIMARY KEY); CREATE TABLE c (p_id int REFERENCES p REFERENCES q ON UPDATE CASCADE);
"""
_INVALID = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass;"


def _rows(per_value: int) -> str:
    """Fill pairs so that their second column is unique, and their first has so many rows of each of three values."""
    return f"""
        INSERT INTO p SELECT n % 3, n FROM generate_series(1, {3 * per_value}) n;
        INSERT INTO c SELECT * FROM p; ANALYZE p, c;
    """


def _period(sql: str) -> str:
    """Return SQL with a key that is compared by overlap in part, where the server has such keys."""
    return f"""
        CREATE TABLE p (id int4range, at daterange, PRIMARY KEY (id, at)); CREATE TABLE c (id int4range, at daterange);
        DO $$ BEGIN
            IF current_setting('server_version_num')::int >= 180000 THEN
                EXECUTE 'ALTER TABLE p DROP CONSTRAINT p_pkey, ADD PRIMARY KEY (id, at WITHOUT OVERLAPS)';
                EXECUTE 'ALTER TABLE c ADD FOREIGN KEY (id, PERIOD at) REFERENCES p (id, PERIOD at)';
            ELSE
                ALTER TABLE p ADD UNIQUE (id);
                ALTER TABLE c ADD FOREIGN KEY (id) REFERENCES p (id);
            END IF;
        END $$;
        {sql}
    """


def _judged(
    name: str, severity: Severity, *stated: Callable[[Facts], Facts], says: tuple[str, ...] = (), sql: str = _C
) -> Example:
    """A missing index whose severity the server's counters move."""
    return Example(name, sql=sql, given=stated, renamed=False, objects=("p_id",), severity=severity, says=says)


def _sized(rows: int) -> given.Given:
    return given.table("c", reltuples=rows, heap_bytes=8192)


def _counting(days: int) -> given.Given:
    began = datetime(2026, 1, 1, tzinfo=UTC)
    return given.database(statistics_since=began, taken_at=began + timedelta(days=days))


def _uncounted(name: str) -> given.Given:
    return lambda facts: facts.with_tables(
        tuple(replace(table, statistics=None) if table.name == name else table for table in facts.catalog.tables)
    )


def _stated(name: str, **fields: Any) -> Example:
    return Example(name, sql=_C, given=(given.table("c", **fields),), renamed=False)


UNCOVERED = (
    Example(
        "no index at all",
        sql=_C,
        objects=("c_p", "p_id"),
        severity="low",
        says=("reads every row of", "Create an index on p_id."),
    ),
    Example(
        "a table that refers to itself",
        sql="CREATE TABLE t (id int PRIMARY KEY, parent int REFERENCES t)",
        objects=("parent",),
    ),
    Example(
        "a deferrable key is checked as well, only later",
        sql=f"{_P} CREATE TABLE c (p_id int REFERENCES p DEFERRABLE INITIALLY DEFERRED)",
        objects=("p_id",),
    ),
    Example(
        "the column comes second in an index, and is carried along by another",
        sql=f"{_C} CREATE INDEX ON c (a, p_id); CREATE INDEX ON c (a DESC) INCLUDE (p_id)",
        objects=("p_id",),
    ),
    Example(
        "an index of some rows, and one of an expression",
        sql=f"{_C} CREATE INDEX ON c (p_id) WHERE a > 0; CREATE INDEX ON c ((p_id + 1))",
        objects=("p_id",),
    ),
    Example(
        "an index of the rows where another column is not NULL",
        sql=f"{_C} CREATE INDEX ON c (p_id) WHERE a IS NOT NULL AND p_id IS NOT NULL",
        objects=("p_id",),
    ),
    Example("an index that finds ranges of pages", sql=f"{_C} CREATE INDEX ON c USING brin (p_id)", objects=("p_id",)),
    Example(
        "an index sorted by another collation than the column",
        sql="""
            CREATE TABLE p (id text PRIMARY KEY); CREATE TABLE c (p_id text REFERENCES p);
            CREATE INDEX ON c (p_id COLLATE "C");
        """,
        objects=("p_id",),
    ),
    Example("an invalid index serves nobody", sql=f"{_C} CREATE INDEX i ON c (p_id); {_INVALID}", objects=("p_id",)),
    Example("a composite key", sql=_PAIRS, objects=("a", "b"), says=("Create an index on a, b.",)),
    Example(
        "a composite key with an index on a column of more than few rows per value",
        sql=f"{_PAIRS} CREATE INDEX ON c (a); {_rows(101)}",
        objects=("a", "b"),
        says=("Create an index on b, a.",),
    ),
    Example(
        "a key of which a period is compared by overlap",
        sql=_period("CREATE INDEX ON c (at);"),
        objects=("id",),
        says=("Create an index on id.",),
    ),
    Example(
        "nine rows in ten refer to nothing, so the index leaves them out",
        sql=f"""
            {_C} INSERT INTO p VALUES (1); INSERT INTO c SELECT 1; INSERT INTO c SELECT FROM generate_series(1, 9);
            ANALYZE c;
        """,
        objects=("p_id",),
        says=("Create an index on p_id where it is not NULL.",),
    ),
    Example(
        "few rows refer to nothing",
        sql=f"{_C} INSERT INTO p VALUES (1); INSERT INTO c VALUES (1), (NULL), (NULL); ANALYZE c",
        objects=("p_id",),
        says=("Create an index on p_id.",),
    ),
    Example(
        "most rows refer to nothing, but of a composite key each column may be looked up",
        sql=f"{_PAIRS} INSERT INTO c SELECT NULL, n FROM generate_series(1, 100) n; ANALYZE c",
        objects=("a", "b"),
        says=("Create an index on a, b.",),
    ),
    Example(
        "two keys over one column need one index",
        sql=f"""
            {_P} CREATE TABLE q (id int PRIMARY KEY);
            CREATE TABLE c (a int CONSTRAINT c_p REFERENCES p CONSTRAINT c_q REFERENCES q);
        """,
        objects=("c_p", "c_q"),
    ),
    Example(
        "two keys of which one's columns are among the other's need one index",
        sql=f"""
            {_PAIR} CREATE TABLE q (id int PRIMARY KEY);
            CREATE TABLE c (a int, b int CONSTRAINT c_q REFERENCES q, CONSTRAINT c_p FOREIGN KEY (a, b) REFERENCES p);
        """,
        objects=("c_p", "c_q"),
        says=("Create an index on b, a.",),
    ),
    Example(
        "two keys over different columns need two",
        sql=f"{_P} CREATE TABLE c (a int REFERENCES p, b int REFERENCES p)",
        findings=2,
        objects=("a", "b"),
    ),
    Example(
        "a partitioned table is reported once",
        sql=_PARTITIONED,
        objects=("c",),
        says=("on ONLY",),
        shows=("1 operation", "CREATE INDEX CONCURRENTLY"),
    ),
    Example(
        "one partition has no index",
        sql=f"{_PARTITIONED} CREATE INDEX ON c_1 (p_id)",
        objects=("c",),
        shows=("0 operations",),
    ),
    Example(
        "one partition has none, whatever is known of the other",
        sql=f"{_PARTITIONED_PAIRS} CREATE INDEX ON c_1 (a)",
        objects=("c",),
    ),
    Example(
        "a partitioned table without partitions",
        sql=f"{_P} CREATE TABLE c (p_id int REFERENCES p) PARTITION BY LIST (p_id)",
        objects=("c",),
    ),
    Example(
        "a key of one partition alone",
        sql=f"""
            {_P} CREATE TABLE c (p_id int) PARTITION BY LIST (p_id);
            CREATE TABLE c_1 PARTITION OF c (p_id REFERENCES p) DEFAULT;
        """,
        objects=("c_1",),
    ),
    Example(
        "a child of inheritance has an index, which finds no row of its parent",
        sql=f"{_C} CREATE TABLE d () INHERITS (c); CREATE INDEX ON d (p_id)",
        objects=("c", "p_id"),
    ),
    Example(
        "a key to a partitioned table is one key",
        sql="""
            CREATE TABLE p (id int PRIMARY KEY) PARTITION BY LIST (id);
            CREATE TABLE p_1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE p_2 PARTITION OF p DEFAULT;
            CREATE TABLE c (p_id int REFERENCES p);
        """,
        objects=("p_id",),
    ),
    Example(
        "the name that the index would have is taken",
        sql=f"{_C} CREATE TABLE idx_c_p_id (id int PRIMARY KEY)",
        objects=("p_id",),
    ),
    Example(
        "predicates that could not be read, of indexes that would not serve in any case",
        sql=f"{_C} CREATE INDEX j ON c (a) WHERE p_id > 0; CREATE INDEX i ON c (p_id) WHERE a > 0; {_INVALID}",
        given=(given.index("i", predicate=None), given.index("j", predicate=None)),
        renamed=False,
        objects=("p_id",),
    ),
    _judged("a table of ordinary size", "medium", _sized(1_000), says=("reads all 1,000 rows of c.",)),
    _judged("a large table", "high", _sized(1_000_000)),
    _judged(
        "five weeks have seen no referenced row deleted",
        "low",
        *(_sized(1_000), _counting(35), given.table("p", updated=7)),
        says=("0 rows of p were deleted since 2026-01-01.",),
    ),
    _judged("less than five weeks say nothing yet", "medium", _sized(1_000), _counting(34)),
    _judged(
        "nobody knows since when the server counts",
        "medium",
        *(_sized(1_000), given.database(statistics_since=None), given.server(activity=None)),
    ),
    _judged(
        "referenced rows are deleted",
        "medium",
        *(_sized(1_000), _counting(35), given.table("p", deleted=1)),
        says=("1 row of p was deleted",),
    ),
    _judged(
        "referenced rows of a partition are deleted",
        "medium",
        *(_sized(1_000), _counting(35), given.table("p_1", deleted=3)),
        says=("3 rows of p were deleted",),
        sql="""
            CREATE TABLE p (id int PRIMARY KEY) PARTITION BY LIST (id); CREATE TABLE p_1 PARTITION OF p DEFAULT;
            CREATE TABLE c (p_id int REFERENCES p);
        """,
    ),
    _judged(
        "rows of one of two referenced tables are deleted, and one of two keys is declared to change",
        "medium",
        *(_sized(1_000), _counting(35), given.table("q", deleted=1, updated=1)),
        sql=_TWO_PARENTS,
    ),
    _judged(
        "keys are declared to change, and rows do",
        "medium",
        *(_sized(1_000), _counting(35), given.table("q", updated=1)),
        sql=_TWO_PARENTS,
    ),
    _judged(
        "keys are declared to change, but no row does",
        "low",
        *(_sized(1_000), _counting(35)),
        sql=f"{_P} CREATE TABLE c (p_id int REFERENCES p ON UPDATE CASCADE)",
    ),
    _judged(
        "nothing is known of the referenced table",
        "medium",
        _sized(1_000),
        _counting(35),
        lambda facts: facts.with_tables(tuple(table for table in facts.catalog.tables if table.name != "p")),
        sql=f"{_C} CREATE INDEX ON c (a, p_id)",
    ),
    _judged(
        "nothing was counted of the referenced table",
        "medium",
        _sized(1_000),
        _counting(35),
        _uncounted("p"),
        says=("of c. Create",),
    ),
)
COVERED = (
    Example("a plain index", sql=f"{_C} CREATE INDEX ON c (p_id)"),
    Example("the primary key", sql=f"{_P} CREATE TABLE c (p_id int PRIMARY KEY REFERENCES p)"),
    Example(
        "the first column of the primary key",
        sql=f"{_P} CREATE TABLE c (p_id int REFERENCES p, n int, PRIMARY KEY (p_id, n))",
    ),
    Example("a unique constraint", sql=f"{_P} CREATE TABLE c (p_id int REFERENCES p UNIQUE)"),
    Example(
        "a column of many rows per value",
        sql=f"""
            {_C} CREATE INDEX ON c (p_id); INSERT INTO p VALUES (1);
            INSERT INTO c SELECT 1 FROM generate_series(1, 300); ANALYZE c;
        """,
    ),
    Example("an index that carries more", sql=f"{_C} CREATE INDEX ON c (p_id DESC) INCLUDE (a)"),
    Example("a hash index", sql=f"{_C} CREATE INDEX ON c USING hash (p_id)"),
    Example("an index without the NULLs", sql=f"{_C} CREATE INDEX ON c (p_id) WHERE p_id IS NOT NULL"),
    Example(
        "an index without the NULLs of a column whose name needs quotes",
        sql=f"""
            {_P} CREATE TABLE c ("p ""id" int REFERENCES p);
            CREATE INDEX ON c ("p ""id") WHERE "p ""id" IS NOT NULL;
        """,
    ),
    Example(
        "a composite key with an index without the NULLs of both",
        sql=f"{_PAIRS} CREATE INDEX ON c (a, b) WHERE a IS NOT NULL AND b IS NOT NULL",
    ),
    Example(
        "a column with a collation of its own, and its index",
        sql="""
            CREATE TABLE p (id text COLLATE "C" PRIMARY KEY); CREATE TABLE c (p_id text COLLATE "C" REFERENCES p);
            CREATE INDEX ON c (p_id);
        """,
    ),
    Example(
        "a text column with an index of patterns, and a domain with a collation",
        sql="""
            CREATE DOMAIN code AS text COLLATE "C";
            CREATE TABLE p (id text PRIMARY KEY); CREATE TABLE q (id code PRIMARY KEY);
            CREATE TABLE c (p_id text REFERENCES p, q_id code REFERENCES q);
            CREATE INDEX ON c (p_id text_pattern_ops); CREATE INDEX ON c (q_id);
        """,
    ),
    Example("a composite key in another order", sql=f"{_PAIRS} CREATE INDEX ON c (b, a)"),
    Example(
        "a composite key whose leading column is itself a key of the referencing table",
        sql=f"{_PAIR} CREATE TABLE c (a int PRIMARY KEY, b int, FOREIGN KEY (a, b) REFERENCES p)",
    ),
    Example(
        "an indexed column that is itself a key of the referenced table, with many rows per value",
        sql=f"""
            {_TENANT} CREATE INDEX ON c (p_id); INSERT INTO p VALUES (1, 1);
            INSERT INTO c SELECT 1, 1 FROM generate_series(1, 300); ANALYZE c;
        """,
    ),
    Example("an indexed column of few rows per value", sql=f"{_PAIRS} CREATE INDEX ON c (b); {_rows(200)}"),
    Example("as many rows per value as are few", sql=f"{_PAIRS} CREATE INDEX ON c (a); {_rows(100)}"),
    Example(
        "how many rows there are per value is not known yet",
        sql=f"{_PAIRS} CREATE INDEX ON c (a); {_rows(101).replace('ANALYZE p, c', '')}",
    ),
    Example("an index on what a key compares beside its period", sql=_period("CREATE INDEX ON c (id, at);")),
    Example(
        "an index on what a key compares beside its period, with many rows per value",
        sql=_period("""
            CREATE INDEX ON c (id); INSERT INTO p VALUES ('[1,2)', '[2026-01-01,2027-01-01)');
            INSERT INTO c SELECT id, at FROM p, generate_series(1, 300); ANALYZE c;
        """),
        given=(analysed("c", "id", n_distinct=1.0),),
        renamed=False,
    ),
    Example(
        "two of three columns, of many rows per value each, are unique together",
        sql="""
            CREATE TABLE p (a int, b int, c int, PRIMARY KEY (a, b, c));
            CREATE TABLE c (a int, b int, c int, UNIQUE (a, b), FOREIGN KEY (a, b, c) REFERENCES p);
            INSERT INTO p SELECT a, b, 1 FROM generate_series(1, 110) a, generate_series(1, 110) b;
            INSERT INTO c SELECT * FROM p; ANALYZE c;
        """,
    ),
    Example(
        "a predicate that could not be read",
        sql=f"{_C} CREATE INDEX i ON c (p_id) WHERE a > 0",
        given=(given.index("i", predicate=None),),
        renamed=False,
    ),
    Example("a partitioned table with its index", sql=f"{_PARTITIONED} CREATE INDEX ON c (p_id)"),
    Example(
        "each partition has an index of its own",
        sql=f"{_PARTITIONED} CREATE INDEX ON c_1 (p_id); CREATE INDEX ON c_2 (p_id)",
    ),
    Example(
        "what is known of one of the partitions is not enough",
        sql=f"{_PARTITIONED_PAIRS} CREATE INDEX ON c_1 (a); CREATE INDEX ON c_2 (a, b)",
    ),
    Example("a key that is switched off", sql=f"{_C} ALTER TABLE c DISABLE TRIGGER ALL"),
    Example("a column that is named like a reference", sql=f"{_P} CREATE TABLE c (p_id int, user_id int)"),
    _stated("an extension's table", extension="postgis"),
    _stated("the quarantine", schema="quarantine"),
)
