"""A foreign key that says again, or says less than, what another one says.

What it finds:
    Two foreign keys over the same columns to the same columns of the same table, and a foreign key whose columns are
    a part of another's to the same table, where all columns of the wider one are required: it then implies the other.
    Two keys of one table with a column in common that say different things (the sender and the recipient of one
    tenant) are not reported, nor is a wider key with optional columns, which is not checked where one is NULL.

Why it matters:
    Each write checks the same thing twice. Where the two differ in what happens to the row when its parent goes,
    readers of the schema see one of the answers and the database does the other.

Evidence:
    pg_constraint.

Remedy:
    Drop the one that is not needed: `op.drop_constraint("name", "table", type_="foreignkey")`, and its ForeignKey or
    ForeignKeyConstraint in the model.

When to ignore:
    A relationship of the ORM is built on the narrower one; then its ForeignKey may stay in the model alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.catalog import Catalog, Constraint, Table
from pgproof.facts.model import Facts
from pgproof.remedy.constraints import DropConstraint
from pgproof.rules.finding import Evidence, Finding, Remedy, constraint_ref
from pgproof.rules.integrity._foreign_keys import behaviour, definition, parent_of
from pgproof.rules.integrity._keys import own_references, required
from pgproof.rules.integrity._stated import unread
from pgproof.rules.reading import regclass
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="INT08", slug="duplicate-foreign-key", severity="low")


def check(facts: Facts) -> Iterator[Finding]:
    """Yield each foreign key that another makes needless."""
    for table in facts.catalog.base_tables:
        for key in own_references(table):
            by = next((other for other in own_references(table) if _makes_needless(table, other, key)), None)
            if by is not None:
                yield _finding(facts.catalog, table, key, by)


def _makes_needless(table: Table, by: Constraint, key: Constraint) -> bool:
    if by.referenced != key.referenced or by.period != key.period:
        return False
    says, says_by = _pairs(key), _pairs(by)
    if says == says_by:
        return _strength(by) > _strength(key)
    return says.issubset(says_by) and required(table, by.columns) and by.validated and by.enforced


def _pairs(key: Constraint) -> set[tuple[str, str]]:
    return set(zip(key.columns, key.referenced_columns, strict=True))


def _strength(key: Constraint) -> tuple[bool, bool, int]:
    """Return the order in which keys that say the same are kept: one that holds, then the older one."""
    return key.enforced, key.validated, -key.oid


def _finding(catalog: Catalog, table: Table, key: Constraint, by: Constraint) -> Finding:
    if behaviour(key) == behaviour(by):
        severity, consequence, remedy = METADATA.severity, "Each write checks it twice.", _drop(catalog, table, key)
    else:
        severity = "medium"
        consequence = f"They disagree: {key.name} says {behaviour(key)}, {by.name} says {behaviour(by)}."
        remedy = Remedy(f"Decide which of the two is meant, and drop the other: {key.name} or {by.name}.")
    return METADATA.finding(
        objects=(constraint_ref(table, key),),
        message=f"foreign key {key.name} of {table.qualified_name} says no more than {by.name}",
        consequence=consequence,
        severity=severity,
        evidence=(
            Evidence(
                "catalog",
                "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f' AND conrelid ="
                f" {regclass(table)}",
                f"{key.name} ({', '.join(key.columns)}) and {by.name} ({', '.join(by.columns)})",
            ),
        ),
        remedy=remedy,
        related=(constraint_ref(table, by),),
    )


def _drop(catalog: Catalog, table: Table, key: Constraint) -> Remedy:
    parent = parent_of(catalog, key)
    # The way back cannot make a key that is switched off, nor one of a period.
    if parent is None or not key.enforced or key.period:
        return Remedy(f"Drop {key.name}; nothing here can make it again as it is.")
    drop = DropConstraint(table.schema, table.name, key.name, definition(key, parent))
    return Remedy(f"Drop {key.name}.", (drop,))


_TENANT = """
    CREATE TABLE users (tenant int, id int UNIQUE, PRIMARY KEY (tenant, id));
    CREATE TABLE notes (
        id int PRIMARY KEY, tenant int {0}, author int NOT NULL CONSTRAINT narrow REFERENCES users (id),
        CONSTRAINT wide FOREIGN KEY (tenant, author) REFERENCES users
    );
    CREATE INDEX ON notes (author);
    CREATE INDEX ON notes (tenant, author);
"""
_TWICE = """
    CREATE TABLE a (id int PRIMARY KEY, code int UNIQUE);
    CREATE TABLE b (
        id int PRIMARY KEY, a int CONSTRAINT one REFERENCES a, CONSTRAINT two FOREIGN KEY (a) REFERENCES a {0}
    );
    CREATE INDEX ON b (a);
"""

BAD = (
    Example(
        "a reference declared twice",
        sql=_TWICE.format(""),
        objects=("two",),
        severity="low",
        says=("Each write checks it twice.", "Drop two."),
    ),
    Example(
        "a reference declared twice, of which one was never validated",
        sql="""
            CREATE TABLE a (id int PRIMARY KEY);
            CREATE TABLE b (id int PRIMARY KEY, a int);
            CREATE INDEX ON b (a);
            ALTER TABLE b ADD CONSTRAINT older FOREIGN KEY (a) REFERENCES a NOT VALID;
            ALTER TABLE b ADD CONSTRAINT younger FOREIGN KEY (a) REFERENCES a;
        """,
        objects=("older",),
    ),
    Example(
        "two answers to a parent that goes",
        sql=_TWICE.format("ON DELETE CASCADE"),
        objects=("two",),
        severity="medium",
        says=("two says ON UPDATE NO ACTION ON DELETE CASCADE, one says ON UPDATE NO ACTION ON DELETE NO ACTION",),
    ),
    Example(
        "two moments of checking",
        sql=_TWICE.format("DEFERRABLE"),
        objects=("two",),
        severity="medium",
        says=("two says ON UPDATE NO ACTION ON DELETE NO ACTION DEFERRABLE INITIALLY IMMEDIATE",),
    ),
    Example(
        "three of them, with actions, over two columns in either order",
        sql="""
            CREATE TABLE a (x int, y int, PRIMARY KEY (x, y), UNIQUE (y, x));
            CREATE TABLE b (
                id int PRIMARY KEY, x int, y int,
                CONSTRAINT one FOREIGN KEY (x, y) REFERENCES a MATCH FULL ON DELETE SET NULL ON UPDATE CASCADE
                    DEFERRABLE INITIALLY DEFERRED,
                CONSTRAINT two FOREIGN KEY (y, x) REFERENCES a (y, x) MATCH FULL ON DELETE SET NULL ON UPDATE CASCADE
                    DEFERRABLE INITIALLY DEFERRED,
                CONSTRAINT three FOREIGN KEY (x, y) REFERENCES a MATCH FULL ON DELETE SET NULL ON UPDATE CASCADE
                    DEFERRABLE INITIALLY DEFERRED
            );
            CREATE INDEX ON b (x, y);
        """,
        findings=2,
        objects=("three", "two"),
    ),
    Example(
        "the columns that become NULL, named",
        sql="""
            CREATE TABLE a (x int, y int, PRIMARY KEY (x, y));
            CREATE TABLE b (
                id int PRIMARY KEY, x int NOT NULL, y int,
                CONSTRAINT one FOREIGN KEY (x, y) REFERENCES a ON DELETE SET NULL (y),
                CONSTRAINT two FOREIGN KEY (x, y) REFERENCES a ON DELETE SET NULL (y)
            );
            CREATE INDEX ON b (x, y);
        """,
        objects=("two",),
    ),
    Example("a part of a wider reference", sql=_TENANT.format("NOT NULL"), objects=("narrow",)),
    Example(
        "a reference declared twice, of which one is switched off",
        sql=_TWICE.format("")
        + """
            ; DO $do$ DECLARE name text; BEGIN
                FOR name IN SELECT tgname FROM pg_trigger AS t JOIN pg_constraint AS c ON c.oid = t.tgconstraint
                            WHERE c.conname = 'two' AND c.conrelid = 'b'::regclass AND tgrelid = 'b'::regclass
                LOOP EXECUTE format('ALTER TABLE b DISABLE TRIGGER %I', name); END LOOP;
            END $do$;
        """,
        says=("nothing here can make it again",),
    ),
    Example(
        "a reference declared twice, to a table of a schema that was not read",
        sql=_TWICE.format(""),
        given=(unread("a"),),
        says=("nothing here can make it again",),
        renamed=False,
    ),
    Example(
        "a reference declared twice that is of a period, or switched off on older servers",
        sql="""
            CREATE TABLE stays (id int PRIMARY KEY, room int4range, slept daterange);
            DO $do$ DECLARE fired text; BEGIN
                IF current_setting('server_version_num')::int >= 180000 THEN
                    EXECUTE $q$
                    CREATE TABLE rooms (room int4range, free daterange, PRIMARY KEY (room, free WITHOUT OVERLAPS));
                    ALTER TABLE stays
                        ADD CONSTRAINT one FOREIGN KEY (room, PERIOD slept) REFERENCES rooms,
                        ADD CONSTRAINT two FOREIGN KEY (room, PERIOD slept) REFERENCES rooms;
                    $q$;
                ELSE
                    CREATE TABLE rooms (room int4range, free daterange, PRIMARY KEY (room, free));
                    ALTER TABLE stays
                        ADD CONSTRAINT one FOREIGN KEY (room, slept) REFERENCES rooms,
                        ADD CONSTRAINT two FOREIGN KEY (room, slept) REFERENCES rooms;
                    FOR fired IN SELECT tgname FROM pg_trigger AS t JOIN pg_constraint AS c ON c.oid = t.tgconstraint
                                 WHERE c.conname = 'two' AND tgrelid = 'stays'::regclass
                    LOOP EXECUTE format('ALTER TABLE stays DISABLE TRIGGER %I', fired); END LOOP;
                END IF;
            END $do$;
        """,
        says=("nothing here can make it again",),
        objects=("two",),
    ),
)
GOOD = (
    Example(
        "a reference to a period, and one to its exact bounds",
        sql="""
            DO $do$ BEGIN
                IF current_setting('server_version_num')::int >= 180000 THEN
                    EXECUTE $q$
                    CREATE TABLE rooms (
                        room int4range, free daterange, PRIMARY KEY (room, free), UNIQUE (room, free WITHOUT OVERLAPS)
                    );
                    CREATE TABLE stays (
                        id int PRIMARY KEY, room int4range, slept daterange,
                        FOREIGN KEY (room, slept) REFERENCES rooms (room, free),
                        FOREIGN KEY (room, PERIOD slept) REFERENCES rooms (room, PERIOD free)
                    );
                    $q$;
                END IF;
            END $do$;
        """,
    ),
    Example(
        "one column that refers to two tables, and to two keys of one table",
        sql="""
            CREATE TABLE a (id int PRIMARY KEY, code int UNIQUE);
            CREATE TABLE c (id int PRIMARY KEY);
            CREATE TABLE b (id int PRIMARY KEY REFERENCES a REFERENCES c, FOREIGN KEY (id) REFERENCES a (code));
        """,
    ),
    Example("a part of a wider reference that is optional", sql=_TENANT.format("")),
    Example(
        "a part of a wider reference that was never validated",
        sql=_TENANT.format("NOT NULL")
        + """
            ALTER TABLE notes DROP CONSTRAINT wide;
            ALTER TABLE notes ADD FOREIGN KEY (tenant, author) REFERENCES users NOT VALID;
        """,
    ),
    Example(
        "a part of a wider reference that is switched off",
        sql=_TENANT.format("NOT NULL") + "ALTER TABLE notes DISABLE TRIGGER ALL",
    ),
    Example(
        "the sender and the recipient, of one tenant",
        sql="""
            CREATE TABLE users (tenant int, id int, PRIMARY KEY (tenant, id));
            CREATE TABLE mails (
                id int PRIMARY KEY, tenant int NOT NULL, sender int NOT NULL, recipient int NOT NULL,
                FOREIGN KEY (tenant, sender) REFERENCES users, FOREIGN KEY (tenant, recipient) REFERENCES users
            );
        """,
    ),
    Example(
        "a reference to a partitioned table has a copy for each partition",
        sql="""
            CREATE TABLE a (id int PRIMARY KEY) PARTITION BY RANGE (id);
            CREATE TABLE a_1 PARTITION OF a DEFAULT;
            CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a);
        """,
    ),
)
