"""Data of persons that can be changed or deleted without a trace.

What it finds:
    A table that describes persons (two or more columns such as email, phone, first_name, birth_date) with neither a
    column that marks a deleted row, nor a trigger on UPDATE or DELETE, in a database without an audit or history table
    for it. An opinion: off unless selected.

Why it matters:
    When somebody asks who changed an address, or restores an account that was deleted by mistake, nothing in the
    database can answer.

Evidence:
    Names of columns, triggers and tables in the catalog; the application's own log is not seen.

Remedy:
    A trail written by a trigger or by the ORM (`event.listens_for(Session, "before_flush")` in SQLAlchemy) into a table
    that has a retention of its own; in Alembic `op.create_table(...)`. A `deleted_at` column only together with a date
    at which the row really goes.

When to ignore:
    Data that must be forgotten at once, or a trail that is kept outside the database.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.catalog import Table
from pgproof.facts.model import Facts
from pgproof.remedy.names import literal
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, table_ref
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="OPS14", slug="no-trace-of-person-data", severity="low", opinion=True)

PERSONAL = frozenset(
    (
        *("email", "emailaddress", "phone", "phonenumber", "mobile", "firstname", "lastname", "fullname", "surname"),
        *(
            "givenname",
            "familyname",
            "birthdate",
            "dateofbirth",
            "birthday",
            "address",
            "street",
            "postcode",
            "zipcode",
        ),
        *("nationality", "gender", "ssn", "passportnumber", "iban"),
    )
)
"""Whole names, in lower case without underscores."""
DELETION_MARKS = frozenset(
    ("deletedat", "deletedon", "deleted", "isdeleted", "archivedat", "removedat", "anonymizedat")
)
TRAILS = ("audit", "history", "versions", "changelog", "recordversion")
"""What the names of tables with a trail contain."""
LEAST_COLUMNS = 2
"""An e-mail address alone is often only a recipient."""


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each table of persons of which nothing keeps a trace."""
    if any(trail in _plain(table.name) for table in facts.catalog.tables for trail in TRAILS):
        return
    for table in facts.catalog.base_tables:
        names = [column.name for column in table.columns if _plain(column.name) in PERSONAL]
        if len(names) < LEAST_COLUMNS or any(_plain(column.name) in DELETION_MARKS for column in table.columns):
            continue
        if any({"update", "delete"} & {event.lower() for event in trigger.events} for trigger in table.triggers):
            continue
        yield _finding(table, names)


def _plain(name: str) -> str:
    return name.lower().replace("_", "")


def _finding(table: Table, names: list[str]) -> Finding:
    return METADATA.finding(
        objects=(table_ref(table),),
        message=f"{table.qualified_name} describes persons ({', '.join(names)}) and keeps no trace of changes",
        consequence="Who changed or deleted a row, and what it said before, cannot be answered from the database.",
        evidence=(
            Evidence(
                "catalog",
                "SELECT column_name FROM information_schema.columns"
                f" WHERE table_schema = {literal(table.schema)} AND table_name = {literal(table.name)}",
                f"{', '.join(names)}; no column that marks a deletion, no trigger, no audit table",
            ),
        ),
        remedy=Remedy("Write a trail from a trigger or the ORM into a table with a retention of its own."),
    )


_SQL = "CREATE TABLE users (id int PRIMARY KEY, email text, first_name text)"
_FUNCTION = "CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
BAD = (
    Example("an e-mail address and a name", sql=_SQL, objects=("users",)),
    Example(
        "whatever the spelling, and a trigger on INSERT keeps no trace",
        sql=f"""
            CREATE TABLE people (id int PRIMARY KEY, "firstName" text, "DateOfBirth" date); {_FUNCTION};
            CREATE TRIGGER noted AFTER INSERT ON people FOR EACH ROW EXECUTE FUNCTION noted()
        """,
        objects=("people",),
    ),
)
GOOD = (
    Example("one such column", sql="CREATE TABLE letters (id int PRIMARY KEY, email text, subject text)"),
    Example("a row that is marked as deleted", sql=f"{_SQL}; ALTER TABLE users ADD deleted_at timestamptz"),
    Example(
        "a trigger on UPDATE",
        sql=f"""
            {_SQL}; {_FUNCTION};
            CREATE TRIGGER noted AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION noted()
        """,
    ),
    Example(
        "a trigger on DELETE",
        sql=f"""
            {_SQL}; {_FUNCTION};
            CREATE TRIGGER noted AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION noted()
        """,
    ),
    Example("a table of changes", sql=f"{_SQL}; CREATE TABLE audit_log (id int PRIMARY KEY, change jsonb)"),
)
