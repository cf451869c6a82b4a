"""Rows that refer to a row that does not exist.

What it finds:
    Rows that a foreign key would refuse: they were there before a foreign key that is NOT VALID, or came while its
    checks were switched off. Only declared foreign keys are looked at; no reference is guessed from a name.

Why it matters:
    A join loses such rows, an application that follows the reference fails on nothing, and the constraint cannot be
    validated until they are gone.

Evidence:
    A count of the rows whose reference leads nowhere.

Remedy:
    Point them to the right row, set the reference to NULL, or move them aside; then VALIDATE CONSTRAINT, after
    ENABLE TRIGGER ALL or ALTER CONSTRAINT ... ENFORCED where the checks are off. In Alembic these are op.execute().

When to ignore:
    What they referred to is archived elsewhere on purpose. Then the foreign key says something untrue: drop it.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.catalog import Constraint, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import Orphans
from pgproof.remedy.names import quoted
from pgproof.rules import given
from pgproof.rules.finding import Finding, NotChecked, Remedy, counted, table_ref
from pgproof.rules.integrity._keys import at_least, certainty
from pgproof.rules.reading import unanswered
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="INT06", slug="orphan-rows", severity="high", needs=("catalog", "data"))


def questions(facts: Facts) -> Iterator[Orphans]:
    """Ask how many rows of each foreign key that was not checked refer to nothing."""
    for table, key, parent in _unchecked(facts):
        yield _question(table, key, parent)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each foreign key with rows that refer to nothing."""
    for table, key, parent in _unchecked(facts):
        answer = facts.answer(_question(table, key, parent))
        if answer is None or answer.counts is None:
            yield unanswered(facts, _question(table, key, parent), table, *key.columns)
        elif not answer.counts.rows:
            if not answer.counts.exact:
                yield NotChecked("a count of the whole table (--data exact)", (table_ref(table, *key.columns),))
        else:
            listed = ", ".join(key.columns)
            rows = f"{at_least(answer.counts)}{answer.counts.rows:,} of {answer.counts.rows_examined:,} rows"
            how = "were there before the foreign key" if key.enforced else "came while its checks were off, as they are"
            yield METADATA.finding(
                objects=(table_ref(table, *key.columns),),
                message=f"{table.qualified_name} ({listed}) refers to missing rows of {parent.qualified_name}",
                consequence=f"{rows} {how}: joins lose them, and {key.name} cannot be validated.",
                severity=None if key.enforced else "critical",
                confidence=certainty(answer.counts),
                evidence=(counted(answer, f"{rows} refer to nothing"),),
                remedy=_remedy(table, key, listed),
                related=(table_ref(parent),),
            )


def _unchecked(facts: Facts) -> Iterator[tuple[Table, Constraint, Table]]:
    for table in facts.catalog.tables:
        if table.extension is not None:
            continue
        for key in table.foreign_keys:
            if key.from_parent or (key.validated and key.enforced):
                continue
            parent = facts.catalog.table(key.referenced or 0)
            # A reference to a period is met by several rows together, which the question does not look for.
            if parent is not None and not key.period:
                yield table, key, parent


def _question(table: Table, key: Constraint, parent: Table) -> Orphans:
    return Orphans(table.qualified_name, key.columns, parent.qualified_name, key.referenced_columns)


def _remedy(table: Table, key: Constraint, listed: str) -> Remedy:
    switch_on = "" if key.enforced else "switch its checks on, "
    return Remedy(
        f"Mend ({listed}) of these rows, set it to NULL or move the rows aside; then {switch_on}run ALTER TABLE"
        f" {quoted(table.schema, table.name)} VALIDATE CONSTRAINT {quoted(key.name)}."
    )


_ORPHANS = """
    CREATE TABLE parents (id int PRIMARY KEY);
    INSERT INTO parents VALUES (1);
    CREATE TABLE children (id int PRIMARY KEY, parent int);
    INSERT INTO children VALUES (1, 1), (2, 7), (3, NULL);
"""
_NOT_VALID = "ALTER TABLE children ADD FOREIGN KEY (parent) REFERENCES parents NOT VALID;"

BAD = (
    Example(
        "rows from before a foreign key that was never validated",
        sql=_ORPHANS + _NOT_VALID,
        objects=("children", "parent"),
    ),
    Example(
        "rows that came while the checks were off",
        sql="""
            CREATE TABLE parents (id int PRIMARY KEY);
            CREATE TABLE children (id int PRIMARY KEY, parent int REFERENCES parents);
            ALTER TABLE children DISABLE TRIGGER ALL;
            INSERT INTO children VALUES (2, 7);
        """,
        objects=("children", "parent"),
    ),
    Example(
        "a reference of two columns, of rows of a partition",
        sql="""
            CREATE TABLE parents (a int, b int, PRIMARY KEY (a, b));
            CREATE TABLE logs (at date, a int, b int) PARTITION BY RANGE (at);
            CREATE TABLE logs_1 PARTITION OF logs DEFAULT;
            INSERT INTO logs VALUES ('2020-01-01', 1, 2);
            ALTER TABLE logs_1 ADD FOREIGN KEY (a, b) REFERENCES parents NOT VALID;
        """,
        objects=("logs_1", "a", "b"),
    ),
    Example(
        "rows of a partitioned table that came while the checks were off, told once",
        sql="""
            CREATE TABLE parents (id int PRIMARY KEY);
            CREATE TABLE logs (at date, parent int REFERENCES parents) PARTITION BY RANGE (at);
            CREATE TABLE logs_1 PARTITION OF logs DEFAULT;
            ALTER TABLE logs DISABLE TRIGGER ALL;
            ALTER TABLE logs_1 DISABLE TRIGGER ALL;
            INSERT INTO logs VALUES ('2020-01-01', 7);
        """,
        objects=("logs", "parent"),
    ),
)
GOOD = (
    Example(
        "rows of an extension's table",
        sql=_ORPHANS + _NOT_VALID,
        given=(given.table("children", extension="postgis"),),
        renamed=False,
    ),
    Example(
        "a foreign key that was never validated, which every row keeps to",
        sql=_ORPHANS + "DELETE FROM children WHERE id = 2;" + _NOT_VALID,
    ),
    Example("rows that nothing declares a reference of", sql=_ORPHANS.replace("parent int", "parents_id int")),
    Example(
        "a reference of two columns that gives one of them",
        sql="""
            CREATE TABLE parents (a int, b int, PRIMARY KEY (a, b));
            CREATE TABLE children (id int PRIMARY KEY, a int, b int);
            INSERT INTO children VALUES (1, 7, NULL);
            ALTER TABLE children ADD FOREIGN KEY (a, b) REFERENCES parents NOT VALID;
        """,
    ),
    Example(
        "rows that an audit may not count",
        sql=_ORPHANS + _NOT_VALID,
        given=(given.table("children", calls_user_code=True),),
        renamed=False,
    ),
)
