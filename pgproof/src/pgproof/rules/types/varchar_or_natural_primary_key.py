"""A primary key of text that other tables refer to.

What it finds:
    A primary key with a column of a text type, such as varchar, char, text or citext, that foreign keys of other
    tables refer to: a natural key, or an identifier kept as text.

Why it matters:
    Each referring row and each index on it holds a copy of the text, and compares it by collation. A natural key
    changes some day, and with it every row that refers to it. A uuid kept as text takes 37 bytes instead of 16.

Evidence:
    pg_constraint; the width from pg_stats where it is visible.

Remedy:
    An identity column as the key, and the text as a unique column: `mapped_column(Identity(), primary_key=True)` and
    `UniqueConstraint("code")`; a uuid as `mapped_column(Uuid)`. In Alembic: add the new column to the table and to
    those that refer to it, fill them in batches, then exchange the foreign keys.

When to ignore:
    Short codes of a standard that never change, such as ISO countries and currencies, save a join.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.amounts import amount
from pgproof.facts.catalog import Column, Constraint, Table
from pgproof.facts.model import Facts
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, constraint_ref, table_ref
from pgproof.rules.reading import regclass
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="TYP06", slug="varchar-or-natural-primary-key", severity="low", opinion=True)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each primary key of text that other tables refer to."""
    for table in facts.catalog.base_tables:
        key = table.primary_key
        if key is None:
            continue
        texts = [column for name in key.columns if _is_text(column := table.column(name))]
        referring = [(other, each) for other, each in facts.catalog.referencing(table) if each.index == key.index]
        if texts and referring:
            yield _finding(table, key, texts, referring)


def _is_text(column: Column) -> bool:
    return column.type_category == "S"


def _finding(table: Table, key: Constraint, texts: list[Column], referring: list[tuple[Table, Constraint]]) -> Finding:
    named = ", ".join(f"{column.name} {column.type}" for column in texts)
    widths = [column.statistics.average_bytes for column in texts if column.statistics is not None]
    wide = f", {sum(widths)} bytes on average," if len(widths) == len(texts) else ""
    cascading = sum(each.on_update == "cascade" for _, each in referring)
    changed = (
        f"a change of the key rewrites the rows of {cascading} of them" if cascading else "the key cannot be changed"
    )
    return METADATA.finding(
        objects=(table_ref(table, *key.columns),),
        related=tuple(constraint_ref(other, each) for other, each in referring),
        message=f"the primary key of {table.qualified_name} is text ({named})",
        consequence=f"{_foreign_keys(len(referring))} a copy of it{wide} in every row, and {changed}.",
        evidence=(
            Evidence(
                "catalog",
                "SELECT conrelid::regclass, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f' "
                f"AND confrelid = {regclass(table)}",
                "; ".join(f"{other.qualified_name}: {each.name}" for other, each in referring),
            ),
        ),
        remedy=Remedy("Make an identity or uuid column the key, and keep the text unique beside it."),
    )


def _foreign_keys(count: int) -> str:
    return amount(count, "foreign key keeps", "foreign keys keep")


BAD = (
    Example(
        "a code that other rows copy",
        sql="""
            CREATE TABLE skills (code varchar(40) PRIMARY KEY);
            CREATE TABLE needs (id int PRIMARY KEY, skill varchar(40) REFERENCES skills);
        """,
        objects=("skills", "code"),
        says=("1 foreign key keeps a copy of it in every row, and the key cannot be changed",),
    ),
    Example(
        "a uuid kept as char, and a key that changes with its references",
        sql="""
            CREATE TABLE users (id char(36) PRIMARY KEY);
            CREATE TABLE posts (id int PRIMARY KEY, user_id char(36) REFERENCES users ON UPDATE CASCADE);
            INSERT INTO users SELECT md5(n::text) FROM generate_series(1, 20) n;
            ANALYZE users;
        """,
        objects=("users", "id"),
        says=("a copy of it, 37 bytes on average, in every row, and a change of the key rewrites the rows of 1",),
    ),
    Example(
        "text as a part of the key",
        sql="""
            CREATE TABLE labels (site int, name text, PRIMARY KEY (site, name));
            CREATE TABLE uses (id int PRIMARY KEY, site int, name text, FOREIGN KEY (site, name) REFERENCES labels);
        """,
        objects=("labels", "site", "name"),
    ),
    Example(
        "a code that two tables copy",
        sql="""
            CREATE TABLE skills (code varchar(40) PRIMARY KEY);
            CREATE TABLE needs (id int PRIMARY KEY, skill varchar(40) REFERENCES skills);
            CREATE TABLE offers (id int PRIMARY KEY, skill varchar(40) REFERENCES skills);
        """,
        says=("2 foreign keys keep a copy",),
    ),
)
GOOD = (
    Example(
        "a number as the key",
        sql="""
            CREATE TABLE skills (id int PRIMARY KEY, code text UNIQUE);
            CREATE TABLE needs (id int PRIMARY KEY, skill_id int REFERENCES skills);
        """,
    ),
    Example(
        "a uuid as the key",
        sql="""
            CREATE TABLE users (id uuid PRIMARY KEY);
            CREATE TABLE posts (id int PRIMARY KEY, user_id uuid REFERENCES users);
        """,
    ),
    Example("a text key that nothing refers to", sql="CREATE TABLE settings (name text PRIMARY KEY, value text)"),
    Example(
        "references to a unique text beside the key",
        sql="""
            CREATE TABLE skills (id int PRIMARY KEY, code text UNIQUE);
            CREATE TABLE needs (id int PRIMARY KEY, code text REFERENCES skills (code));
        """,
    ),
    Example(
        "references to a unique number beside a text key",
        sql="""
            CREATE TABLE skills (code text PRIMARY KEY, number int UNIQUE);
            CREATE TABLE needs (id int PRIMARY KEY, number int REFERENCES skills (number));
        """,
    ),
    Example(
        "a table without a key",
        sql="CREATE TABLE skills (code text UNIQUE); CREATE TABLE needs (code text REFERENCES skills (code))",
    ),
    Example(
        "an enum as the key is four bytes",
        sql="""
            CREATE TYPE colour AS ENUM ('red', 'blue');
            CREATE TABLE colours (name colour PRIMARY KEY);
            CREATE TABLE cars (id int PRIMARY KEY, colour colour REFERENCES colours);
        """,
    ),
)
