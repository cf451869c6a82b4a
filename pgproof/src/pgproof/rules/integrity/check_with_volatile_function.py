"""A check whose result changes while the row does not.

What it finds:
    A check that calls a function of a user which is not immutable, or asks for the current time, role, setting or a
    random number. A comparison that time can only make true (`born <= CURRENT_DATE`) is left alone.

Why it matters:
    PostgreSQL tests a check when a row is written and takes it for true from then on. Where the answer changes, the
    table holds rows that break its own rule: a dump of it cannot be restored, an UPDATE of another column of an old
    row fails, and a copy that a migration makes fails half way.

Evidence:
    pg_constraint, and pg_depend with pg_proc.provolatile for functions of users.

Remedy:
    Compare with a column that the row keeps, such as created_at; a rule for the moment of writing goes into a trigger
    or the application: `op.drop_constraint(...)`, and the CheckConstraint out of the model. A function that depends on
    its arguments alone is declared so: ALTER FUNCTION ... IMMUTABLE.

When to ignore:
    The table is emptied faster than the answer changes, and never dumped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pgproof.facts.catalog import Constraint, Table
from pgproof.facts.model import Facts
from pgproof.remedy.names import literal
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, constraint_ref
from pgproof.rules.integrity._conditions import conditions
from pgproof.rules.integrity._stated import unreadable_checks
from pgproof.rules.reading import locked, regclass
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="INT28", slug="check-with-volatile-function", severity="medium")

_NOW = (
    r"(?:(?:now|clock_timestamp|statement_timestamp|transaction_timestamp)\(\)"
    r"|(?:CURRENT_TIMESTAMP|CURRENT_DATE|LOCALTIMESTAMP)(?:\(\d\))?)"
)
_UNSTABLE = re.compile(
    rf"{_NOW}|\b(?:random|gen_random_uuid|pg_backend_pid|timeofday|txid_current|pg_current_xact_id|inet_client_addr)\(\)"
    r"|\b(?:current_setting|nextval|currval|set_config|random_normal)\("
    r"|\b(?:CURRENT_TIME|LOCALTIME|CURRENT_USER|SESSION_USER|CURRENT_ROLE|USER|CURRENT_SCHEMA|CURRENT_CATALOG)\b"
)
_COLUMN = r'\(*(?:[a-z_][a-z0-9_]*|"[^"]+")\)*(?:::[a-z ]+)?\)*'
_ONLY_TRUER = re.compile(
    rf"{_COLUMN} <=? \(*{_NOW}\)*(?:::[a-z ]+)?\)*(?: [+-] (?:\d+|'[^']*'::interval))?\)*"
    rf"|\(*{_NOW}\)*(?:::[a-z ]+)?\)*(?: [+-] (?:\d+|'[^']*'::interval))?\)* >=? {_COLUMN}"
)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each check whose result may change."""
    for table in facts.catalog.tables:
        if table.kind not in ("table", "partitioned table") or table.extension is not None:
            continue
        for constraint in table.checks:
            # What a partition or a child has from its parent is the parent's matter.
            if not constraint.local:
                continue
            if constraint.calls_unstable_user_function:
                yield _finding(table, constraint, "a function that is not declared immutable")
            elif constraint.expression is None:
                yield locked(table)
            elif (called := _called(constraint.expression)) is not None:
                yield _finding(table, constraint, called)


def _called(expression: str) -> str | None:
    """Return what a check asks for that changes; None where time can only make it true."""
    for condition in conditions(expression):
        bare = re.sub(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"", "''", condition)
        found = _UNSTABLE.search(bare)
        if found is not None and _ONLY_TRUER.fullmatch(condition) is None:
            return found[0]
    return None


def _finding(table: Table, constraint: Constraint, called: str) -> Finding:
    return METADATA.finding(
        objects=(constraint_ref(table, constraint),),
        message=f"The check {constraint.name} of {table.qualified_name} depends on {called}",
        consequence="Rows that were accepted may break it later: then a dump of the table cannot be restored, and an"
        " UPDATE of such a row fails whatever it changes.",
        evidence=(
            Evidence(
                "catalog",
                "SELECT pg_get_constraintdef(c.oid), p.proname, p.provolatile FROM pg_constraint AS c"
                " LEFT JOIN pg_depend AS d ON d.classid = 'pg_constraint'::regclass AND d.objid = c.oid"
                " AND d.refclassid = 'pg_proc'::regclass LEFT JOIN pg_proc AS p ON p.oid = d.refobjid"
                f" WHERE c.conname = {literal(constraint.name)} AND c.conrelid = {regclass(table)}",
                f"it depends on {called}",
            ),
        ),
        remedy=Remedy(
            f"Drop {constraint.name}, and compare with a column that the row keeps, or test it in a trigger or the"
            " application when the row is written; declare a function IMMUTABLE if it depends on its arguments alone."
        ),
    )


_FUNCTION = "CREATE FUNCTION is_fine(n int) RETURNS bool LANGUAGE sql {} AS 'SELECT n > 0';"

BAD = (
    *(
        Example(
            f"a check with {condition}",
            sql=f"""
                CREATE TABLE t (id int PRIMARY KEY, at timestamptz, d date, s text, "When" date,
                                CONSTRAINT changing CHECK ({condition}));
            """,
            objects=("t", "changing"),
        )
        for condition in (
            "at > now()",
            "now() <= at",
            "d >= CURRENT_DATE",
            "d > CURRENT_DATE - 30 AND id > 0",
            "d <= CURRENT_DATE OR id > 0 AND at > now()",
            "at = clock_timestamp()",
            "s = CURRENT_USER",
            "s <> current_setting('app.tenant') OR s = 'it''s'",
            "random() < 0.5",
            "at <> LOCALTIMESTAMP",
            "extract(year FROM d) <= extract(year FROM now())",
            "at - interval '1 day' > transaction_timestamp()",
            "d - CURRENT_DATE < 10 AND d <= CURRENT_DATE",
        )
    ),
    *(
        Example(
            f"a function of a user: {volatility or 'volatile by default'}",
            sql=_FUNCTION.format(volatility) + "CREATE TABLE t (n int PRIMARY KEY, CONSTRAINT fine CHECK (is_fine(n)))",
            objects=("t", "fine"),
        )
        for volatility in ("", "STABLE")
    ),
    Example(
        "a partitioned table, once for all partitions, and a partition's own",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, at date, CONSTRAINT whole CHECK (at > now())) PARTITION BY RANGE (id);
            CREATE TABLE t_1 PARTITION OF t DEFAULT;
            ALTER TABLE t_1 ADD CONSTRAINT part CHECK (at > CURRENT_DATE);
        """,
        findings=2,
        objects=("whole", "part"),
    ),
)
GOOD = (
    Example(
        "a check that a session keeps from being read",
        sql="CREATE TABLE t (at date, CHECK (at > now()))",
        given=(unreadable_checks("t"),),
        renamed=False,
    ),
    *(
        Example(
            f"time can only make it true: {condition}",
            sql=f'CREATE TABLE t (id int PRIMARY KEY, at timestamptz, d date, "When" date, CHECK ({condition}))',
        )
        for condition in (
            "d <= CURRENT_DATE",
            "at < now()",
            "now() >= at",
            "\"When\" < CURRENT_DATE AND d > '1900-01-01' AND id > 0",
            "at <= now() + interval '1 day'",
            "CURRENT_DATE - 18 > d",
            "at <= CURRENT_TIMESTAMP",
        )
    ),
    Example(
        "a function of a user that is immutable",
        sql=_FUNCTION.format("IMMUTABLE") + "CREATE TABLE t (n int PRIMARY KEY, CONSTRAINT fine CHECK (is_fine(n)))",
    ),
    Example(
        "words in a text or a name, and functions that only resemble",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, s text, "now()" date, now date, CHECK (s <> 'it''s now() CURRENT_DATE'),
                            CHECK ("now()" > '2020-01-01'), CHECK (now > '2020-01-01' AND length(s) < 10));
        """,
    ),
    Example(
        "a default, a trigger and a partial index may ask for the time",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, at timestamptz DEFAULT now(), CHECK (id > 0));
            CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.at := now(); RETURN NEW; END';
            CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
        """,
    ),
    Example(
        "a foreign table, whose checks nobody enforces, and the table of an extension",
        sql="""
            CREATE EXTENSION IF NOT EXISTS postgres_fdw;
            CREATE SERVER IF NOT EXISTS s FOREIGN DATA WRAPPER postgres_fdw;
            CREATE FOREIGN TABLE f (at date, CHECK (at > now())) SERVER s;
            CREATE TABLE t (at date, CHECK (at > now())); ALTER EXTENSION postgres_fdw ADD TABLE t;
        """,
        alone=True,
    ),
)
