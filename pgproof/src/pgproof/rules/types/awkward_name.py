"""A name that has to be quoted, or that PostgreSQL has cut.

What it finds:
    Tables and columns whose name is a reserved word (user, order, group) or has capitals, spaces or other characters
    that an unquoted name cannot have; and tables, columns, indexes and constraints whose name is as long as
    PostgreSQL allows, 63 bytes, and was not made up by PostgreSQL itself.

Why it matters:
    Each statement written by hand has to quote the name, and `SELECT user FROM accounts` means something else
    without an error. A longer name is cut in silence, so a migration that looks for it by its full name, or gives two
    names that differ behind the 63rd byte, does not find what it made.

Evidence:
    The name in pg_class, pg_attribute or pg_constraint.

Remedy:
    `op.rename_table`, `op.alter_column(new_column_name=...)` or `ALTER INDEX ... RENAME`, with the application's
    release; in the model `mapped_column("user_id")` keeps the attribute's name. A naming convention of the MetaData
    shortens long names with a hash.

When to ignore:
    An ORM quotes for you, and nobody writes SQL by hand; or the name comes from another system.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pgproof.facts.catalog import Table
from pgproof.facts.model import Facts
from pgproof.remedy.names import literal, quoted
from pgproof.rules.finding import Evidence, Finding, NotChecked, ObjectRef, Remedy, constraint_ref, index_ref, table_ref
from pgproof.rules.reading import own_columns, regclass
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="TYP08", slug="name-over-63-bytes-reserved-or-quoted", severity="low", opinion=True)

LONGEST = 63
"""Bytes of a name (NAMEDATALEN - 1); PostgreSQL cuts what is longer."""

RESERVED = frozenset(
    re.findall(
        r"\w+",
        """
    all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation
    column concurrently constraint create cross current_catalog current_date current_role current_schema current_time
    current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze
    from full grant group having ilike in initially inner intersect into is isnull join lateral leading left like limit
    localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing primary references
    returning right select session_user similar some symmetric system_user table tablesample then to trailing true
    union unique user using variadic verbose when where window with
    """,
    )
)
"""Words that no table or column can be called without quotes in PostgreSQL 15 to 18.

Source: pg_get_keywords(), categories R and T; PostgreSQL documentation, "SQL Key Words".
"""

_PLAIN = re.compile(r"[a-z_\x80-\U0010ffff][a-z0-9_$\x80-\U0010ffff]*")
_MADE_UP = re.compile(r"_(pkey|key|idx|fkey|check|excl|not_null)\d*\Z")
"""How names end that PostgreSQL makes up, and shortens itself."""


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each name that has to be quoted, and each that is as long as a name can be."""
    for table in facts.catalog.base_tables:
        if _needs_quotes(table.name):
            yield _quoted(table, (table.name,), table_ref(table))
        columns = own_columns(facts.catalog, table)
        awkward = tuple(column.name for column in columns if _needs_quotes(column.name))
        if awkward:
            yield _quoted(table, awkward, table_ref(table, *awkward))
        if _is_full(table.name):
            yield _cut(table, table_ref(table), "table")
        for column in columns:
            if _is_full(column.name):
                yield _cut(table, table_ref(table, column.name), "column")
        for constraint in table.constraints:
            if constraint.local and _is_cut(constraint.name):
                yield _cut(table, constraint_ref(table, constraint), "constraint")
        for index in table.indexes:
            # One that carries a constraint has its name.
            if index.constraint is None and _is_cut(index.name):
                yield _cut(table, index_ref(table, index), "index")


def _needs_quotes(name: str) -> bool:
    return name in RESERVED or not _PLAIN.fullmatch(name)


def _is_full(name: str) -> bool:
    return len(name.encode()) >= LONGEST


def _is_cut(name: str) -> bool:
    return _is_full(name) and not _MADE_UP.search(name)


def _quoted(table: Table, names: tuple[str, ...], ref: ObjectRef) -> Finding:
    reserved = [name for name in names if name in RESERVED]
    listed = ", ".join(quoted(name) for name in names)
    why = "a reserved word" if reserved else "capitals or other characters"
    subject = f"the columns {listed} of {table.qualified_name}" if ref.columns else f"the table {listed}"
    return METADATA.finding(
        objects=(ref,),
        message=f"{subject} must be quoted in every statement: {why}",
        consequence="A statement written by hand without quotes fails, or reads something else.",
        evidence=(
            Evidence("catalog", f"SELECT {', '.join(f'quote_ident({literal(name)})' for name in names)}", listed),
        ),
        remedy=Remedy("Rename it in lower case with underscores, together with the application that uses it."),
    )


def _cut(table: Table, ref: ObjectRef, kind: str) -> Finding:
    name = ref.columns[0] if kind == "column" else ref.name
    return METADATA.finding(
        objects=(ref,),
        message=f"the name of the {kind} {name} of {table.qualified_name} is as long as a name can be, {LONGEST} bytes",
        consequence="What was longer has been cut without an error, so a script that looks for the full name fails.",
        evidence=(Evidence("catalog", _length(table, ref, kind), str(len(name.encode()))),),
        remedy=Remedy("Rename it to something shorter, and let a naming convention shorten the names of constraints."),
    )


def _length(table: Table, ref: ObjectRef, kind: str) -> str:
    match kind:
        case "column":
            return (
                f"SELECT octet_length(attname::text) FROM pg_attribute WHERE attrelid = {regclass(table)}"
                f" AND attname = {literal(ref.columns[0])}"
            )
        case "constraint":
            return (
                f"SELECT octet_length(conname::text) FROM pg_constraint WHERE conrelid = {regclass(table)}"
                f" AND conname = {literal(ref.name)}"
            )
        case _:
            return (
                "SELECT octet_length(relname::text) FROM pg_class"
                f" WHERE oid = {literal(quoted(table.schema, ref.name))}::regclass"
            )


_LONG = "a" * 63
BAD = (
    Example(
        "a reserved word as a table's name",
        sql='CREATE TABLE "user" (id int PRIMARY KEY)',
        objects=("user",),
        renamed=False,
        says=('the table "user" must be quoted in every statement: a reserved word',),
    ),
    Example(
        "columns with capitals, with a space, and a reserved one",
        sql='CREATE TABLE t (id int PRIMARY KEY, "createdAt" date, "first name" text, "order" int, "2nd" int, ok int)',
        objects=("createdAt", "first name", "order", "2nd"),
        renamed=False,
    ),
    Example(
        "a table, a column, a constraint and an index of 63 bytes",
        sql=f"""
            CREATE TABLE {_LONG} (id int, {_LONG} int, CONSTRAINT {"c" * 63} UNIQUE (id));
            CREATE INDEX {"i" * 63} ON {_LONG} (id, {_LONG});
        """,
        findings=4,
        objects=(_LONG, "c" * 63, "i" * 63),
        renamed=False,
    ),
    Example(
        "63 bytes, though fewer characters",
        sql=f"CREATE TABLE t (id int PRIMARY KEY, {'é' * 31}x int)",
        objects=("é" * 31 + "x",),
        renamed=False,
        says=("the name of the column é",),
    ),
    Example(
        "columns with capitals",
        sql='CREATE TABLE t (id int PRIMARY KEY, "createdAt" date, "updatedAt" date)',
        says=('the columns "createdAt", "updatedAt" of', "every statement: capitals or other characters"),
        objects=("createdAt", "updatedAt"),
        renamed=False,
    ),
    Example(
        "a check of 63 bytes that a child inherits, told once",
        sql=f"CREATE TABLE p (id int CONSTRAINT {'c' * 63} CHECK (id > 0)); CREATE TABLE c () INHERITS (p)",
        objects=("c" * 63,),
        renamed=False,
    ),
)
GOOD = (
    Example("plain names", sql="CREATE TABLE t (id int PRIMARY KEY, first_name text, x2 int, a$b int)", renamed=False),
    Example(
        "words that only sound reserved",
        sql="CREATE TABLE users (id int PRIMARY KEY, name text, value text, type text, date date, role text)",
        renamed=False,
    ),
    Example("letters of other scripts need no quotes", sql="CREATE TABLE café (âge int PRIMARY KEY)", renamed=False),
    Example(
        "one byte less than a name may have",
        sql=f"CREATE TABLE t (id int CONSTRAINT {'c' * 62} PRIMARY KEY)",
        renamed=False,
    ),
    Example(
        "names that PostgreSQL made up and shortened itself",
        sql=f"""
            CREATE TABLE {"t" * 40} ({"c" * 40} int UNIQUE, {"d" * 40} int, CHECK ({"c" * 40} > 0));
            CREATE INDEX ON {"t" * 40} ({"d" * 40}, {"c" * 40});
        """,
        renamed=False,
    ),
    Example(
        "a partition has its parent's columns, and a view is nobody's table",
        sql="""
            CREATE TABLE t (id int) PARTITION BY RANGE (id);
            CREATE TABLE "T 1" PARTITION OF t DEFAULT;
            CREATE VIEW "V" AS SELECT id AS "Id" FROM t;
        """,
        renamed=False,
    ),
)
