"""Schemas in which every role may create objects.

What it finds:
    Schemas on which CREATE is granted to PUBLIC. Up to PostgreSQL 14 the schema public was made so, and an upgrade
    keeps it.

Why it matters:
    Any role that can connect puts a function or a table there that bears the name of one that others call without its
    schema, and its code runs with their rights (CVE-2018-1058).

Evidence:
    pg_namespace.nspacl.

Remedy:
    `op.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")`, after the roles that make tables there were granted
    it by name.

When to ignore:
    A database to which one role alone can connect.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.model import Facts
from pgproof.remedy.names import literal
from pgproof.remedy.security import RevokeSchemaCreate
from pgproof.rules.finding import Evidence, Finding, NotChecked, ObjectRef, Remedy
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="SEC04", slug="public-schema-writable", severity="medium")


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each schema on which CREATE is granted to PUBLIC."""
    for schema in facts.catalog.schemas:
        if not schema.public_create:
            continue
        if not schema.public_usage:
            # Without USAGE nobody can name what is created there.
            continue
        yield METADATA.finding(
            objects=(ObjectRef("schema", schema.name, schema.name),),
            message=f"every role may create objects in the schema {schema.name}",
            consequence="A function or table put there under a name that others call without its schema runs with their"
            " rights.",
            evidence=(
                Evidence(
                    "catalog",
                    f"SELECT nspacl FROM pg_namespace WHERE nspname = {literal(schema.name)}",
                    "CREATE is granted to PUBLIC",
                ),
            ),
            remedy=Remedy(
                "Grant CREATE to the roles that make tables there by name, then revoke it from PUBLIC.",
                (RevokeSchemaCreate(schema.name),),
            ),
        )


def _granted(rights: str, to: str = "PUBLIC") -> str:
    return f"DO $$ BEGIN EXECUTE format('GRANT {rights} ON SCHEMA %I TO {to}', current_schema()); END $$"


BAD = (
    Example("a schema as public once was", sql=_granted("CREATE, USAGE")),
    Example("a schema with tables", sql=f"CREATE TABLE t (id int PRIMARY KEY); {_granted('ALL')}"),
)
GOOD = (
    Example("a schema that nobody was granted", sql="CREATE TABLE t (id int PRIMARY KEY)"),
    Example("everybody may use it", sql=_granted("USAGE")),
    Example("one role may create", sql=_granted("CREATE, USAGE", "pg_monitor")),
    Example("nobody could name what they create", sql=_granted("CREATE")),
)
