"""The examples of INT01: two parents, a table that joins them, and its rows."""

from __future__ import annotations

from pgproof.rules import given
from pgproof.rules.rule import Example


def joining(table: str, *rows: str) -> str:
    """Return tables a and b, a table over them, and rows of it: each `rows` selects pairs by a number n."""
    inserts = "".join(f"INSERT INTO joined (a_id, b_id) {select};" for select in rows)
    return f"""
        CREATE TABLE a (id int PRIMARY KEY);
        CREATE TABLE b (id int PRIMARY KEY);
        INSERT INTO a SELECT generate_series(0, 999);
        INSERT INTO b SELECT generate_series(0, 999);
        CREATE TABLE joined ({table});
        {inserts}
    """


def pairs(rows: int, values: int) -> str:
    """Return different pairs of so many values on either side; the same ones for the same numbers."""
    return f"SELECT n % {values}, (n / {values} + n) % {values} FROM generate_series(0, {rows - 1}) AS n"


REFERENCES = "id serial PRIMARY KEY, a_id int NOT NULL REFERENCES a, b_id int NOT NULL REFERENCES b"
APPLICATION = f"{REFERENCES}, active boolean NOT NULL DEFAULT true, letter text, applied_at date DEFAULT now()"
LINE = f"{REFERENCES}, quantity int NOT NULL DEFAULT 1"
DECLARED = """
class Joined(Base):
    __tablename__ = "joined"
    __table_args__ = (UniqueConstraint("b_id", "a_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    a_id: Mapped[int]
    b_id: Mapped[int]
"""
PARTLY = "SELECT n % {0}, n % 7 FROM generate_series(0, {1}) AS n"

JOINED_AGAIN = (
    Example(
        "an association table whose columns are not its key",
        sql=joining("a_id int REFERENCES a, b_id int REFERENCES b", pairs(5, 5)),
        objects=("joined", "a_id", "b_id"),
        severity="medium",
        says=(
            "None of 5 rows repeats a pair; two",
            "Make (a_id, b_id) unique.",
        ),
    ),
    Example(
        "an empty link with a key of its own and a time of writing",
        sql=joining(f"{REFERENCES}, created_at timestamptz NOT NULL"),
        objects=("joined", "a_id", "b_id"),
        severity="medium",
    ),
    Example(
        "people who follow people",
        sql="""
            CREATE TABLE people (id int PRIMARY KEY);
            CREATE TABLE follows (follower int NOT NULL REFERENCES people, followed int NOT NULL REFERENCES people);
        """,
        objects=("follows", "follower", "followed"),
    ),
    Example(
        "a link of which one row in ten is surplus",
        sql=joining(REFERENCES, pairs(90, 10), pairs(10, 10)),
        objects=("joined",),
        severity="critical",
        says=(
            "10 of 100 rows are surplus: 10 pairs are there",
            "each of 10 pairs stays. Unless you decide otherwise the oldest stays, by (id): move",
        ),
    ),
    Example(
        "a link without rows whose pair the models declare unique, which makes it sure",
        sql=joining(REFERENCES),
        models=DECLARED,
        objects=("joined", "a_id", "b_id"),
        severity="high",
    ),
    Example(
        "a link with few rows, most of them surplus",
        sql=joining(REFERENCES, *[pairs(33, 10)] * 3),
        objects=("joined",),
    ),
    Example(
        "applications of which one in a hundred is surplus",
        sql=joining(APPLICATION, pairs(990, 40), pairs(10, 40)),
        objects=("joined", "a_id", "b_id"),
        severity="critical",
    ),
    Example(
        "applications that never repeat although chance would have made them",
        sql=joining(APPLICATION, pairs(42, 10)),
        objects=("joined", "a_id", "b_id"),
        severity="high",
        says=("None of 42 rows repeats a pair, where chance would have repeated at least 5;",),
    ),
    Example(
        "applications of which three in four have a job of their own",
        sql=joining(APPLICATION, PARTLY.format(750, 994), PARTLY.format(750, 4)),
        objects=("joined",),
    ),
    Example(
        "a state that is text, by a check",
        sql=joining(
            f"{REFERENCES}, state text NOT NULL DEFAULT 'x' CHECK (state IN ('x', 'y'))",
            pairs(990, 40),
            pairs(10, 40),
        ),
        objects=("joined",),
    ),
    Example(
        "a state that is text, of few values",
        sql=joining(f"{REFERENCES}, state text NOT NULL DEFAULT 'x'", pairs(990, 40), pairs(10, 40))
        + "; ANALYZE joined",
        objects=("joined",),
    ),
    Example(
        "applications with states and times that are no occurrence",
        sql=joining(
            f"{REFERENCES}, active boolean NOT NULL, decided date, day date NOT NULL DEFAULT now(), created_at date"
            " NOT NULL, label text NOT NULL GENERATED ALWAYS AS ('x') STORED",
            pairs(42, 10).replace("SELECT ", "SELECT true, now(), "),
        ).replace("(a_id, b_id)", "(active, created_at, a_id, b_id)"),
        objects=("joined", "a_id", "b_id"),
    ),
    *(
        Example(
            f"a link with surplus rows that is {why}",
            sql=joining(REFERENCES, pairs(90, 10), pairs(10, 10)),
            given=(given.table("joined", **stated),),
            objects=("joined", "a_id", "b_id"),
            renamed=False,
        )
        for why, stated in (("not counted", {"calls_user_code": True}), ("too large to count", {"bytes": 1 << 40}))
    ),
    Example(
        "a link that never repeats although chance would have made five",
        sql=joining(REFERENCES, pairs(42, 10)),
        severity="high",
        says=("at least 5;",),
    ),
    Example(
        "a link of which chance would have repeated four", sql=joining(REFERENCES, pairs(38, 10)), severity="medium"
    ),
    Example(
        "a link too large to count whole, whose sample repeats every pair",
        sql=joining(f"{REFERENCES}) WITH (fillfactor = 10", "SELECT n / 2 % 40, n / 80 FROM generate_series(0, 999) n"),
        given=(given.table("joined", bytes=(1 << 30) + 1),),
        severity="critical",
        says=("At least ", " pairs are there", "each of at least "),
        renamed=False,
    ),
    Example(
        "a link of which one row has one side alone",
        sql=joining("a_id int REFERENCES a, b_id int REFERENCES b", pairs(5, 5), "SELECT 1, NULL"),
        says=("Complete or delete", "the primary key"),
        objects=("joined",),
    ),
    Example(
        "a link without a key whose equal rows are equal in every column",
        sql=joining("a_id int REFERENCES a, b_id int REFERENCES b", *[pairs(5, 5)] * 2),
        says=("equal in every column",),
        objects=("joined",),
    ),
    Example(
        "a link without a key whose equal rows were written one after the other",
        sql=joining(
            "a_id int REFERENCES a, b_id int NOT NULL REFERENCES b, created_at timestamptz NOT NULL DEFAULT now()"
        ).replace("a_id int", "a_id int NOT NULL")
        + "; INSERT INTO joined VALUES (1, 2), (1, 2)",
        says=("1 pair is there more than once", "the oldest stays, by (created_at, a_id, b_id)"),
        objects=("joined",),
    ),
    Example(
        "a link without a key whose equal rows have an order that nothing says",
        sql=joining(
            "a_id int NOT NULL REFERENCES a, b_id int NOT NULL REFERENCES b, updated_at timestamptz DEFAULT now()"
        )
        + "; INSERT INTO joined VALUES (1, 2), (1, 2)",
        says=("Move the others aside with what refers to them; then",),
        objects=("joined",),
    ),
    Example(
        "a link with surplus rows that others refer to",
        sql=joining(REFERENCES, *[pairs(5, 5)] * 2)
        + "; CREATE TABLE notes (id int PRIMARY KEY, joined int REFERENCES joined);"
        " CREATE INDEX ON notes (joined); INSERT INTO notes VALUES (1, 7)",
        says=("point what refers to them to it",),
        objects=("joined",),
    ),
    Example(
        "a link with surplus rows that nobody may point elsewhere",
        sql=joining(REFERENCES, *[pairs(5, 5)] * 2)
        + "; CREATE TABLE notes (id int PRIMARY KEY, joined int UNIQUE REFERENCES joined)",
        says=("Move the others aside with what refers to them; then",),
        objects=("joined",),
    ),
    Example(
        "what is called a log, and never repeats",
        sql=joining(REFERENCES, pairs(42, 10)) + "; ALTER TABLE joined RENAME TO a_event",
        severity="high",
    ),
    Example(
        "dated rows of which one in a hundred is surplus",
        sql=joining(f"{REFERENCES}, day date NOT NULL", pairs(990, 40), pairs(10, 40)).replace(
            "(a_id, b_id) SELECT ", "(day, a_id, b_id) SELECT current_date, "
        ),
        objects=("joined",),
    ),
    Example(
        "order lines that never repeat although chance would have made them",
        sql=joining(LINE, pairs(73, 10)),
        objects=("joined", "a_id", "b_id"),
        severity="medium",
    ),
    Example(
        "order lines that repeat a tenth as often as chance would make them",
        sql=joining(LINE, pairs(990, 66), pairs(10, 66)),
        objects=("joined",),
        severity="high",
    ),
    Example(
        "an association of three",
        sql=joining(
            "a_id int REFERENCES a, b_id int REFERENCES b, c_id int REFERENCES a, PRIMARY KEY (a_id, b_id, c_id)"
        )
        + "; CREATE TABLE three (a_id int NOT NULL REFERENCES a, b_id int NOT NULL REFERENCES b,"
        " c_id int NOT NULL REFERENCES a)",
        objects=("three", "a_id", "b_id", "c_id"),
    ),
    Example(
        "a tenant's members, by composite references",
        sql="""
            CREATE TABLE tenants (id int PRIMARY KEY);
            CREATE TABLE users (tenant int REFERENCES tenants, id int, PRIMARY KEY (tenant, id));
            CREATE TABLE teams (tenant int REFERENCES tenants, id int, PRIMARY KEY (tenant, id));
            CREATE TABLE members (
                tenant int NOT NULL REFERENCES tenants, team int NOT NULL, member int NOT NULL,
                FOREIGN KEY (tenant, team) REFERENCES teams, FOREIGN KEY (tenant, member) REFERENCES users
            );
        """,
        objects=("members", "tenant", "team", "member"),
    ),
)
JOINED_ONCE = (
    Example("a unique pair", sql=joining(f"{REFERENCES}, UNIQUE (b_id, a_id)")),
    Example(
        "a pair that is the key", sql=joining("a_id int REFERENCES a, b_id int REFERENCES b, PRIMARY KEY (a_id, b_id)")
    ),
    Example(
        "a rule for some rows, one over an expression, and one by exclusion",
        sql=joining(REFERENCES + ", EXCLUDE (a_id WITH =, b_id WITH =)")
        + f"""
            ; CREATE TABLE partly ({REFERENCES}, created_at timestamptz);
            CREATE UNIQUE INDEX ON partly (b_id) WHERE created_at IS NULL;
            CREATE TABLE unordered ({REFERENCES});
            CREATE UNIQUE INDEX ON unordered (least(a_id, b_id), greatest(a_id, b_id));
        """,
    ),
    Example(
        "a link that is called a log",
        sql=joining(f"{REFERENCES}, created_at timestamptz") + "; ALTER TABLE joined RENAME TO a_event",
        renamed=False,
    ),
    Example(
        "a log that an audit may not count",
        sql=joining(REFERENCES) + "; ALTER TABLE joined RENAME TO a_event",
        given=(given.table("a_event", calls_user_code=True),),
        renamed=False,
    ),
    Example(
        "a link of which more than one row in ten is surplus", sql=joining(REFERENCES, pairs(89, 10), pairs(11, 10))
    ),
    Example("visits, by their own time", sql=joining(f"{REFERENCES}, visited_at timestamptz DEFAULT now()")),
    Example(
        "applications of which more than one in a hundred is surplus",
        sql=joining(APPLICATION, pairs(989, 40), pairs(11, 40)),
    ),
    Example("applications too few to tell", sql=joining(APPLICATION, pairs(41, 10))),
    Example(
        "payments, mostly one for each order",
        sql=joining(APPLICATION, PARTLY.format(751, 994), PARTLY.format(751, 4)),
    ),
    Example(
        "payments, the other way round",
        sql=joining(
            APPLICATION,
            *(
                select.replace("n % 751, n % 7", "n % 7, n % 751")
                for select in (PARTLY.format(751, 994), PARTLY.format(751, 4))
            ),
        ),
    ),
    Example(
        "appointments, as yet without a repeat",
        sql=joining(f"{REFERENCES}, starts_at timestamptz NOT NULL", pairs(42, 10)).replace(
            "(a_id, b_id) SELECT ", "(starts_at, a_id, b_id) SELECT now(), "
        ),
    ),
    Example(
        "matches of a season",
        sql=joining(f"{LINE}, day date NOT NULL", pairs(73, 10)).replace(
            "(a_id, b_id) SELECT ", "(day, a_id, b_id) SELECT current_date, "
        ),
    ),
    Example("order lines too few to tell", sql=joining(LINE, pairs(72, 10))),
    Example(
        "order lines that repeat more than a tenth as often as chance would make them",
        sql=joining(LINE, pairs(990, 67), pairs(10, 67)),
    ),
    Example(
        "messages",
        sql=joining(f"{REFERENCES}, body text NOT NULL DEFAULT 'x' CHECK (body <> '')", pairs(990, 90), pairs(10, 90)),
    ),
    Example(
        "a row with two optional references may have either",
        sql=joining("id serial PRIMARY KEY, a_id int REFERENCES a, b_id int REFERENCES b"),
    ),
    Example(
        "a child of one parent that mentions another",
        sql=joining("id serial PRIMARY KEY, a_id int NOT NULL REFERENCES a, b_id int REFERENCES b"),
    ),
    Example(
        "a reference declared twice",
        sql=joining("id serial PRIMARY KEY, a_id int NOT NULL REFERENCES a REFERENCES a, b_id int"),
    ),
    Example(
        "a tenant's user, whose tenant is a reference of its own",
        sql="""
            CREATE TABLE tenants (id int PRIMARY KEY);
            CREATE TABLE users (tenant int REFERENCES tenants, id int, PRIMARY KEY (tenant, id));
            CREATE TABLE notes (
                id int PRIMARY KEY, tenant int NOT NULL REFERENCES tenants, author int NOT NULL,
                FOREIGN KEY (tenant, author) REFERENCES users
            );
        """,
    ),
    Example(
        "an entity with four parents",
        sql=joining(
            f"{REFERENCES}, c_id int NOT NULL DEFAULT 1 REFERENCES a, d_id int NOT NULL DEFAULT 1 REFERENCES b"
        ),
    ),
    Example(
        "a table that another session locks",
        sql=joining(REFERENCES),
        given=(given.table("joined", locked=True),),
        renamed=False,
    ),
)
