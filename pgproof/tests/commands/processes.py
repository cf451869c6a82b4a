"""The command as a process of its own, and when it is in the middle of reading the catalog or of asking the data."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg

COMMAND = (sys.executable, "-c", "from pgproof.cli import main; main()")
DEADLINE = 60

SLOW_SCHEMA = """
    CREATE TABLE courses (id int PRIMARY KEY); CREATE TABLE students (id int PRIMARY KEY);
    CREATE TABLE again (
        id int PRIMARY KEY, student int NOT NULL REFERENCES students, course int NOT NULL REFERENCES courses
    );
    CREATE TABLE users (id int PRIMARY KEY, password text NOT NULL);
    -- Compressed once, and copied as it is: quick to load, slow to read.
    CREATE TABLE one AS SELECT repeat('x', 20000000) AS t;
    INSERT INTO users SELECT n, t FROM one, generate_series(1, 300) n;
    DROP TABLE one;
    ANALYZE
"""
"""One question takes long here: whether passwords of 20 MB each are in the clear."""


def started(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_question(process: subprocess.Popen[str], url: str) -> None:
    """Return when the slow question runs."""
    with psycopg.connect(url, autocommit=True) as connection:
        _wait_for(
            process,
            connection,
            "pg_stat_activity WHERE application_name = 'pgproof' AND state = 'active'"
            " AND query LIKE '%password%' AND clock_timestamp() - query_start > '200 ms'",
        )


@contextmanager
def held_catalog(url: str) -> Iterator[psycopg.Connection[Any]]:
    """Keep from everybody the settings, which the reading of the catalog begins with."""
    # Closed without a word to the server, which may be gone by then.
    with closing(psycopg.connect(url)) as holder:
        holder.execute("LOCK TABLE pg_settings IN ACCESS EXCLUSIVE MODE")
        yield holder


def wait_for_catalog(process: subprocess.Popen[str], holder: psycopg.Connection[Any]) -> None:
    """Return when the process waits for what `held_catalog` holds."""
    _wait_for(process, holder, "pg_locks WHERE NOT granted AND relation = 'pg_settings'::regclass")


def _wait_for(process: subprocess.Popen[str], connection: psycopg.Connection[Any], what: str) -> None:
    until = time.monotonic() + DEADLINE
    while time.monotonic() < until:
        # Within a transaction the statistics would stay as they were at first.
        connection.execute("SELECT pg_stat_clear_snapshot()")
        if connection.execute(f"SELECT FROM {what}".encode()).fetchone() is not None:
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError("the command never came so far")
