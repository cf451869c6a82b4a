"""What stands in the way of an upgrade: extensions left behind, and columns that pg_upgrade refuses.

What it finds:
    Extensions at an older version than the one the server would install, extensions whose files the server no
    longer has, and columns of types that pg_upgrade cannot carry over: regproc and its like, which hold the number
    of an object that changes, and aclitem up to PostgreSQL 15.

Why it matters:
    The library is the new one and its SQL the old: functions are missing and corrections did not arrive. A cluster with
    such a column or without such files cannot be upgraded in place, which is found out on the day of the upgrade.

Evidence:
    pg_extension, pg_available_extensions and pg_attribute.

Remedy:
    `op.execute("ALTER EXTENSION x UPDATE")`; the column as text with the name, or as oid.

When to ignore:
    An extension that another part of the system holds at a version.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from pgproof.facts.catalog import Column, Table
from pgproof.facts.model import Facts
from pgproof.facts.objects import Extension
from pgproof.remedy.extensions import UpdateExtension
from pgproof.remedy.names import literal
from pgproof.rules.finding import Evidence, Finding, NotChecked, ObjectRef, Remedy, table_ref
from pgproof.rules.given import database
from pgproof.rules.given import table as given_table
from pgproof.rules.reading import own_columns, regclass
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="SEC08", slug="outdated-extension", severity="low")

NUMBERED = frozenset(
    ("regcollation", "regconfig", "regdictionary", "regnamespace", "regoper", "regoperator", "regproc", "regprocedure")
)
"""Types whose values pg_upgrade refuses (pgupgrade, Notes); regclass, regrole and regtype it keeps."""
ACL_ITEM, ACL_ITEM_CHANGED = "aclitem", 160_000
"""The form of aclitem changed with PostgreSQL 16."""
_STORED = ("table", "partitioned table", "materialized view")


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield extensions that are behind, and columns that pg_upgrade refuses."""
    for extension in facts.catalog.extensions:
        if extension.default_version is None:
            yield _no_files(extension)
        elif _number(extension.version) < _number(extension.default_version):
            yield _behind(extension, extension.default_version)
    refused = NUMBERED if facts.database.server_version_num >= ACL_ITEM_CHANGED else NUMBERED | {ACL_ITEM}
    for table in facts.catalog.tables:
        if table.kind not in _STORED or table.extension is not None:
            continue
        for column in own_columns(facts.catalog, table):
            if column.base_type in refused or column.element_type in refused:
                yield _refused(table, column)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"[0-9]+", version))


def _behind(extension: Extension, newest: str) -> Finding:
    return METADATA.finding(
        objects=(_ref(extension),),
        message=f"the extension {extension.name} is at {extension.version}, and the server has {newest}",
        consequence="Its library is the new one, and its SQL the old one: what came since is missing.",
        evidence=(_available(extension, f"{extension.version}, {newest}"),),
        remedy=Remedy(
            f"ALTER EXTENSION {extension.name} UPDATE, after its release notes.",
            (UpdateExtension(extension.name, newest),),
        ),
    )


def _no_files(extension: Extension) -> Finding:
    return METADATA.finding(
        objects=(_ref(extension),),
        severity="medium",
        message=f"the extension {extension.name} is created here, and the server has no files for it",
        consequence="A dump cannot be restored on this server, pg_upgrade stops, and its functions may fail.",
        evidence=(_available(extension, f"{extension.version}, NULL"),),
        remedy=Remedy("Install its package again, or DROP EXTENSION where nothing uses it."),
    )


def _available(extension: Extension, result: str) -> Evidence:
    return Evidence(
        "catalog",
        "SELECT x.extversion, a.default_version FROM pg_extension x LEFT JOIN pg_available_extensions a"
        f" ON a.name = x.extname WHERE x.extname = {literal(extension.name)}",
        result,
    )


def _ref(extension: Extension) -> ObjectRef:
    return ObjectRef("extension", None, extension.name)


def _refused(table: Table, column: Column) -> Finding:
    return METADATA.finding(
        objects=(table_ref(table, column.name),),
        severity="medium",
        message=f"{table.qualified_name}.{column.name} is of the type {column.type}, which pg_upgrade refuses",
        consequence="The cluster cannot be upgraded in place to another major version as long as it is there.",
        evidence=(
            Evidence(
                "catalog",
                f"SELECT atttypid::regtype FROM pg_attribute WHERE attrelid = {regclass(table)}"
                f" AND attnum = {column.number}",
                column.type,
            ),
        ),
        remedy=Remedy("Store the object's name as text, or its number as oid."),
    )


def _without_files(facts: Facts) -> Facts:
    """State that the server lacks the files of every extension; the tests' servers have those they create."""
    extensions = tuple(replace(each, default_version=None) for each in facts.catalog.extensions)
    return replace(facts, catalog=replace(facts.catalog, extensions=extensions))


BAD = (
    Example("an extension behind", sql="CREATE EXTENSION pg_trgm VERSION '1.5'", objects=("pg_trgm",), alone=True),
    Example("an extension without files", given=(_without_files,), objects=("plpgsql",)),
    Example("names of functions by number", sql="CREATE TABLE t (id int PRIMARY KEY, job regproc)", objects=("job",)),
    Example(
        "several of them, in a domain",
        sql="CREATE DOMAIN dictionary AS regdictionary; CREATE TABLE t (id int PRIMARY KEY, words dictionary)",
        objects=("words",),
    ),
    Example("an array of them", sql="CREATE TABLE t (id int PRIMARY KEY, jobs regprocedure[])", objects=("jobs",)),
    Example("in a materialized view", sql="CREATE MATERIALIZED VIEW m AS SELECT 'now'::regproc AS job", objects=("m",)),
    Example(
        "in a partitioned table, once",
        sql="""
            CREATE TABLE t (id int, configuration regconfig) PARTITION BY RANGE (id);
            CREATE TABLE t_1 PARTITION OF t DEFAULT;
        """,
        objects=("t",),
    ),
    Example(
        "in a parent of inheritance, once",
        sql="CREATE TABLE p (id int PRIMARY KEY, job regproc); CREATE TABLE c () INHERITS (p)",
        objects=("p",),
    ),
    Example(
        "rights of objects before their form changed",
        sql="CREATE TABLE t (id int PRIMARY KEY, rights aclitem[])",
        given=(database(server_version_num=159_999),),
        objects=("rights",),
    ),
)
GOOD = (
    Example("an extension at its version", sql="CREATE EXTENSION pg_trgm", alone=True),
    Example(
        "an extension ahead of the files",
        sql="CREATE EXTENSION pg_trgm",
        given=(
            lambda facts: replace(
                facts,
                catalog=replace(
                    facts.catalog,
                    extensions=tuple(
                        replace(each, version="1.10", default_version="1.9") for each in facts.catalog.extensions
                    ),
                ),
            ),
        ),
        alone=True,
    ),
    Example(
        "numbers that pg_upgrade keeps",
        sql="CREATE TABLE t (id int PRIMARY KEY, a regclass, b regtype, c regrole, d oid)",
    ),
    Example(
        "rights of objects since",
        sql="CREATE TABLE t (id int PRIMARY KEY, rights aclitem)",
        given=(database(server_version_num=160_000),),
    ),
    Example("a view stores nothing", sql="CREATE VIEW v AS SELECT 'now'::regproc AS job"),
    Example(
        "a table of an extension",
        sql="CREATE TABLE t (id int PRIMARY KEY, job regproc)",
        given=(given_table("t", extension="some"),),
        renamed=False,
    ),
)
