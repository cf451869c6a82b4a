"""Rows that a rule would refuse move aside and come back, on real rows with references to them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psycopg
import pytest

from pgproof.proof.fingerprint import read_fingerprint
from pgproof.proof.rows import hash_rows
from pgproof.remedy.constraints import AddForeignKey, AddUnique
from pgproof.remedy.names import quoted
from pgproof.remedy.operation import Operation
from pgproof.remedy.quarantine import (
    QuarantineAndValidate,
    QuarantineCopies,
    QuarantineDuplicates,
    QuarantineOrphans,
    Reference,
)

TABLE = 'appli"cations é%s'
SCHEMA = """
    CREATE TABLE {table} (
        id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, job int NOT NULL, person int, note text,
        sent date DEFAULT '2020-01-01', twice int GENERATED ALWAYS AS (job * 2) STORED
    );
    CREATE TABLE messages (id int PRIMARY KEY, application int REFERENCES {table} ON DELETE CASCADE, text text);
    CREATE TABLE calls (id int PRIMARY KEY, application int NOT NULL REFERENCES {table} ON DELETE RESTRICT);
    INSERT INTO {table} (job, person, note, sent) VALUES
        (1, 1, 'oldest', '2020-01-01'), (1, 1, 'newest', '2022-01-01'), (1, 1, 'between', '2021-01-01'),
        (1, 2, 'alone', '2020-01-01'), (2, NULL, 'unknown', '2020-01-01'), (2, NULL, 'unknown', '2020-01-01');
    INSERT INTO messages VALUES (1, 1, 'kept'), (2, 2, 'moves to 1'), (3, 3, 'moves to 1'),
        (4, 4, 'kept'), (5, NULL, '');
    INSERT INTO calls VALUES (1, 2), (2, 4);
"""
Connection = psycopg.Connection[Any]


def apply(connection: Connection, statements: Iterable[str]) -> None:
    for statement in statements:
        connection.execute(statement.encode())


def rows(connection: Connection, query: str) -> list[Any]:
    return connection.execute(query.format(table=quoted(TABLE)).encode()).fetchall()


@pytest.fixture
def connection(database: str) -> Any:
    with psycopg.connect(database, autocommit=True) as opened:
        opened.execute(SCHEMA.format(table=quoted(TABLE)).encode())
        yield opened


def duplicates(*keep: str) -> tuple[Operation, ...]:
    return (
        QuarantineDuplicates(
            "public",
            TABLE,
            ("id", "job", "person", "note", "sent"),
            key="id",
            same=("job", "person"),
            keep=keep,
            references=(
                Reference("public", "messages", "id", "application"),
                Reference("public", "calls", "id", "application"),
            ),
        ),
        AddUnique("public", TABLE, "one_application", ("job", "person")),
    )


def test_duplicates_move_and_what_refers_to_them_points_to_the_one_that_stays(connection: Connection) -> None:
    for operation in duplicates("sent", "id"):
        apply(connection, operation.forward())
    assert rows(connection, "SELECT id FROM {table} ORDER BY id") == [(1,), (4,), (5,), (6,)]
    assert rows(connection, "SELECT id, application FROM messages ORDER BY id") == [
        (1, 1),
        (2, 1),
        (3, 1),
        (4, 4),
        (5, None),
    ]
    assert rows(connection, "SELECT application FROM calls ORDER BY id") == [(1,), (4,)]
    moved = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'quarantine'::regnamespace AND relkind = 'r'"
    )
    assert len(moved.fetchall()) == 3


def test_the_order_says_which_row_stays(connection: Connection) -> None:
    apply(connection, duplicates("note", "id")[0].forward())
    assert rows(connection, "SELECT note FROM {table} WHERE person = 1 AND job = 1") == [("between",)]


@pytest.mark.parametrize("there_before", [False, True], ids=["no schema", "a schema with a table"])
def test_the_way_back_restores_rows_references_and_catalog(connection: Connection, there_before: bool) -> None:
    if there_before:
        connection.execute("CREATE SCHEMA quarantine CREATE TABLE others (id int)")
    catalog, before = read_fingerprint(connection), hash_rows(connection)
    operations = duplicates("sent", "id")
    for operation in operations:
        apply(connection, operation.forward())
    assert hash_rows(connection) != before
    for operation in reversed(operations):
        apply(connection, operation.reverse())
    assert catalog.difference(read_fingerprint(connection)) == ()
    assert hash_rows(connection) == before


def test_a_reference_that_was_left_out_stops_the_move_as_a_whole(connection: Connection) -> None:
    operation = QuarantineDuplicates(
        "public", TABLE, ("id", "job", "person", "note", "sent"), key="id", same=("job", "person"), keep=("id",)
    )
    before = hash_rows(connection)
    with pytest.raises(psycopg.errors.IntegrityError):
        apply(connection, operation.forward())
    assert hash_rows(connection) == before


def test_orphans_move_and_come_back(connection: Connection) -> None:
    connection.execute("CREATE TABLE notes (id int PRIMARY KEY, application int, text text)")
    connection.execute("INSERT INTO notes VALUES (1, 1, 'a'), (2, 99, 'gone'), (3, NULL, 'none')")
    catalog, before = read_fingerprint(connection), hash_rows(connection)
    operations: tuple[Operation, ...] = (
        QuarantineOrphans(
            "public",
            "notes",
            ("id", "application", "text"),
            key="id",
            refers=("application",),
            referenced_schema="public",
            referenced_table=TABLE,
            referenced_columns=("id",),
        ),
        AddForeignKey("public", "notes", "notes_application", ("application",), "public", TABLE, ("id",)),
    )
    for operation in operations:
        apply(connection, operation.forward())
    assert rows(connection, "SELECT id FROM notes ORDER BY id") == [(1,), (3,)]
    for operation in reversed(operations):
        apply(connection, operation.reverse())
    assert catalog.difference(read_fingerprint(connection)) == ()
    assert hash_rows(connection) == before


def test_copies_in_a_table_without_a_key_move_and_come_back(connection: Connection) -> None:
    connection.execute("CREATE TABLE tags (post int, tag text, at date, upper text GENERATED ALWAYS AS (tag) STORED)")
    connection.execute(
        "INSERT INTO tags VALUES (1, 'a', '2020-01-02'), (1, 'A', '2020-01-01'), (1, 'a', NULL), (2, 'a', NULL),"
        " (NULL, 'b', NULL), (NULL, 'b', NULL)"
    )
    catalog, before = read_fingerprint(connection), hash_rows(connection)
    operations: tuple[Operation, ...] = (
        QuarantineCopies(
            "public", "tags", ("post", "tag", "at"), same=("post", "tag"), lower=("tag",), keep=("at", "post")
        ),
        AddUnique("public", "tags", "one_tag", ("post", "tag")),
    )
    for operation in operations:
        apply(connection, operation.forward())
    assert rows(connection, "SELECT post, tag FROM tags ORDER BY post, tag") == [
        (1, "A"),
        (2, "a"),
        (None, "b"),
        (None, "b"),
    ]
    for operation in reversed(operations):
        apply(connection, operation.reverse())
    assert catalog.difference(read_fingerprint(connection)) == ()
    assert hash_rows(connection) == before


def test_a_key_that_was_never_validated_is_and_is_not_again(connection: Connection) -> None:
    connection.execute("CREATE TABLE notes (id int PRIMARY KEY, application int)")
    connection.execute("INSERT INTO notes VALUES (1, 1), (2, 99), (3, NULL)")
    definition = f"FOREIGN KEY (application) REFERENCES {quoted(TABLE)} (id) ON DELETE CASCADE NOT VALID"
    connection.execute(f"ALTER TABLE notes ADD CONSTRAINT refers {definition}".encode())
    catalog, before = read_fingerprint(connection), hash_rows(connection)
    operation = QuarantineAndValidate(
        "public",
        "notes",
        ("id", "application"),
        key="id",
        refers=("application",),
        referenced_schema="public",
        referenced_table=TABLE,
        referenced_columns=("id",),
        constraint="refers",
        definition=definition,
    )
    apply(connection, operation.forward())
    assert rows(connection, "SELECT id FROM notes ORDER BY id") == [(1,), (3,)]
    assert rows(connection, "SELECT convalidated FROM pg_constraint WHERE conname = 'refers'") == [(True,)]
    apply(connection, operation.reverse())
    assert catalog.difference(read_fingerprint(connection)) == ()
    assert hash_rows(connection) == before


def test_rows_of_one_table_move_for_two_reasons(connection: Connection) -> None:
    connection.execute("CREATE TABLE accounts (id int PRIMARY KEY, email text, name text)")
    connection.execute("INSERT INTO accounts VALUES (1, 'a', 'x'), (2, 'A', 'y'), (3, 'b', 'x')")
    before = hash_rows(connection)
    operations = [
        QuarantineDuplicates(
            "public", "accounts", ("id", "email", "name"), key="id", same=same, lower=("email",), keep=("id",)
        )
        for same in (("email",), ("name",))
    ]
    for operation in operations:
        apply(connection, operation.forward())
    assert rows(connection, "SELECT id FROM accounts") == [(1,)]
    for operation in reversed(operations):
        apply(connection, operation.reverse())
    assert hash_rows(connection) == before
