"""A constraint that the rows which were there before it have never been held against.

What it finds:
    Foreign keys, checks and (PostgreSQL 18) NOT NULL constraints that were added NOT VALID and never validated, and
    those that are switched off: foreign keys whose triggers are disabled, and constraints that are NOT ENFORCED.

Why it matters:
    New rows are held against a constraint that is NOT VALID, old ones are not: readers and the planner cannot rely
    on it, and a later UPDATE of an old row that breaks it fails for a reason that the writer has not caused. One that
    is switched off binds nobody.

Evidence:
    pg_constraint and pg_trigger, and a count of the rows that break it: orphans of a foreign key, and rows for which
    a check is false, where it compares columns with one another or with constants.

Remedy:
    `op.execute("ALTER TABLE ... VALIDATE CONSTRAINT ...")`: it reads the table under a lock that lets reads and
    writes pass. Rows that break it have to be mended or moved first.

When to ignore:
    A migration is under way that validates it later.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pgproof.facts.catalog import Constraint, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import AllOf, AnyOf, Compare, Comparison, Condition, IsNull, Orphans, Question, RowsWhere
from pgproof.remedy.constraints import ValidateConstraint
from pgproof.remedy.names import literal, quoted
from pgproof.rules.finding import Evidence, Finding, Remedy, Severity, constraint_ref, counted, table_ref
from pgproof.rules.integrity._conditions import conditions
from pgproof.rules.reading import regclass
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="INT20", slug="constraint-not-validated", severity="medium")

_CONTRARY: dict[str, Comparison] = {"<": ">=", "<=": ">", "=": "<>", "<>": "=", ">=": "<", ">": "<="}
_NAME = r'([a-z_][a-z0-9_]*|"[^"]+")'
_NUMBER = r"\(?'?(-?\d+)'?\)?(?:::(?:smallint|integer|bigint|numeric|double precision|real))?"
_COMPARISON = re.compile(rf"{_NAME} (<|<=|=|<>|>=|>) (?:{_NAME}|{_NUMBER})")
_NOT_NULL = re.compile(rf"{_NAME} IS NOT NULL")
_LISTED = re.compile(rf"\(?{_NAME}(?:\)::text)? = ANY \(\(?ARRAY\[(.*?)\](?:\)::text\[\])?\)")
_TEXT = re.compile(r"\(?'([^'\\]*)'::(?:text|character varying)\)?(?:::text)?")


def questions(facts: Facts) -> Iterator[Question]:
    """Ask how many rows break each constraint that was never validated."""
    for table, constraint in _unvalidated(facts):
        question = _question(facts, table, constraint)
        if question is not None:
            yield question


def check(facts: Facts) -> Iterator[Finding]:
    """Yield each constraint that old rows, or all rows, have not been held against."""
    for table, constraint in _unvalidated(facts):
        question = _question(facts, table, constraint)
        counts = facts.counts(question) if question is not None else None
        if constraint.kind == "foreign key" and constraint.enforced and counts is not None and counts.rows:
            # INT06 reports the orphans, and this rule the key once they are gone.
            continue
        yield _finding(facts, table, constraint)


def _unvalidated(facts: Facts) -> Iterator[tuple[Table, Constraint]]:
    for table in facts.catalog.tables:
        if table.kind not in ("table", "partitioned table") or table.extension is not None:
            continue
        for constraint in table.constraints:
            # What a partition or a child has from its parent is validated with the parent's.
            if not constraint.local:
                continue
            if not constraint.validated or not constraint.enforced:
                yield table, constraint


def _question(facts: Facts, table: Table, constraint: Constraint) -> Question | None:
    if constraint.kind == "foreign key":
        parent = facts.catalog.table(constraint.referenced or 0)
        # Orphans leaves rows out that give only some of the columns, which MATCH FULL refuses, and knows no periods.
        if parent is None or constraint.period or (constraint.match_full and len(constraint.columns) > 1):
            return None
        return Orphans(table.qualified_name, constraint.columns, parent.qualified_name, constraint.referenced_columns)
    if constraint.kind == "not null":
        return RowsWhere(table.qualified_name, IsNull(constraint.columns[0]))
    broken = [_broken(condition) for condition in conditions(constraint.expression or "")]
    readable = [each for each in broken if each is not None]
    if len(readable) < len(broken):
        return None
    return RowsWhere(table.qualified_name, AnyOf(tuple(readable)))


def _broken(condition: str) -> Condition | None:
    """Return when a condition is false, which is not when it is NULL; None for what a question cannot say."""
    if found := _NOT_NULL.fullmatch(condition):
        return IsNull(_unquoted(found[1]))
    if found := _COMPARISON.fullmatch(condition):
        column, operator = _unquoted(found[1]), _CONTRARY[found[2]]
        if found[3] is not None:
            return Compare(column, operator, other_column=_unquoted(found[3]))
        return Compare(column, operator, constant=int(found[4]))
    if found := _LISTED.fullmatch(condition):
        values = [_TEXT.fullmatch(value) for value in found[2].split(", ")]
        if all(values):
            return AllOf(tuple(Compare(_unquoted(found[1]), "<>", constant=value[1]) for value in values if value))
    return None


def _unquoted(name: str) -> str:
    return name.strip('"')


def _finding(facts: Facts, table: Table, constraint: Constraint) -> Finding:
    question = _question(facts, table, constraint)
    answer = facts.answer(question) if question is not None else None
    counts = answer.counts if answer is not None else None
    parent = facts.catalog.table(constraint.referenced or 0)
    what = f"The {constraint.kind} {constraint.name} of {table.qualified_name}"
    clean = counts is not None and counts.exact and not counts.rows
    severity: Severity | None = None
    if counts is not None and counts.rows:
        least = "" if counts.exact else "at least "
        consequence = f"{least}{counts.rows:,} of {counts.rows_examined:,} rows break it"
        severity = "high"
    elif counts is not None and clean:
        consequence = f"none of {counts.rows_examined:,} rows breaks it now"
        severity = "low" if constraint.enforced else None
    else:
        consequence = "nobody knows how many rows break it"
    why = "old rows were never held against it" if constraint.enforced else "no row, new or old, is held against it"
    return METADATA.finding(
        objects=(constraint_ref(table, constraint),),
        message=f"{what} was never validated" if constraint.enforced else f"{what} is switched off",
        consequence=f"{why[0].upper()}{why[1:]}: {consequence}.",
        severity=severity,
        confidence="exact" if counts is not None and counts.exact else "sample" if severity else "catalog",
        evidence=(
            Evidence(
                "catalog",
                "SELECT convalidated, (SELECT array_agg(tgenabled) FROM pg_trigger WHERE tgconstraint = c.oid)"
                f" FROM pg_constraint AS c WHERE conname = {literal(constraint.name)} AND conrelid = {regclass(table)}",
                "not valid" if constraint.enforced else "disabled",
            ),
            *([counted(answer, f"{counts.rows:,} rows break it")] if answer is not None and counts is not None else []),
        ),
        remedy=_remedy(table, constraint, clean=clean),
        related=(table_ref(parent),) if parent is not None else (),
    )


def _remedy(table: Table, constraint: Constraint, *, clean: bool) -> Remedy:
    validate = ValidateConstraint(table.schema, table.name, constraint.name)
    if not constraint.enforced:
        return Remedy(
            f"Drop {constraint.name} or put it in force again: ALTER TABLE {quoted(table.schema, table.name)}"
            " ENABLE TRIGGER ALL"
            " for disabled triggers, ALTER CONSTRAINT ... ENFORCED for NOT ENFORCED; mend the rows that broke it"
            " meanwhile."
        )
    if clean:
        return Remedy(f"Validate {constraint.name}.", (validate,))
    return Remedy(f"Mend or move the rows that break it, if there are any; then run {validate.forward()[0]}.")


BAD = (
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
        says=("Validate refers", "Validate positive", "none of 2 rows"),
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
)
GOOD = (
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
