"""A foreign key whose column has another type than the key it refers to.

What it finds:
    A foreign key whose integer is narrower than the key, whose text is shorter, or whose type is another one
    altogether (int and numeric, date and timestamp, char and text). varchar and text are one type here, a domain is
    the type below it, and a wider integer holds every key, so it is not reported.

Why it matters:
    A row whose key exceeds the narrower type cannot be referred to: the insert fails with "out of range", on the day
    the parent's sequence gets there. Where the types differ in kind, each check compares after a cast, so the
    deletion of a parent cannot use an index on the referencing column.

Evidence:
    pg_attribute and pg_constraint; for integers, how far the sequence behind the key has come.

Remedy:
    Give the column the key's type, in the model too. It rewrites the table under an exclusive lock: on a large one
    add a column of the right type, fill it in batches, and exchange the two.

When to ignore:
    The key's values are known to stay within the narrower type.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgproof.facts.catalog import Catalog, Column, Constraint, Table
from pgproof.facts.model import Facts
from pgproof.facts.objects import Sequence
from pgproof.remedy.names import literal, quoted
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, Remedy, Severity, constraint_ref, table_ref
from pgproof.rules.integrity._foreign_keys import parent_of
from pgproof.rules.integrity._stated import unread
from pgproof.rules.reading import regclass
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="INT07", slug="foreign-key-type-mismatch", severity="medium")

NEAR_SHARE = 0.5
"""Share of the narrower type's range from which on the day is near: the same growth again uses it up."""
HIGHEST = {"int2": 2**15 - 1, "int4": 2**31 - 1, "int8": 2**63 - 1}
"""The largest value of each integer type (PostgreSQL documentation, "Integer Types")."""


@dataclass(frozen=True)
class _Mismatch:
    """A column, the one it refers to, and what is wrong between them."""

    column: Column
    referenced: Column
    consequence: str
    severity: Severity | None = None


def check(facts: Facts) -> Iterator[Finding]:
    """Yield each foreign key with a column of another type than the one it refers to."""
    for table in facts.catalog.base_tables:
        for key in table.foreign_keys:
            parent = parent_of(facts.catalog, key)
            if parent is None:
                continue
            for name, referenced in zip(key.columns, key.referenced_columns, strict=True):
                mismatch = _mismatch(facts.catalog, table.column(name), parent, parent.column(referenced))
                if mismatch is not None:
                    yield _finding(table, key, parent, mismatch)


def _mismatch(catalog: Catalog, column: Column, parent: Table, referenced: Column) -> _Mismatch | None:
    if column.base_type in HIGHEST and referenced.base_type in HIGHEST:
        return _narrower_integer(catalog, column, parent, referenced)
    if _family(column) != _family(referenced):
        return _Mismatch(
            column,
            referenced,
            "Each check compares after a cast: deleting a parent cannot use an index on the referencing column, and"
            " values that look the same may not be equal.",
        )
    if column.length is not None and (referenced.length is None or referenced.length > column.length):
        longest = "of any length" if referenced.length is None else f"of up to {referenced.length:,} characters"
        return _Mismatch(
            column,
            referenced,
            f"Keys {longest} exist, and none above {column.length:,} characters can be referred to.",
            "low",
        )
    return None


def _narrower_integer(catalog: Catalog, column: Column, parent: Table, referenced: Column) -> _Mismatch | None:
    highest = HIGHEST[column.base_type]
    if highest >= HIGHEST[referenced.base_type]:
        return None
    sequence = _sequence_behind(catalog, parent, referenced)
    consequence = f"A row whose key exceeds {highest:,} cannot be referred to."
    if sequence is None or sequence.last_value is None:
        return _Mismatch(column, referenced, consequence)
    return _Mismatch(
        column,
        referenced,
        f"{consequence} The key has come to {sequence.last_value:,}.",
        "high" if sequence.last_value >= int(NEAR_SHARE * highest) else None,
    )


def _sequence_behind(catalog: Catalog, table: Table, column: Column) -> Sequence | None:
    place = (table.oid, column.name)
    return next((each for each in catalog.sequences if place in (each.owner, *each.feeds)), None)


def _family(column: Column) -> str:
    return "text" if column.base_type == "varchar" else column.base_type


def _finding(table: Table, key: Constraint, parent: Table, mismatch: _Mismatch) -> Finding:
    column, referenced = mismatch.column, mismatch.referenced
    return METADATA.finding(
        objects=(table_ref(table, column.name),),
        message=f"{table.qualified_name}.{column.name} is {column.type}, but {parent.qualified_name}.{referenced.name},"
        f" to which it refers, is {referenced.type}",
        consequence=mismatch.consequence,
        severity=mismatch.severity,
        evidence=(
            Evidence(
                "catalog",
                "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE"
                f" (attrelid = {regclass(table)} AND attname = {literal(column.name)})"
                f" OR (attrelid = {regclass(parent)} AND attname = {literal(referenced.name)})",
                f"{column.type} and {referenced.type}",
            ),
        ),
        remedy=Remedy(f"Give {quoted(column.name)} the type {referenced.type}, here and in the model."),
        related=(table_ref(parent, referenced.name), constraint_ref(table, key)),
    )


def _referring(child: str, parent: str, more: str = "") -> str:
    return f"""
        CREATE TABLE parents (id {parent} PRIMARY KEY);
        CREATE TABLE children (id int PRIMARY KEY, parent {child} REFERENCES parents);
        {more}
    """


BAD = (
    Example(
        "an int that refers to a bigint",
        sql=_referring("int", "bigint GENERATED ALWAYS AS IDENTITY"),
        objects=("children", "parent"),
        severity="medium",
        says=("cannot be referred to. Give",),
    ),
    Example(
        "an int that refers to a bigint whose sequence has come to the middle of the int",
        sql=_referring("int", "bigint GENERATED ALWAYS AS IDENTITY", "SELECT setval('parents_id_seq', 1073741823)"),
        objects=("children", "parent"),
        severity="high",
        says=("The key has come to 1,073,741,823.",),
    ),
    Example("a smallint that refers to an int", sql=_referring("smallint", "int"), objects=("children", "parent")),
    Example(
        "a type of one's own, with a cast, that refers to an int",
        sql="""
            CREATE TYPE size AS ENUM ('small', 'large');
            CREATE FUNCTION number(size) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT length($1::text)';
            CREATE CAST (size AS int) WITH FUNCTION number(size) AS IMPLICIT;
        """
        + _referring("size", "int"),
        objects=("children", "parent"),
    ),
    Example("an int that refers to a numeric", sql=_referring("int", "numeric"), objects=("children", "parent")),
    Example("a char that refers to a text", sql=_referring("char(3)", "varchar(3)"), objects=("children", "parent")),
    Example(
        "a varchar that is shorter than the key",
        sql=_referring("varchar(10)", "varchar(11)"),
        objects=("children", "parent"),
        severity="low",
        says=("Keys of up to 11 characters exist",),
    ),
    Example(
        "a varchar with a limit that the key has not",
        sql=_referring("varchar(10)", "text"),
        objects=("children",),
        severity="low",
        says=("Keys of any length exist",),
    ),
    Example(
        "a domain over another type, in a reference of two columns",
        sql="""
            CREATE DOMAIN small AS smallint;
            CREATE TABLE parents (a int, b bigint, PRIMARY KEY (a, b));
            CREATE TABLE children (a int, b small, FOREIGN KEY (a, b) REFERENCES parents);
        """,
        objects=("children", "b"),
    ),
    Example(
        "an int that refers to a bigint whose sequence is short of the middle of the int",
        sql=_referring("int", "bigint GENERATED ALWAYS AS IDENTITY", "SELECT setval('parents_id_seq', 1073741822)"),
        severity="medium",
        says=("The key has come to 1,073,741,822.",),
    ),
    Example(
        "an int that refers to a bigint which nothing counts up, beside a table whose keys are counted",
        sql="CREATE TABLE others (id bigserial); SELECT setval('others_id_seq', 2000000000);"
        + _referring("int", "bigint"),
        severity="medium",
        says=("cannot be referred to. Give",),
    ),
    Example(
        "an int that refers to a bigint whose default takes numbers from a sequence shared with others",
        sql="CREATE SEQUENCE numbers; SELECT setval('numbers', 2000000000);"
        + _referring("int", "bigint DEFAULT nextval('numbers')"),
        severity="high",
        says=("The key has come to 2,000,000,000.",),
    ),
)
GOOD = (
    Example(
        "a reference to a table of a schema that was not read",
        sql=_referring("int", "bigint"),
        given=(unread("parents"),),
        renamed=False,
    ),
    Example("the same type", sql=_referring("bigint", "bigint")),
    Example("a wider integer holds every key", sql=_referring("bigint", "int")),
    Example("a text that refers to a varchar", sql=_referring("text", "varchar(20)")),
    Example("a varchar that refers to a text", sql=_referring("varchar", "text")),
    Example("as long a varchar", sql=_referring("varchar(11)", "varchar(11)")),
    Example("a longer varchar", sql=_referring("varchar(12)", "varchar(11)")),
    Example("a domain over the same type", sql="CREATE DOMAIN key AS int;" + _referring("key", "int")),
    Example(
        "a sequence of another table",
        sql=_referring("int", "int") + "CREATE TABLE others (id bigint GENERATED ALWAYS AS IDENTITY)",
        given=(given.sequence("others_id_seq", last_value=2**40),),
        renamed=False,
    ),
)
