"""The examples of INT14: columns that are meant to be given and always are, and those that need not be."""

from __future__ import annotations

from pgproof.rules import given
from pgproof.rules.rule import Example

_MANY = "SELECT n, n FROM generate_series(1, 1000) n"

NEVER_NULL = (
    Example(
        "a part of a unique rule that is never NULL",
        sql="""
            CREATE TABLE links (id int PRIMARY KEY, provider int, account int NOT NULL, UNIQUE (provider, account));
            INSERT INTO links SELECT n, n, n FROM generate_series(1, 1000) n;
        """,
        severity="medium",
        says=(
            "provider of ",
            " is never NULL",
            "1,000 rows",
            "links_provider_account_key",
            ", which a row with a NULL escapes. Make provider",
        ),
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
        says=("state, created_at, changed of ", " are never NULL", "the default CURRENT_DATE. Make"),
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
        says=("is never NULL", "about 1,000 rows", "the default 0. Count first"),
        objects=("t", "n"),
    ),
    Example(
        "a part of a unique rule and a column with a default",
        sql=f"CREATE TABLE t (id int PRIMARY KEY, n int UNIQUE, state int DEFAULT 1); INSERT INTO t {_MANY}",
        severity="medium",
        says=("n, state of", ", which a row with a NULL escapes."),
    ),
    Example(
        "a part of a unique rule and a column with a default that cannot be counted, by what ANALYZE met",
        sql=f"CREATE TABLE t (id int PRIMARY KEY, n int UNIQUE, state int DEFAULT 1); INSERT INTO t {_MANY}; ANALYZE t",
        given=(given.table("t", calls_user_code=True),),
        severity="medium",
        renamed=False,
    ),
)
MAY_BE_NULL = (
    Example(
        "a table that cannot be counted, which nobody has analysed",
        sql=f"CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 0); INSERT INTO t {_MANY}",
        given=(given.table("t", calls_user_code=True),),
        renamed=False,
    ),
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
