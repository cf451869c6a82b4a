"""A unique rule that rows which count as deleted still take part in.

What it finds:
    A unique constraint or index over all rows of a table that marks rows as deleted (`deleted_at`, `is_deleted` and
    the like, of a date, time or boolean type), and neither has the mark among its columns nor a predicate. Left alone
    are values that nobody enters twice (identity, serial, a default that is computed, uuid, token, hash), keys that
    foreign keys refer to, which have to hold for all rows, and every partial index: somebody has chosen its rows.

Why it matters:
    What a deleted row holds cannot be entered again: a user who deleted the account cannot come back under the same
    address, and the refusal names a row that no page shows.

Evidence:
    pg_index, and a count of the rows that are marked as deleted.

Remedy:
    `Index("uq_users_email", "email", unique=True, postgresql_where=text("deleted_at IS NULL"))` in place of
    `unique=True`; build it concurrently, then drop the old rule. ON CONFLICT (email) has to repeat the predicate.

When to ignore:
    Values must not be used again even after deletion, such as the number of an invoice.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.catalog import Column, Index, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import Answer, Compare, Condition, Counts, IsNull, Not, RowsWhere
from pgproof.remedy.names import object_name, quoted
from pgproof.rules import given
from pgproof.rules.deletion_marks import MARKS
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, index_ref, table_ref
from pgproof.rules.integrity._keys import at_least, evidence_of, known_from, sentence, told
from pgproof.rules.reading import locked, own_columns, regclass, words
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="INT24", slug="soft-delete-unaware-unique", severity="low")

NEVER_ENTERED_TWICE = frozenset({"token", "hash", "digest", "checksum", "uuid", "guid", "nonce", "secret", "ulid"})
"""Words for values that are drawn or computed, so that a deleted row's never comes back."""


def questions(facts: Facts) -> Iterator[RowsWhere]:
    """Ask how many rows are marked as deleted in each table with such a rule."""
    for table, mark in _marked(facts):
        for _ in _unaware(facts, table, mark):
            yield _question(table, mark)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each unique rule that deleted rows take part in."""
    for table, mark in _marked(facts):
        if table.locked:
            yield locked(table)
            continue
        for index in _unaware(facts, table, mark):
            yield _finding(facts, table, mark, index)


def _marked(facts: Facts) -> Iterator[tuple[Table, Column]]:
    for table in facts.catalog.base_tables:
        mark = _mark(facts, table)
        if mark is not None:
            yield table, mark


def _unaware(facts: Facts, table: Table, mark: Column) -> Iterator[Index]:
    for index in table.indexes:
        if not index.unique or not index.valid or index.primary or index.partial or index.replica_identity:
            continue
        if mark.name in index.columns or any(mark.name in (key.expression or "") for key in index.keys):
            continue
        if any(key.index == index.oid for _, key in facts.catalog.referencing(table)):
            continue
        if not any(_never_entered_twice(table, name) for name in index.columns if name is not None):
            yield index


def _mark(facts: Facts, table: Table) -> Column | None:
    for column in own_columns(facts.catalog, table):
        if column.name in MARKS and (column.type_category == "D" or column.base_type == "bool"):
            return column
    return None


def _never_entered_twice(table: Table, name: str) -> bool:
    column = table.column(name)
    if any(name in key.columns for key in table.foreign_keys):
        return False
    drawn = column.identity is not None or column.generated is not None or "(" in (column.default or "")
    return drawn or column.base_type == "uuid" or bool(NEVER_ENTERED_TWICE & set(words(name)))


def _question(table: Table, mark: Column) -> RowsWhere:
    deleted: Condition = Not(IsNull(mark.name))
    if mark.base_type == "bool":
        deleted = Compare(mark.name, "=", constant=True)
    return RowsWhere(table.qualified_name, deleted)


def _finding(facts: Facts, table: Table, mark: Column, index: Index) -> Finding:
    found = told(facts, _question(table, mark))
    marked = _marked_rows(found)
    listed = ", ".join(key.column or str(key.expression) for key in index.keys)
    keys = ", ".join(quoted(key.column) if key.column else f"({key.expression})" for key in index.keys)
    live = f"NOT {quoted(mark.name)}" if mark.base_type == "bool" else f"{quoted(mark.name)} IS NULL"
    name = quoted(object_name("uq", table.name, (*(key.column or "expr" for key in index.keys), "live")))
    drop = "constraint" if index.constraint is not None else "index"
    return METADATA.finding(
        objects=(index_ref(table, index),),
        message=f"The unique rule {index.name} on ({listed}) of {table.qualified_name} binds deleted rows too",
        consequence=f"A value of ({listed}) whose row is deleted cannot be entered again. {marked}",
        severity="medium" if found is not None and found[1].rows else None,
        confidence=known_from(found),
        evidence=(
            Evidence(
                "catalog",
                f"SELECT indexrelid::regclass FROM pg_index WHERE indrelid = {regclass(table)} AND indisunique"
                " AND NOT indisprimary AND indpred IS NULL",
                f"{index.name}: unique over all rows",
            ),
            *evidence_of(found, marked),
        ),
        # No operations: it loosens a rule, and statements with ON CONFLICT on the old one stop working.
        remedy=Remedy(
            f"If a deleted row's value may be used again: CREATE UNIQUE INDEX CONCURRENTLY {name} ON"
            f" {quoted(table.schema, table.name)} ({keys}) WHERE {live}, repeat the predicate in ON CONFLICT,"
            f" then drop the {drop} {quoted(index.name)}."
        ),
        related=(table_ref(table, mark.name),),
    )


def _marked_rows(found: tuple[Answer, Counts] | None) -> str:
    if found is None:
        return "Nobody has counted the rows that are marked as deleted."
    counts = found[1]
    return sentence(f"{at_least(counts, counts.rows)} of {counts.rows_examined:,} rows are marked as deleted.")


BAD = (
    Example(
        "an address that cannot be used again",
        sql="""
            CREATE TABLE users (id int PRIMARY KEY, email text CONSTRAINT one_account UNIQUE, deleted_at timestamptz);
            INSERT INTO users VALUES (1, 'a', now()), (2, 'b', NULL);
        """,
        severity="medium",
        says=(
            "(email) whose row is deleted cannot be entered again. 1 of 2 rows are marked",
            'uq_users_email_live" ON',
            '("email") WHERE "deleted_at" IS NULL',
            "drop the constraint",
        ),
        renamed=False,
        objects=("users", "email"),
    ),
    Example(
        "an index over an expression, and a boolean mark",
        sql="""
            CREATE TABLE users (id int PRIMARY KEY, email text, is_deleted bool NOT NULL DEFAULT false);
            CREATE UNIQUE INDEX one_account ON users (lower(email)); INSERT INTO users VALUES (1, 'a'), (2, 'b');
        """,
        severity="low",
        says=("0 of 2 rows", '((lower(email))) WHERE NOT "is_deleted"', "drop the index"),
        objects=("one_account",),
    ),
    Example(
        "references, one of them a drawn uuid, and a literal default",
        sql="""
            CREATE TABLE parents (id uuid PRIMARY KEY DEFAULT gen_random_uuid());
            CREATE TABLE t (id int PRIMARY KEY, parent uuid REFERENCES parents DEFAULT gen_random_uuid(),
            n int DEFAULT 0, deleted date,
                            UNIQUE (parent, n));
            CREATE TABLE u (id int PRIMARY KEY, t int REFERENCES t);
        """,
        objects=("t", "parent", "n"),
    ),
    Example(
        "a table whose rows cannot be counted",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, n int UNIQUE, deleted_on date);
        """,
        given=(given.table("t", calls_user_code=True),),
        renamed=False,
        severity="low",
        objects=("t", "n"),
    ),
    Example(
        "rows of a sample that are marked, in a table too large to count",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, n int CONSTRAINT one UNIQUE, deleted_at date) WITH (fillfactor = 10);
            INSERT INTO t SELECT n, n, '2020-01-01' FROM generate_series(1, 1000) n;
        """,
        given=(given.table("t", bytes=(1 << 30) + 1),),
        severity="medium",
        says=("again. At least ",),
        renamed=False,
    ),
)
GOOD = (
    Example(
        "a rule over the rows that are left",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, n int, deleted_at timestamptz);
            CREATE UNIQUE INDEX ON t (n) WHERE deleted_at IS NULL;
        """,
    ),
    Example(
        "a rule with the mark among its columns, or in its expression",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, n int, deleted_at date, UNIQUE NULLS NOT DISTINCT (n, deleted_at));
            CREATE UNIQUE INDEX ON t ((CASE WHEN deleted_at IS NULL THEN n END), id);
        """,
    ),
    Example(
        "a table that marks nothing", sql="CREATE TABLE t (id int PRIMARY KEY, n int UNIQUE, updated_at timestamptz)"
    ),
    Example(
        "a mark of another type counts something else",
        sql="CREATE TABLE t (id int PRIMARY KEY, n int UNIQUE, deleted int)",
    ),
    Example(
        "values that nobody enters twice",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY UNIQUE, s serial UNIQUE,
            u uuid UNIQUE,
                            access_token text UNIQUE, r text DEFAULT md5(random()::text) UNIQUE,
                            g int GENERATED ALWAYS AS (id * 2) STORED UNIQUE, deleted bool);
        """,
    ),
    Example(
        "a key that others refer to holds for all rows",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, code text UNIQUE, deleted_at date);
            CREATE TABLE c (id int PRIMARY KEY, code text REFERENCES t (code));
        """,
    ),
    Example(
        "the key by which replication finds a row",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL, deleted_at date); CREATE UNIQUE INDEX r ON t (n);
            ALTER TABLE t REPLICA IDENTITY USING INDEX r;
        """,
    ),
    Example(
        "an index that is not unique",
        sql="CREATE TABLE t (id int PRIMARY KEY, n int, deleted_at date); CREATE INDEX ON t (n)",
    ),
    Example(
        "what a child inherits from a parent without a rule",
        sql="CREATE TABLE p (id int PRIMARY KEY, n int, deleted bool); CREATE TABLE c (UNIQUE (n)) INHERITS (p)",
    ),
    Example(
        "a table that another session locks is not judged: its indexes could not be read",
        sql="CREATE TABLE t (id int PRIMARY KEY, n int UNIQUE, deleted_at date)",
        given=(given.table("t", locked=True),),
        renamed=False,
    ),
    Example(
        "a unique index that was never finished",
        sql="CREATE TABLE t (id int PRIMARY KEY, n int, deleted_at date); CREATE UNIQUE INDEX unfinished ON t (n)",
        given=(given.index("unfinished", valid=False),),
        renamed=False,
    ),
)
