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
from pgproof.facts.questions import Answer, Counts, Orphans
from pgproof.remedy.names import quoted
from pgproof.rules import given
from pgproof.rules.finding import Finding, NotChecked, Remedy, counted, table_ref
from pgproof.rules.integrity._foreign_keys import parent_of
from pgproof.rules.integrity._keys import at_least, certainty, not_told, sentence, told
from pgproof.rules.integrity._moves import orphans_moved
from pgproof.rules.integrity._stated import unread
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="INT06", slug="orphan-rows", severity="high", needs=("catalog", "data"))


def questions(facts: Facts) -> Iterator[Orphans]:
    """Ask how many rows of each foreign key that was not checked refer to nothing."""
    for table, key, parent in _unchecked(facts):
        yield _question(table, key, parent)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each foreign key with rows that refer to nothing."""
    for table, key, parent in _unchecked(facts):
        question = _question(table, key, parent)
        found = told(facts, question)
        if found is None:
            yield not_told(facts, table, question, columns=key.columns)
        elif found[1].rows:
            yield _finding(facts, table, key, parent, *found)


def _finding(facts: Facts, table: Table, key: Constraint, parent: Table, answer: Answer, counts: Counts) -> Finding:
    listed = ", ".join(key.columns)
    rows = f"{at_least(counts, counts.rows)} of {counts.rows_examined:,} rows"
    if key.enforced:
        severity, how = METADATA.severity, "were there before the foreign key"
    else:
        severity, how = "critical", "came while its checks were off, as they are"
    return METADATA.finding(
        objects=(table_ref(table, *key.columns),),
        message=f"{table.qualified_name} ({listed}) refers to missing rows of {parent.qualified_name}",
        consequence=sentence(f"{rows} {how}: joins lose them, and {key.name} cannot be validated."),
        severity=severity,
        confidence=certainty(counts),
        evidence=(counted(answer, f"{rows} refer to nothing"),),
        remedy=_remedy(facts, table, key, parent),
        related=(table_ref(parent),),
    )


def _unchecked(facts: Facts) -> Iterator[tuple[Table, Constraint, Table]]:
    for table in facts.catalog.tables:
        if table.extension is not None:
            continue
        for key in table.foreign_keys:
            if key.from_parent or (key.validated and key.enforced):
                continue
            parent = parent_of(facts.catalog, key)
            # A reference to a period is met by several rows together, which the question does not look for.
            if parent is not None and not key.period:
                yield table, key, parent


def _question(table: Table, key: Constraint, parent: Table) -> Orphans:
    return Orphans(table.qualified_name, key.columns, parent.qualified_name, key.referenced_columns)


def _remedy(facts: Facts, table: Table, key: Constraint, parent: Table) -> Remedy:
    validate = f"ALTER TABLE {quoted(table.schema, table.name)} VALIDATE CONSTRAINT {quoted(key.name)}"
    moves = orphans_moved(facts.catalog, table, key, parent)
    if moves:
        return Remedy(
            f"Mend these rows or set ({', '.join(key.columns)}) to NULL where you know better; move the others to the"
            f" schema quarantine, then run {validate}.",
            moves,
        )
    switch_on = "" if key.enforced else "switch its checks on, "
    return Remedy(
        f"Mend ({', '.join(key.columns)}) of these rows, set it to NULL or move the rows aside; then {switch_on}run"
        f" {validate}."
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
        severity="high",
        says=("1 of 3 rows were there before the foreign key", "move the others to the schema quarantine"),
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
        severity="critical",
        says=("1 of 1 rows came while its checks were off", "switch its checks on, run ALTER TABLE"),
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
    Example(
        "rows from before a foreign key, to which others refer",
        sql=_ORPHANS + _NOT_VALID + "CREATE TABLE notes (id int PRIMARY KEY, child int REFERENCES children)",
        says=("move the rows aside; then run ALTER TABLE",),
        objects=("children", "parent"),
    ),
    Example(
        "rows from before a foreign key, in a table too large to count",
        sql=_ORPHANS.replace("parent int)", "parent int) WITH (fillfactor = 10)")
        + "INSERT INTO children SELECT n, 7 FROM generate_series(4, 1000) n;"
        + _NOT_VALID,
        given=(given.table("children", bytes=(1 << 30) + 1),),
        says=("At least ",),
        renamed=False,
    ),
)
GOOD = (
    Example(
        "a reference to a period that two rows meet together",
        sql="""
            DO $do$ BEGIN
                IF current_setting('server_version_num')::int >= 180000 THEN
                    EXECUTE $q$
                    CREATE TABLE rooms (room int4range, free daterange, PRIMARY KEY (room, free WITHOUT OVERLAPS));
                    INSERT INTO rooms VALUES ('[1,1]', '[2020-01-01,2020-02-01)'), ('[1,1]', '[2020-02-01,2020-03-01)');
                    CREATE TABLE stays (id int PRIMARY KEY, room int4range, slept daterange);
                    INSERT INTO stays VALUES (1, '[1,1]', '[2020-01-30,2020-02-02)');
                    ALTER TABLE stays ADD FOREIGN KEY (room, PERIOD slept) REFERENCES rooms NOT VALID;
                    $q$;
                END IF;
            END $do$;
        """,
    ),
    Example(
        "rows that refer to a table of a schema that was not read",
        sql=_ORPHANS + _NOT_VALID,
        given=(unread("parents"),),
        renamed=False,
    ),
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
