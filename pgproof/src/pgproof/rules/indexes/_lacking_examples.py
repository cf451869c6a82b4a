"""The examples of IDX12: statements that lack an index, and those that have one or need none."""

from __future__ import annotations

from functools import partial

from pgproof.rules import given
from pgproof.rules.rule import Example
from pgproof.rules.statement_examples import HAZARD, reading

_T = """
    CREATE TABLE t (id int PRIMARY KEY, a int, b int, c text, d int, e int, f int, part int, tags int[], extra jsonb,
                    noise text, made timestamptz);
    INSERT INTO t SELECT n, n % 300, n % 210, (n % 2)::text, n % 150, n % 10, n % 20, n / 1200, ARRAY[n % 300],
                         to_jsonb(n % 300), md5(n::text), now() + n * '1s'::interval
    FROM generate_series(1, 6000) n;
"""


_case = partial(reading, table=_T)


UNSERVED = (
    _case(
        "an equality without an index",
        "SELECT * FROM t WHERE a = $1",
        columns="a",
        says=("1 statement reads the whole of", 'Create an index on ("a"), which serves: SELECT'),
    ),
    _case("a statement that ran ten times", "SELECT * FROM t WHERE a = $1", calls=10, columns="a"),
    _case("a value that one row in twenty has", "SELECT * FROM t WHERE f = $1", columns="f"),
    _case("an equality and a bound", "SELECT id FROM t WHERE a = $1 AND made > $2", columns="a made"),
    _case(
        "several values, which come in no order",
        "SELECT id FROM t WHERE a IN ($1,$2) ORDER BY made LIMIT $3",
        columns="a",
    ),
    _case("the newest of a kind", "SELECT id FROM t WHERE a = $1 ORDER BY made DESC LIMIT $2", columns="a made"),
    _case("the newest of a tenth", "SELECT id FROM t WHERE e = $1 ORDER BY made DESC LIMIT $2", columns="e made"),
    _case("the newest of half the rows", "SELECT id FROM t WHERE c = $1 ORDER BY made DESC LIMIT $2", columns="c made"),
    _case(
        "the first rows of all",
        "SELECT id FROM t ORDER BY made, a DESC LIMIT $1",
        columns="made a",
        says=("1 statement sorts",),
    ),
    _case(
        "one index for a statement that sorts and one that compares",
        "SELECT id FROM t ORDER BY made LIMIT $1",
        "SELECT id FROM t WHERE made = $1",
        columns="made",
        says=("2 statements sort or read the whole of",),
    ),
    _case(
        "an index over the same columns that sorts by the other one first",
        "SELECT id FROM t ORDER BY made, d LIMIT $1",
        more="CREATE INDEX i ON t (d, made)",
        columns="made d",
    ),
    _case(
        "many rows of an index, sorted to take the first",
        "SELECT id FROM t WHERE part = $1 ORDER BY made LIMIT $2",
        more="CREATE INDEX i ON t (part, d)",
        columns="part made",
    ),
    _case(
        "one index for three statements, whichever columns come first in them",
        "SELECT id FROM t WHERE b = $1 AND a = $2",
        "SELECT id FROM t WHERE b = $1",
        "SELECT id FROM t WHERE a = $1 AND b = $2 AND made > $3",
        columns="b a made",
        says=("3 statements read the whole of",),
    ),
    _case(
        "never two indexes over the same columns",
        "SELECT id FROM t WHERE a = $1 ORDER BY b LIMIT $2",
        "SELECT id FROM t WHERE b = $1 ORDER BY a LIMIT $2",
        findings=2,
        columns="a b",
        says=("1 statement reads",),
    ),
    _case("a change that looks for its rows", "UPDATE t SET c = $1 WHERE a = $2", columns="a"),
    _case("a queue", "SELECT id FROM t WHERE a = $1 ORDER BY made LIMIT $2 FOR UPDATE SKIP LOCKED", columns="a made"),
    _case(
        "a partial index whose predicate is another matter",
        "SELECT id FROM t WHERE a = $1",
        more="CREATE INDEX i ON t (a) WHERE b IS NULL",
        columns="a",
    ),
    _case(
        "a partial index of another column, whose value the statement leaves to a parameter",
        "SELECT id FROM t WHERE a = $1 AND c = $2",
        more="CREATE INDEX i ON t (noise) WHERE c = 'x'",
        columns="a",
    ),
    _case(
        "an index that was never finished",
        "SELECT id FROM t WHERE a = $1",
        more="CREATE INDEX i ON t (a); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass",
        columns="a",
    ),
    Example(
        "a partitioned table, whatever partition is read",
        sql="""
            CREATE TABLE t (id int, a int) PARTITION BY RANGE (id);
            CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (3000);
            CREATE TABLE t_2 PARTITION OF t DEFAULT;
            INSERT INTO t SELECT n, n % 300 FROM generate_series(1, 6000) n;
            ANALYZE t;
        """,
        given=(given.workload(("SELECT * FROM t WHERE a = $1", 1000, 5.0), ("DELETE FROM t_2 WHERE a = $1", 99, 1.0)),),
        objects=("t", "a"),
        says=('("a") of each partition concurrently, then of the table',),
        renamed=False,
    ),
    Example(
        "a table that others inherit from",
        sql=f"{_T} CREATE TABLE u () INHERITS (t); ANALYZE t",
        given=(given.workload(("SELECT id FROM ONLY t WHERE a = $1", 1000, 5.0)),),
        objects=("t", "a"),
        says=('("a") of the table and of each that inherits from it',),
        renamed=False,
    ),
)
SERVED = (
    _case("an index that serves", "SELECT * FROM t WHERE a = $1", more="CREATE INDEX i ON t (a, b)"),
    _case("the key serves", "SELECT * FROM t WHERE id = $1 AND a = $2"),
    _case("a statement that ran nine times", "SELECT * FROM t WHERE a = $1", calls=9),
    _case("a value that half the rows have", "SELECT * FROM t WHERE c = $1"),
    _case("so many values of a list that a fifteenth of the rows has one", "SELECT * FROM t WHERE d = ANY($1)"),
    _case("a bound, behind which there may be any number of rows", "SELECT * FROM t WHERE made BETWEEN $1 AND $2"),
    _case("all rows in order", "SELECT id FROM t ORDER BY made"),
    _case(
        "all rows behind a bound in order",
        "SELECT id FROM t WHERE c IN ($1,$2) AND made > $3 ORDER BY made",
    ),
    _case(
        "the order that an index has but for the direction of the second column",
        "SELECT id FROM t ORDER BY made, a DESC LIMIT $1",
        more="CREATE INDEX i ON t (made, a)",
    ),
    _case(
        "another part of the statement sorts",
        "SELECT id FROM t WHERE a = $1 AND id <> ALL(ARRAY(SELECT id FROM t ORDER BY noise)) ORDER BY made LIMIT $2",
        more="CREATE INDEX i ON t (a)",
    ),
    _case(
        "another table is sorted by a column of the same name",
        "(SELECT id FROM t WHERE a = $1 ORDER BY made LIMIT $2) UNION ALL (SELECT id FROM u ORDER BY made)",
        more="CREATE INDEX i ON t (a); CREATE TABLE u AS SELECT * FROM t; ANALYZE u",
    ),
    Example(
        "each partition has an index in the order asked for",
        sql="""
            CREATE TABLE t (id int, made int) PARTITION BY RANGE (id);
            CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (3000); CREATE INDEX ON t_1 (made);
            CREATE TABLE t_2 PARTITION OF t DEFAULT; CREATE INDEX ON t_2 (made);
            INSERT INTO t SELECT n, n FROM generate_series(1, 6000) n;
            ANALYZE t;
        """,
        given=(given.workload(("SELECT id FROM t ORDER BY made LIMIT $1", 1000, 5.0)),),
        renamed=False,
    ),
    _case("a statement that nobody may plan", "SELECT id FROM t WHERE a = $1 AND probe(b)", more=HAZARD),
    _case("the first by an expression", "SELECT id FROM t ORDER BY lower(c) LIMIT $1"),
    _case("the first of all groups", "SELECT made, count(*) FROM t GROUP BY made ORDER BY made LIMIT $1"),
    _case("a comparison in another type, which no index answers", "SELECT * FROM t WHERE a = $1::numeric"),
    _case("an array and a document are searched otherwise", "SELECT * FROM t WHERE tags = $1 AND extra = $2"),
    _case("the first by a document", "SELECT id FROM t ORDER BY extra LIMIT $1"),
    _case(
        "few rows of an index, sorted to take the first",
        "SELECT id FROM t WHERE a = $1 ORDER BY made LIMIT $2",
        more="CREATE INDEX i ON t (a)",
    ),
    _case(
        "an index in the order asked for, which the planner leaves aside",
        "SELECT * FROM t ORDER BY noise LIMIT $1",
        more="CREATE INDEX i ON t (noise, a)",
    ),
    _case(
        "an index over the same columns in another order",
        "SELECT * FROM t WHERE a = $1 ORDER BY made LIMIT $2",
        more="CREATE INDEX i ON t (made, a)",
    ),
    _case(
        "a partial index that waits for a value to be written out",
        "SELECT * FROM t WHERE a = $1 AND c = $2",
        more="CREATE INDEX i ON t (a) WHERE c = 'x'",
    ),
    _case(
        "the columns of a foreign key, which needs an index whatever the workload",
        "SELECT * FROM t WHERE a = $1",
        more="CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p SELECT generate_series(0, 299);"
        "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p",
    ),
    _case("a view is not indexed", "SELECT * FROM v WHERE a = $1", more="CREATE VIEW v AS SELECT * FROM t"),
    _case("a table of another schema", "SELECT * FROM elsewhere.t WHERE a = $1"),
    _case("a statement cut short", "SELECT * FROM t WHERE (a = $1"),
    Example(
        "columns that were never analysed",
        sql=f"{_T} ANALYZE t (id)",
        given=(
            given.workload(
                ("SELECT * FROM t WHERE a = $1", 1000, 5.0),
                ("SELECT * FROM t WHERE a = $1 ORDER BY made LIMIT $2", 1000, 5.0),
            ),
        ),
        renamed=False,
    ),
    Example(
        "a table that is locked",
        sql=f"{_T} ANALYZE t",
        given=(given.workload(("SELECT * FROM t WHERE a = $1", 1000, 5.0)), given.table("t", locked=True)),
        renamed=False,
    ),
    Example(
        "a small table",
        sql="CREATE TABLE t (a int); INSERT INTO t SELECT n FROM generate_series(1, 999) n; ANALYZE t",
        given=(given.workload(("SELECT * FROM t WHERE a = $1", 1000, 5.0)),),
        renamed=False,
    ),
    Example("no statements were recorded", sql=f"{_T} ANALYZE t", given=(given.server(statements=None),)),
)
