"""The real command in this process, on databases that are bad in known ways."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from pgproof.cli import main
from pgproof.server import Server

BAD_SCHEMA = """
    CREATE TABLE courses (id int PRIMARY KEY, title text);
    CREATE TABLE students (id int PRIMARY KEY, name text);
    CREATE TABLE enrolments (
        id int PRIMARY KEY,
        student_id int NOT NULL REFERENCES students,
        course_id int NOT NULL REFERENCES courses
    );
    INSERT INTO courses SELECT n, 'c' || n FROM generate_series(1, 30) n;
    INSERT INTO students SELECT n, 's' || n FROM generate_series(1, 30) n;
    INSERT INTO enrolments SELECT n, n, n FROM generate_series(1, 30) n;
    INSERT INTO enrolments VALUES (31, 1, 1), (32, 1, 1);
    CREATE INDEX again ON courses (id);
    CREATE SCHEMA staging;
    CREATE TABLE staging.loads (line text);
    INSERT INTO staging.loads SELECT n FROM generate_series(1, 30) n;
    ANALYZE;
"""


@dataclass(frozen=True)
class Ran:
    """What a command came to."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> Run:
    """Runs `pgproof` with arguments in an empty folder, and without options from the environment."""
    monkeypatch.chdir(tmp_path)
    for variable in [name for name in os.environ if name.startswith("PGPROOF_")]:
        monkeypatch.delenv(variable)

    def run_command(*arguments: str | Path) -> Ran:
        monkeypatch.setattr(sys, "argv", ["pgproof", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsysbinary.readouterr()
        code = ended.value.code
        return Ran(code if isinstance(code, int) else 0, out.decode(), err.decode())

    return run_command


@pytest.fixture(scope="session")
def bad_database(embedded_server: Server) -> Iterator[str]:
    """The URL of a database that tests only read: duplicates, an index twice, a table without a key."""
    with embedded_server.scratch_database() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(BAD_SCHEMA)
        yield url
