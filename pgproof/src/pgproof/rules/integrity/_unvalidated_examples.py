"""The examples of INT20: constraints that old rows, or all rows, were not held against, and those they were."""

from __future__ import annotations

from pgproof.rules import given
from pgproof.rules.integrity._stated import unread, unreadable_checks
from pgproof.rules.rule import Example

UNVALIDATED = (
    Example(
        "a foreign key and a check, which every row keeps to",
        sql="""
            CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (1);
            CREATE TABLE t (id int PRIMARY KEY, p int, n int NOT NULL); INSERT INTO t VALUES (1, 1, 1), (2, NULL, 7);
            CREATE INDEX ON t (p);
            ALTER TABLE t ADD CONSTRAINT refers FOREIGN KEY (p) REFERENCES p ON DELETE CASCADE NOT VALID,
                          ADD CONSTRAINT positive CHECK (n > 0) NOT VALID;
        """,
        findings=2,
        severity="low",
        says=("Validate refers", "Validate positive", "was never validated Old rows were", "none of 2 rows"),
        objects=("refers", "positive"),
    ),
    Example(
        "negative numbers from before",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL);
            INSERT INTO t VALUES (1, -1);
            ALTER TABLE t ADD CONSTRAINT positive CHECK (n > 0) NOT VALID;
        """,
        severity="high",
        says=("1 of 1 rows break it", "Mend or move"),
        objects=("positive",),
    ),
    *(
        Example(
            f"a check that can be counted and is kept: {condition}",
            sql=f"""
                CREATE TABLE t (id int PRIMARY KEY, n int, m int, s varchar(9), r text, "The N" int, b bigint);
                INSERT INTO t VALUES (1, 1, 2, 'a', 'a', 5, 1), (2, NULL, NULL, NULL, NULL, 4, NULL);
                ALTER TABLE t ADD CONSTRAINT ruled CHECK ({condition}) NOT VALID;
            """,
            objects=("ruled",),
        )
        for condition in (
            "n <= m",
            '"The N" IS NOT NULL',
            "n > 0 AND m <> 9 AND (b >= -1 AND id < 10)",
            "s IN ('a', 'b')",
        )
    ),
    *(
        Example(
            f"a check that a row breaks: {condition}",
            sql=f"""
                CREATE TABLE t (id int PRIMARY KEY, n int, m int, s varchar(9), r text);
                INSERT INTO t VALUES (1, 3, 2, 'c', 'c'), (2, NULL, NULL, NULL, NULL);
                ALTER TABLE t ADD CONSTRAINT ruled CHECK ({condition}) NOT VALID;
            """,
            severity="high",
            says=(" of 2 rows break it",),
            objects=("ruled",),
        )
        for condition in ("n IS NOT NULL", "n <= m", "n = 2", "n <> 3", "n < 3 AND m > 0", "n >= 4", "r IN ('a', 'b')")
    ),
    Example(
        "a check that cannot be counted, in whole or in part",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, s text, n int); INSERT INTO t VALUES (1, 'x y', 1);
            ALTER TABLE t ADD CONSTRAINT spaces CHECK (position(' ' in s) = 0 AND n > 0) NOT VALID,
                          ADD CONSTRAINT listed CHECK (s IN ('a', upper('b'))) NOT VALID;
        """,
        findings=2,
        severity="medium",
        says=("nobody knows",),
        objects=("spaces", "listed"),
    ),
    Example(
        "a MATCH FULL key, which Orphans would count as kept",
        sql="""
            CREATE TABLE p (a int, b int, PRIMARY KEY (a, b));
            CREATE TABLE t (id int PRIMARY KEY, a int, b int); INSERT INTO t VALUES (1, 1, NULL);
            ALTER TABLE t ADD CONSTRAINT refers FOREIGN KEY (a, b) REFERENCES p MATCH FULL NOT VALID;
        """,
        severity="medium",
        says=("nobody knows",),
        objects=("refers",),
    ),
    Example(
        "a composite key that leaves rows out with a NULL",
        sql="""
            CREATE TABLE p (a int, b int, PRIMARY KEY (a, b));
            CREATE TABLE t (id int PRIMARY KEY, a int, b int); INSERT INTO t VALUES (1, 1, NULL);
            CREATE INDEX ON t (a, b);
            ALTER TABLE t ADD CONSTRAINT refers FOREIGN KEY (a, b) REFERENCES p ON DELETE CASCADE NOT VALID;
        """,
        severity="low",
        says=("none of 1 rows", "Validate refers"),
        objects=("refers",),
    ),
    Example(
        "a MATCH FULL key of one column",
        sql="""
            CREATE TABLE p (a int PRIMARY KEY); CREATE TABLE t (id int PRIMARY KEY, a int); CREATE INDEX ON t (a);
            ALTER TABLE t ADD CONSTRAINT refers FOREIGN KEY (a) REFERENCES p MATCH FULL ON DELETE CASCADE NOT VALID;
        """,
        severity="low",
        says=("Validate refers",),
        objects=("refers",),
    ),
    Example(
        "a foreign key whose triggers are disabled",
        sql="""
            CREATE TABLE p (id int PRIMARY KEY);
            CREATE TABLE t (id int PRIMARY KEY, p int CONSTRAINT refers REFERENCES p);
            ALTER TABLE t DISABLE TRIGGER ALL; INSERT INTO t VALUES (1, 1);
        """,
        severity="high",
        says=("switched off", "1 of 1 rows", "ENABLE TRIGGER"),
        objects=("refers",),
    ),
    Example(
        "a foreign key of a partitioned table, switched off in all partitions",
        sql="""
            CREATE TABLE p (id int PRIMARY KEY);
            CREATE TABLE t (id int PRIMARY KEY, p int CONSTRAINT refers REFERENCES p) PARTITION BY RANGE (id);
            CREATE TABLE t_1 PARTITION OF t DEFAULT; ALTER TABLE t DISABLE TRIGGER ALL;
        """,
        objects=("refers",),
        severity="medium",
        says=("is switched off No row, new or old", "none of 0 rows breaks it now. Drop"),
    ),
    Example(
        "a foreign key and a check that are not enforced (PostgreSQL 18), or never validated",
        sql="""
            CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (1); CREATE TABLE t (id int PRIMARY KEY, p int);
            INSERT INTO t VALUES (1, 1);
            DO $$ DECLARE mode text := 'NOT VALID'; BEGIN
                IF current_setting('server_version_num')::int >= 180000 THEN mode := 'NOT ENFORCED'; END IF;
                EXECUTE 'ALTER TABLE t ADD CONSTRAINT refers FOREIGN KEY (p) REFERENCES p ' || mode;
                EXECUTE 'ALTER TABLE t ADD CONSTRAINT small CHECK (p > 1) ' || mode;
            END $$;
        """,
        findings=2,
        objects=("refers", "small"),
    ),
    Example(
        "a check of a partitioned table, once for all partitions, and one of a partition alone",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, n int) PARTITION BY RANGE (id); CREATE TABLE t_1 PARTITION OF t DEFAULT;
            ALTER TABLE t ADD CONSTRAINT whole CHECK (n > 0) NOT VALID;
            ALTER TABLE t_1 ADD CONSTRAINT part CHECK (id > 0) NOT VALID;
        """,
        findings=2,
        objects=("whole", "part"),
    ),
    Example(
        "a NOT NULL that was not validated (an ordinary check before PostgreSQL 18)",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1);
            DO $$ BEGIN
                IF current_setting('server_version_num')::int >= 180000
                THEN EXECUTE 'ALTER TABLE t ADD CONSTRAINT given NOT NULL n NOT VALID';
                ELSE EXECUTE 'ALTER TABLE t ADD CONSTRAINT given CHECK (n IS NOT NULL) NOT VALID'; END IF;
            END $$;
        """,
        severity="low",
        says=("Validate given",),
        objects=("given", "n"),
    ),
    Example(
        "a reference to a table of a schema that was not read",
        sql="""
            CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE t (id int PRIMARY KEY, p int);
            ALTER TABLE t ADD CONSTRAINT refers FOREIGN KEY (p) REFERENCES p NOT VALID;
        """,
        given=(unread("p"),),
        severity="medium",
        says=("nobody knows",),
        renamed=False,
    ),
    Example(
        "a check that a session keeps from being read",
        sql="CREATE TABLE t (n int); ALTER TABLE t ADD CONSTRAINT positive CHECK (n > 0) NOT VALID",
        given=(unreadable_checks("t"),),
        severity="medium",
        says=("nobody knows",),
        renamed=False,
    ),
    Example(
        "a reference to a period (PostgreSQL 18), or of two columns with MATCH FULL",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, a int4range, b daterange);
            DO $$ BEGIN
                IF current_setting('server_version_num')::int >= 180000 THEN
                    EXECUTE $q$
                    CREATE TABLE p (a int4range, b daterange, PRIMARY KEY (a, b WITHOUT OVERLAPS));
                    ALTER TABLE t ADD CONSTRAINT refers FOREIGN KEY (a, PERIOD b) REFERENCES p NOT VALID;
                    $q$;
                ELSE
                    CREATE TABLE p (a int4range, b daterange, PRIMARY KEY (a, b));
                    ALTER TABLE t ADD CONSTRAINT refers FOREIGN KEY (a, b) REFERENCES p MATCH FULL NOT VALID;
                END IF;
            END $$;
        """,
        severity="medium",
        says=("nobody knows",),
        objects=("refers",),
    ),
    Example(
        "a check that rows of a sample break, in a table too large to count",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, n int) WITH (fillfactor = 10);
            INSERT INTO t SELECT n, -n FROM generate_series(1, 1000) n;
            ALTER TABLE t ADD CONSTRAINT positive CHECK (n > 0) NOT VALID;
        """,
        given=(given.table("t", bytes=(1 << 30) + 1),),
        severity="high",
        says=("held against it: at least ",),
        renamed=False,
    ),
)
VALIDATED = (
    Example(
        "orphans are found by the rule about orphans",
        sql="""
            CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE t (id int PRIMARY KEY, p int);
            INSERT INTO t VALUES (1, 1);
            ALTER TABLE t ADD CONSTRAINT refers FOREIGN KEY (p) REFERENCES p NOT VALID;
        """,
    ),
    Example(
        "constraints that were checked when they were made",
        sql="""
            CREATE TABLE p (id int PRIMARY KEY);
            CREATE TABLE t (id int PRIMARY KEY, p int REFERENCES p, n int CHECK (n > 0), UNIQUE (n));
        """,
    ),
    Example(
        "constraints that were validated later",
        sql="""
            CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE t (id int PRIMARY KEY, p int);
            ALTER TABLE t ADD CONSTRAINT refers FOREIGN KEY (p) REFERENCES p NOT VALID;
            ALTER TABLE t VALIDATE CONSTRAINT refers;
        """,
    ),
    Example(
        "a user's own trigger that is disabled",
        sql="""
            CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE t (id int PRIMARY KEY, p int REFERENCES p);
            CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
            CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
            ALTER TABLE t DISABLE TRIGGER tr;
        """,
    ),
    Example(
        "a partition attached with a valid foreign key of its parent",
        sql="""
            CREATE TABLE p (id int PRIMARY KEY);
            CREATE TABLE t (id int, p int REFERENCES p) PARTITION BY RANGE (id);
            CREATE TABLE t_1 PARTITION OF t DEFAULT;
        """,
    ),
    Example(
        "a foreign table, whose constraints nobody enforces, and the table of an extension",
        sql="""
            CREATE EXTENSION IF NOT EXISTS postgres_fdw;
            CREATE SERVER IF NOT EXISTS s FOREIGN DATA WRAPPER postgres_fdw;
            CREATE FOREIGN TABLE f (n int) SERVER s; ALTER FOREIGN TABLE f ADD CONSTRAINT c CHECK (n > 0) NOT VALID;
            CREATE TABLE t (n int); ALTER TABLE t ADD CONSTRAINT c CHECK (n > 0) NOT VALID;
            ALTER EXTENSION postgres_fdw ADD TABLE t;
        """,
        alone=True,
    ),
)
