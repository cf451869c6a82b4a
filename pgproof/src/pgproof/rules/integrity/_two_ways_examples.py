"""The examples of INT25: two ways to one parent that are meant to agree, and those that need not or are held to."""

from __future__ import annotations

from pgproof.rules import given
from pgproof.rules.integrity._stated import unread
from pgproof.rules.rule import Example


def _example(rows: str, *, extra: str = "") -> str:
    """A schema of eight companies, eighty employers, and jobs that the SELECT in `rows` makes."""
    return f"""
        CREATE TABLE companies (id int PRIMARY KEY);
        CREATE TABLE employers (id int PRIMARY KEY, company_id int REFERENCES companies, UNIQUE (id, company_id));
        CREATE TABLE jobs (id int PRIMARY KEY, company_id int REFERENCES companies,
        employer_id int REFERENCES employers);
        INSERT INTO companies SELECT generate_series(0, 7);
        INSERT INTO employers SELECT n, n % 8 FROM generate_series(0, 79) n;
        INSERT INTO jobs {rows};
        {extra}
        ANALYZE companies; ANALYZE employers; ANALYZE jobs;
    """


_AGREEING = "SELECT n, n % 8, n % 80 FROM generate_series(1, 160) n"

AGREEING = (
    Example(
        "two ways that always agree",
        sql=_example(_AGREEING),
        severity="medium",
        says=("All 160 rows agree", "does not. Hold both together"),
        objects=("jobs", "company_id", "employer_id"),
    ),
    Example(
        "two ways that disagree in a few rows: as many as one in twenty of chance",
        sql=_example(
            "SELECT n, CASE WHEN n <= 7 THEN (n + 1) % 8 ELSE n % 8 END, n % 80 FROM generate_series(1, 160) n"
        ),
        severity="high",
        says=("7 of 160 rows", "Correct the rows that disagree. Hold"),
        objects=("jobs", "company_id", "employer_id"),
    ),
    Example(
        "two ways that every row has, so that one of them could go",
        sql=_example(
            _AGREEING,
            extra="ALTER TABLE jobs ALTER employer_id SET NOT NULL; ALTER TABLE employers ALTER company_id SET NOT"
            " NULL;",
        ),
        says=("Drop company_id",),
        objects=("jobs", "company_id", "employer_id"),
    ),
    Example(
        "just enough rows",
        sql=_example("SELECT n, n % 8, n % 80 FROM generate_series(1, 23) n"),
        objects=("jobs", "company_id"),
    ),
    Example(
        "a reply that names its post, and so does what it replies to",
        sql="""
            CREATE TABLE posts (id int PRIMARY KEY);
            CREATE TABLE comments (id int PRIMARY KEY, post_id int REFERENCES posts, parent_id int REFERENCES comments);
            INSERT INTO posts SELECT generate_series(0, 9);
            INSERT INTO comments SELECT n, n % 10, CASE WHEN n > 10 THEN n - 10 END FROM generate_series(1, 100) n;
            ANALYZE posts; ANALYZE comments;
        """,
        objects=("comments", "post_id", "parent_id"),
    ),
    Example(
        "a composite foreign key that holds other columns together",
        sql=_example(
            _AGREEING,
            extra="""
                ALTER TABLE jobs ADD COLUMN old_id int, ADD COLUMN year int;
                ALTER TABLE jobs ADD FOREIGN KEY (employer_id, old_id) REFERENCES employers (id, company_id);
                CREATE TABLE years (id int, company_id int, year int, PRIMARY KEY (id, company_id, year));
                ALTER TABLE jobs ADD FOREIGN KEY (employer_id, company_id, year) REFERENCES years;
            """,
        ),
        objects=("jobs", "company_id", "employer_id"),
    ),
    Example(
        "a direct way of which a part is NULL",
        sql=_example("SELECT n, CASE WHEN n % 2 = 0 THEN n % 8 END, n % 80 FROM generate_series(1, 160) n"),
        objects=("jobs", "company_id", "employer_id"),
    ),
    Example(
        "two ways of which the direct one is optional",
        sql=_example(_AGREEING, extra="ALTER TABLE employers ALTER company_id SET NOT NULL;"),
        says=("does not. Hold both together",),
    ),
    Example(
        "two ways of which the one through the employer may end there",
        sql=_example(_AGREEING, extra="ALTER TABLE jobs ALTER employer_id SET NOT NULL;"),
        says=("does not. Hold both together",),
    ),
    Example(
        "as many rows as chance would need to make twenty disagree",
        sql="""
            CREATE TABLE companies (id int PRIMARY KEY);
            CREATE TABLE employers (id int PRIMARY KEY, company_id int REFERENCES companies);
            CREATE TABLE jobs (
                id int PRIMARY KEY, company_id int REFERENCES companies, employer_id int REFERENCES employers
            );
            INSERT INTO companies VALUES (0), (1);
            INSERT INTO employers SELECT n, n % 2 FROM generate_series(0, 3) n;
            INSERT INTO jobs SELECT n, n % 2, n % 4 FROM generate_series(1, 40) n;
            ANALYZE employers; ANALYZE jobs;
        """,
        objects=("jobs", "company_id", "employer_id"),
    ),
    Example(
        "two ways that agree in a sample of a table too large to count",
        sql=_example("SELECT n, n % 8, n % 80 FROM generate_series(1, 2000) n").replace(
            "employer_id int REFERENCES employers);", "employer_id int REFERENCES employers) WITH (fillfactor = 10);"
        ),
        given=(given.table("jobs", bytes=(1 << 30) + 1),),
        severity="medium",
        says=(" rows of a sample agree",),
        renamed=False,
    ),
    Example(
        "two ways that disagree here and there in a sample of a table too large to count",
        sql=_example(
            "SELECT n, CASE n % 40 WHEN 0 THEN (n + 1) % 8 ELSE n % 8 END, n % 80 FROM generate_series(1, 4000) n"
        ).replace(
            "employer_id int REFERENCES employers);", "employer_id int REFERENCES employers) WITH (fillfactor = 10);"
        ),
        given=(given.table("jobs", bytes=(1 << 30) + 1),),
        severity="high",
        says=("At least ",),
        renamed=False,
    ),
)
APART = (
    Example(
        "two ways to a table of a schema that was not read",
        sql=_example(_AGREEING),
        given=(unread("companies"),),
        renamed=False,
    ),
    Example(
        "two ways, one through a table of a schema that was not read",
        sql=_example(_AGREEING),
        given=(unread("employers"),),
        renamed=False,
    ),
    Example(
        "a composite foreign key holds both together",
        sql=_example(
            _AGREEING,
            extra="ALTER TABLE jobs ADD FOREIGN KEY (employer_id, company_id) REFERENCES employers (id, company_id);",
        ),
    ),
    Example(
        "the author of a comment and the author of the post are two people",
        sql="""
            CREATE TABLE users (id int PRIMARY KEY);
            CREATE TABLE posts (id int PRIMARY KEY, user_id int REFERENCES users);
            CREATE TABLE comments (id int PRIMARY KEY, user_id int REFERENCES users, post_id int REFERENCES posts);
            INSERT INTO users SELECT generate_series(0, 9);
            INSERT INTO posts SELECT n, n % 10 FROM generate_series(0, 99) n;
            INSERT INTO comments SELECT n, (n * 7) % 10, n % 100 FROM generate_series(1, 500) n;
            ANALYZE users; ANALYZE posts; ANALYZE comments;
        """,
    ),
    Example(
        "more disagreeing rows than a slip explains",
        sql=_example(
            "SELECT n, CASE WHEN n <= 8 THEN (n + 1) % 8 ELSE n % 8 END, n % 80 FROM generate_series(1, 160) n"
        ),
    ),
    Example(
        "so few rows that agreement may be chance",
        sql=_example("SELECT n, n % 8, n % 80 FROM generate_series(1, 22) n"),
    ),
    Example(
        "rows that nearly all have one company agree by chance",
        sql=_example(
            "SELECT n, 1, n % 80 FROM generate_series(1, 160) n",
            extra="UPDATE employers SET company_id = 1;",
        ),
    ),
    Example(
        "tables that ANALYZE has not seen",
        sql=_example(_AGREEING).replace("ANALYZE", "--"),
    ),
    Example(
        "a reference to the parent itself is no second way",
        sql="""
            CREATE TABLE people (id int PRIMARY KEY, boss_id int REFERENCES people);
            CREATE TABLE tasks (id int PRIMARY KEY, owner_id int REFERENCES people, chief_id int REFERENCES people);
            INSERT INTO people SELECT n, n / 10 FROM generate_series(0, 99) n;
            INSERT INTO tasks SELECT n, n, n / 10 FROM generate_series(0, 99) n;
            ANALYZE people; ANALYZE tasks;
        """,
    ),
    Example(
        "one column that refers to a person and to the staff of the same number",
        sql="""
            CREATE TABLE people (id int PRIMARY KEY);
            CREATE TABLE staff (id int PRIMARY KEY, person_id int REFERENCES people);
            CREATE TABLE shifts (id int PRIMARY KEY, who int REFERENCES people REFERENCES staff);
            INSERT INTO people SELECT generate_series(0, 99);
            INSERT INTO staff SELECT n, n FROM generate_series(0, 99) n;
            INSERT INTO shifts SELECT n, n FROM generate_series(0, 99) n;
            ANALYZE people; ANALYZE staff; ANALYZE shifts;
        """,
    ),
    Example(
        "ways to two parents, and to two keys of one",
        sql="""
            CREATE TABLE a (id int PRIMARY KEY, code int UNIQUE); CREATE TABLE b (id int PRIMARY KEY);
            CREATE TABLE v (id int PRIMARY KEY, a_code int REFERENCES a (code), b_id int REFERENCES b);
            CREATE TABLE t (id int PRIMARY KEY, a_id int REFERENCES a, v_id int REFERENCES v);
            INSERT INTO a SELECT n, n FROM generate_series(0, 99) n; INSERT INTO b SELECT generate_series(0, 99);
            INSERT INTO v SELECT n, n, n FROM generate_series(0, 99) n;
            INSERT INTO t SELECT n, n, n FROM generate_series(0, 99) n;
            ANALYZE a; ANALYZE b; ANALYZE v; ANALYZE t;
        """,
    ),
    Example(
        "a table that cannot be counted",
        sql=_example(_AGREEING),
        given=(given.table("jobs", calls_user_code=True),),
        renamed=False,
    ),
)
