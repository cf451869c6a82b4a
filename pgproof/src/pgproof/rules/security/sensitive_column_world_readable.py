"""Columns of secrets that every role may read.

What it finds:
    Tables, views and materialized views with columns named for passwords, tokens, keys, or numbers of persons and
    cards, on which SELECT is granted to PUBLIC, on the whole or on those columns, in a schema that PUBLIC may use.
    Tables with row security are left to their policies.

Why it matters:
    Every role that can connect reads them: the one for reports, the one for monitoring, and every one that is made
    later.

Evidence:
    pg_class.relacl and pg_attribute.attacl.

Remedy:
    `op.execute("REVOKE SELECT ON accounts FROM PUBLIC")`, after `GRANT SELECT (id, name) ON accounts TO reports`
    and the like for the roles that need some of it.

When to ignore:
    A column that is named for a secret and holds none.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.catalog import Table
from pgproof.facts.model import Facts
from pgproof.remedy.security import RevokeSelect
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, table_ref
from pgproof.rules.given import table as given_table
from pgproof.rules.reading import regclass
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.security._secrets import names_sensitive

METADATA = Metadata(code="SEC09", slug="sensitive-column-world-readable", severity="high")


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each relation whose secrets every role may read."""
    usable = {schema.name for schema in facts.catalog.schemas if schema.public_usage}
    for table in facts.catalog.tables:
        if table.extension is not None or table.schema not in usable or table.row_security:
            continue
        granted = {grant.column for grant in table.grants if grant.grantee is None and grant.privilege == "SELECT"}
        readable = tuple(
            column.name
            for column in table.columns
            if (None in granted or column.name in granted) and names_sensitive(table, column)
        )
        if readable:
            yield _finding(table, readable, granted)


def _finding(table: Table, readable: tuple[str, ...], granted: set[str | None]) -> Finding:
    listed = ", ".join(readable)
    one_by_one = tuple(column.name for column in table.columns if column.name in granted)
    whole = None in granted
    revoked = RevokeSelect(table.schema, table.name, whole, one_by_one if whole else readable)
    return METADATA.finding(
        objects=(table_ref(table, *readable),),
        message=f"every role may read {listed} of {table.qualified_name}",
        consequence="Whoever can connect as any role of the server reads these columns of every row.",
        evidence=(
            Evidence(
                "catalog",
                "SELECT relacl, (SELECT array_agg(attname || attacl::text) FROM pg_attribute"
                f" WHERE attrelid = c.oid) FROM pg_class c WHERE oid = {regclass(table)}",
                "SELECT is granted to PUBLIC",
            ),
        ),
        remedy=Remedy(
            f"Grant the roles that need some of it those columns by name, then {revoked.forward()[0]}.", (revoked,)
        ),
    )


_USE = "DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO PUBLIC', current_schema()); END $$;"
_TABLE = _USE + "CREATE TABLE t (id int PRIMARY KEY, name text, password_hash text, iban text);"

BAD = (
    Example("a table", sql=_TABLE + "GRANT SELECT ON t TO PUBLIC", objects=("password_hash", "iban")),
    Example(
        "a column",
        sql=_TABLE + "GRANT SELECT (name, iban) ON t TO PUBLIC",
        objects=("iban",),
        says=('then REVOKE SELECT ("iban") ON ',),
    ),
    Example("a table and a column", sql=_TABLE + "GRANT ALL ON t TO PUBLIC; GRANT SELECT (name, iban) ON t TO PUBLIC"),
    Example(
        "a view",
        sql=_TABLE + "CREATE VIEW v AS SELECT id, password_hash FROM t; GRANT SELECT ON v TO PUBLIC",
        objects=("v",),
    ),
    Example(
        "a token as bytes",
        sql=_USE + "CREATE TABLE t (id int PRIMARY KEY, access_token bytea); GRANT SELECT ON t TO PUBLIC",
        objects=("access_token",),
    ),
)
GOOD = (
    Example("nobody but the owner", sql=_TABLE),
    Example("one role", sql=_TABLE + "GRANT SELECT ON t TO pg_monitor"),
    Example("everybody may add", sql=_TABLE + "GRANT INSERT ON t TO PUBLIC"),
    Example("other columns", sql=_TABLE + "GRANT SELECT (id, name) ON t TO PUBLIC"),
    Example(
        "columns without a secret",
        sql=_USE + "CREATE TABLE t (id int PRIMARY KEY, name text); GRANT SELECT ON t TO PUBLIC",
    ),
    Example("a schema that nobody may use", sql=_TABLE.removeprefix(_USE) + "GRANT SELECT ON t TO PUBLIC"),
    Example(
        "policies say who sees which row",
        sql=_TABLE + "GRANT SELECT ON t TO PUBLIC; ALTER TABLE t ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY own ON t FOR SELECT USING (name = CURRENT_USER)",
    ),
    Example(
        "a table of an extension",
        sql=_TABLE + "GRANT SELECT ON t TO PUBLIC",
        given=(given_table("t", extension="some"),),
        renamed=False,
    ),
)
