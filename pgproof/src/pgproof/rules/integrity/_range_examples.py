"""The examples of INT16: columns whose order nothing demands, and those that something keeps or that have none."""

from __future__ import annotations

from pgproof.rules import given
from pgproof.rules.rule import Example

UNORDERED = (
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
ORDERED = (
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
