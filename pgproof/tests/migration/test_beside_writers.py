"""A generated revision beside writers that go on inserting what it moves aside: no row is lost, and the rule holds."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg

from pgproof.remedy.constraints import AddForeignKey, AddUnique
from pgproof.remedy.quarantine import QuarantineDuplicates, QuarantineOrphans, Reference

from .projects import downgrade, make_project, upgrade, write_steps

SCHEMA = """
    CREATE TABLE applications (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, job int, person int, note text);
    CREATE TABLE messages (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        application bigint REFERENCES applications ON DELETE CASCADE
    );
    CREATE INDEX ON messages (application);
    CREATE TABLE calls (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, application bigint);
    INSERT INTO applications (job, person, note) SELECT n % 50, n % 40, 'n' || n FROM generate_series(1, 3000) AS n;
    INSERT INTO messages (application) SELECT id FROM applications;
    INSERT INTO calls (application) SELECT n FROM generate_series(1, 4000) AS n;
"""
OPERATIONS = (
    QuarantineDuplicates(
        "public",
        "applications",
        ("id", "job", "person", "note"),
        same=("job", "person"),
        keep=("id",),
        key="id",
        references=(Reference("public", "messages", "id", "application"),),
    ),
    AddUnique("public", "applications", "one_application", ("job", "person")),
    QuarantineOrphans(
        "public",
        "calls",
        ("id", "application"),
        key="id",
        refers=("application",),
        referenced_schema="public",
        referenced_table="applications",
        referenced_columns=("id",),
    ),
    AddForeignKey("public", "calls", "refers", ("application",), "public", "applications", ("id",)),
)
TABLES = ("applications", "messages", "calls")
ASIDE = ("quarantine.public_applications_job_person", "quarantine.public_calls_orphans_application")
_LEAST = 150
"""Statements that each writer has sent before the migration begins."""


def _apply(connection: psycopg.Connection, number: int) -> int:
    # Now and then somebody applies again.
    job = number % 50 if number % 100 == 0 else 1000 + number
    connection.execute("INSERT INTO applications (job, person) VALUES (%s, %s)", (job, number % 40))
    return 1


def _message(connection: psycopg.Connection, number: int) -> int:
    query = "INSERT INTO messages (application) SELECT id FROM applications WHERE id >= %s ORDER BY id LIMIT 1"
    return connection.execute(query, (number * 7 % 3000,)).rowcount


def _change(connection: psycopg.Connection, number: int) -> int:
    connection.execute("UPDATE applications SET note = note || '!' WHERE id = %s", (number * 11 % 3000,))
    return 0


def _call(connection: psycopg.Connection, number: int) -> int:
    connection.execute("INSERT INTO calls (application) VALUES (%s)", (number % 5000,))
    return 1


class _Writer(threading.Thread):
    """Sends statements until it is stopped, and counts the rows that were committed."""

    def __init__(self, url: str, write: Callable[[psycopg.Connection, int], int]) -> None:
        super().__init__()
        self.url, self.write = url, write
        self.inserted = 0
        self.sent = 0
        self.stopping = threading.Event()

    def run(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            while not self.stopping.wait(0.002):
                self.sent += 1
                # From when the rules hold they refuse what breaks them.
                with contextlib.suppress(psycopg.IntegrityError):
                    self.inserted += self.write(connection, self.sent)


def _counts(url: str, *tables: str) -> list[int]:
    with psycopg.connect(url) as connection:
        found = [connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() for table in tables]
    return [row[0] for row in found if row is not None]


def test_no_row_is_lost(database: str, tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    write_steps(folder, OPERATIONS)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(SCHEMA)
    writers = [_Writer(database, write) for write in (_apply, _message, _change, _call)]
    for writer in writers:
        writer.start()
    try:
        while min(writer.sent for writer in writers) < _LEAST:
            assert all(writer.is_alive() for writer in writers)
        upgrade(folder, database)
    finally:
        for writer in writers:
            writer.stopping.set()
            writer.join(30)
    applications, messages, calls, surplus, orphans = _counts(database, *TABLES, *ASIDE)
    written = [3000 + writers[0].inserted, 3000 + writers[1].inserted, 4000 + writers[3].inserted]
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM pg_constraint WHERE NOT convalidated").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid").fetchone() == (0,)
    assert surplus > 2000
    assert [applications + surplus, messages, calls + orphans] == written
    downgrade(folder, database)
    assert _counts(database, *TABLES) == written
