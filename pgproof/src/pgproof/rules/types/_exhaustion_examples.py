"""The examples of TYP01: keys that run out, and keys that last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pgproof.rules import given
from pgproof.rules.rule import Example


def _aged(days: int) -> given.Given:
    taken = datetime(2026, 3, 1, tzinfo=UTC)
    return given.database(taken_at=taken, statistics_since=taken - timedelta(days=days))


_AGED = _aged(7)


def _near(value: int) -> str:
    return f"SELECT setval(pg_get_serial_sequence('t', 'id'), {value})"


RUNNING_OUT = (
    Example(
        "half of an integer key, which a child inherits",
        sql=f"CREATE TABLE t (id serial PRIMARY KEY); CREATE TABLE c () INHERITS (t); {_near(1073741824)}",
        severity="medium",
        says=("50% of the numbers",),
        objects=("t", "id"),
    ),
    Example(
        "three quarters, and nine tenths, of a sequence",
        sql="""
            CREATE SEQUENCE a MAXVALUE 100; CREATE SEQUENCE b MAXVALUE 100;
            CREATE TABLE t (id bigint PRIMARY KEY DEFAULT nextval('a')); SELECT setval('a', 75), setval('b', 89);
            CREATE TABLE u (id bigint PRIMARY KEY DEFAULT nextval('b'));
        """,
        findings=2,
        severity="high",
        objects=("t", "u", "id"),
    ),
    Example(
        "nine tenths of a sequence",
        sql="""
            CREATE SEQUENCE a MAXVALUE 100; CREATE TABLE t (id bigint PRIMARY KEY DEFAULT nextval('a'));
            SELECT setval('a', 90);
        """,
        severity="critical",
        objects=("t", "id"),
    ),
    Example(
        "an identity of smallint",
        sql=f"CREATE TABLE t (id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY); {_near(30000)}",
        severity="critical",
        says=("2,767 are left",),
        objects=("t", "id"),
    ),
    Example(
        "a bigint column whose sequence is still that of an integer",
        sql=f"CREATE TABLE t (id serial PRIMARY KEY); ALTER TABLE t ALTER COLUMN id TYPE bigint; {_near(2000000000)}",
        severity="critical",
        says=("count in bigint",),
        objects=("t", "id"),
    ),
    Example(
        "a sequence with a limit of its own",
        sql="""
            CREATE SEQUENCE numbers AS integer MAXVALUE 1000;
            CREATE TABLE t (id bigint PRIMARY KEY DEFAULT nextval('numbers')); SELECT setval('numbers', 500);
        """,
        severity="medium",
        says=("Raise the MAXVALUE",),
        objects=("t", "id"),
    ),
    Example(
        "a column that refers to a bigint key and is an integer itself",
        sql=f"""
            CREATE TABLE t (id bigserial PRIMARY KEY); CREATE TABLE c (id bigint PRIMARY KEY, t_id int REFERENCES t);
            {_near(2000000000)};
        """,
        severity="critical",
        says=("refers to it", "bigint, with its sequence"),
        objects=("c", "t_id"),
    ),
    Example(
        "a key that the application counts up",
        sql="""
            CREATE DOMAIN small AS smallint;
            CREATE TABLE t (id small PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 20000); ANALYZE t;
        """,
        objects=("t", "id"),
    ),
    Example(
        "a key that the application counts up, and a child's over the same column",
        sql="""
            CREATE TABLE t (id smallint PRIMARY KEY); CREATE TABLE c (PRIMARY KEY (id)) INHERITS (t);
            INSERT INTO t SELECT generate_series(1, 20000); INSERT INTO c SELECT generate_series(1, 20000);
            ANALYZE t; ANALYZE c;
        """,
        objects=("t", "id"),
    ),
    Example(
        "a key that the application counts up, of which one number in a hundred is left",
        sql="""
            CREATE TABLE t (id smallint PRIMARY KEY); INSERT INTO t SELECT n * 100 FROM generate_series(1, 200) n;
            ANALYZE t
        """,
        objects=("t", "id"),
    ),
    Example(
        "a key that lasts less than a year at the present rate",
        sql=f"CREATE TABLE t (id serial PRIMARY KEY); {_near(300000000)}",
        given=(given.table("t", inserted=35_700_000), _AGED),
        renamed=False,
        severity="high",
        says=("362 days",),
        objects=("t", "id"),
    ),
    Example(
        "partitions whose inserts add up, by steps of ten",
        sql=f"""
            CREATE TABLE t (id serial, PRIMARY KEY (id)) PARTITION BY RANGE (id);
            CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (1) TO (9); CREATE TABLE t_2 PARTITION OF t DEFAULT;
            ALTER SEQUENCE t_id_seq INCREMENT 10; {_near(300000000)};
        """,
        given=(
            given.table("t_1", inserted=1_785_000),
            given.table("t_2", inserted=1_785_000),
            _AGED,
        ),
        renamed=False,
        objects=("t", "id"),
    ),
    Example(
        "a key that lasts a year to the day at the present rate",
        sql=f"CREATE TABLE t (id serial PRIMARY KEY); {_near(322483647)}",
        given=(given.table("t", inserted=35_000_000), _AGED),
        renamed=False,
        severity="high",
        says=(" 365 days",),
    ),
    Example(
        "a tenth of a sequence that lasts less than a year at the present rate",
        sql="""
            CREATE SEQUENCE a MAXVALUE 1000000000; CREATE TABLE t (id bigint PRIMARY KEY DEFAULT nextval('a'));
            SELECT setval('a', 100000000);
        """,
        given=(given.table("t", inserted=21_000_000), _AGED),
        renamed=False,
        severity="high",
        says=(" 300 days",),
    ),
)
LASTING = (
    Example(
        "a key that the application fills, in a table of which nobody knows the rows",
        sql="CREATE TABLE t (id smallint PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 20000)",
        given=(given.table("t", reltuples=-1, live_rows=0),),
        renamed=False,
    ),
    Example(
        "a key that the application fills, which an audit may not read",
        sql="CREATE TABLE t (id smallint PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 20000); ANALYZE t",
        given=(given.table("t", calls_user_code=True),),
        renamed=False,
    ),
    Example("a key with room", sql=f"CREATE TABLE t (id serial PRIMARY KEY); {_near(1073741823)}"),
    Example("a bigint key", sql=f"CREATE TABLE t (id bigserial PRIMARY KEY); {_near(3000000000)}"),
    Example("a sequence that was never used", sql="CREATE TABLE t (id smallserial PRIMARY KEY)"),
    Example(
        "sequences that begin anew, count down, or feed nothing",
        sql="""
            CREATE SEQUENCE circle MAXVALUE 1000 CYCLE;
            CREATE SEQUENCE down INCREMENT -1 MINVALUE -9 MAXVALUE 1000 START 1000;
            CREATE SEQUENCE free MAXVALUE 1000;
            CREATE TABLE t (a bigint PRIMARY KEY DEFAULT nextval('circle'), b bigint DEFAULT nextval('down'));
            SELECT setval('circle', 900), setval('down', 900), setval('free', 900);
        """,
    ),
    Example(
        "a sequence that a column owns and does not call",
        sql="CREATE TABLE t (id int8 PRIMARY KEY); CREATE SEQUENCE s MAXVALUE 9 OWNED BY t.id; SELECT setval('s', 9)",
    ),
    Example(
        "numbers that are drawn, not counted",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT 2000000000 + n FROM generate_series(1, 99) n;
            ANALYZE t
        """,
    ),
    Example(
        "small keys with room, and one that a parent counts",
        sql="""
            CREATE TABLE t (id smallint PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 16000); ANALYZE t;
            CREATE TABLE u (id bigint PRIMARY KEY); INSERT INTO u SELECT generate_series(1, 20000);
            CREATE TABLE c (id smallint PRIMARY KEY REFERENCES u); INSERT INTO c SELECT generate_series(1, 20000);
            ANALYZE c;
        """,
    ),
    Example(
        "a composite key, and a sequence that feeds text",
        sql="""
            CREATE SEQUENCE s MAXVALUE 100;
            CREATE TABLE t (a smallint, b text DEFAULT nextval('s')::text, PRIMARY KEY (a, b));
            SELECT setval('s', 99); INSERT INTO t SELECT generate_series(1, 30000), 'x'; ANALYZE t;
        """,
    ),
    Example(
        "a key that lasts more than a year at the present rate",
        sql=f"CREATE TABLE t (id serial PRIMARY KEY); {_near(300000000)}",
        given=(given.table("t", inserted=35_000_000), _AGED),
        renamed=False,
    ),
    Example(
        "a high rate of a key that has hardly begun",
        sql=f"CREATE TABLE t (id serial PRIMARY KEY); {_near(200000000)}",
        given=(given.table("t", inserted=200_000_000), _AGED),
        renamed=False,
    ),
    Example(
        "a high rate over a few days",
        sql=f"CREATE TABLE t (id serial PRIMARY KEY); {_near(300000000)}",
        given=(given.table("t", inserted=200_000_000), _aged(6)),
        renamed=False,
    ),
    Example(
        "rows inserted since nobody knows when",
        sql=f"CREATE TABLE t (id serial PRIMARY KEY); {_near(300000000)}",
        given=(given.table("t", inserted=200_000_000), given.database(statistics_since=None)),
        renamed=False,
    ),
    Example(
        "statistics that count no insert",
        sql=f"CREATE TABLE t (id serial PRIMARY KEY); {_near(300000000)}",
        given=(given.table("t", inserted=0), _AGED),
        renamed=False,
    ),
    Example(
        "keys that the database fills by another way than a sequence that has come far",
        sql="""
            CREATE TABLE t (id smallint PRIMARY KEY DEFAULT (random() * 32767)::smallint);
            INSERT INTO t SELECT generate_series(1, 20000); ANALYZE t;
            CREATE TABLE u (id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
            INSERT INTO u OVERRIDING SYSTEM VALUE SELECT generate_series(1, 20000); ANALYZE u;
            CREATE TABLE nokey (id smallint);
        """,
    ),
    Example(
        "a narrow column that refers to another key of the table",
        sql=f"""
            CREATE TABLE t (id bigserial PRIMARY KEY, code int UNIQUE);
            CREATE TABLE c (id bigint PRIMARY KEY, code smallint REFERENCES t (code)); {_near(30000)};
        """,
    ),
)
