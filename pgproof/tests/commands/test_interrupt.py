"""An interrupt, or a database that goes away, while a question runs: a real process, a real signal."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from pgproof.server import Server

COMMAND = (sys.executable, "-c", "from pgproof.cli import main; main()")
DEADLINE = 60


@pytest.fixture
def slow_database(embedded_database: str) -> str:
    """A database in which one question takes long: whether passwords of 20 MB each are in the clear."""
    with psycopg.connect(embedded_database, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE courses (id int PRIMARY KEY); CREATE TABLE students (id int PRIMARY KEY);"
            "CREATE TABLE again (id int PRIMARY KEY, student int NOT NULL REFERENCES students,"
            " course int NOT NULL REFERENCES courses);"
            "CREATE TABLE users (id int PRIMARY KEY, password text NOT NULL);"
            # Compressed once, and copied as it is: quick to load, slow to read.
            "CREATE TABLE one AS SELECT repeat('x', 20000000) AS t;"
            "INSERT INTO users SELECT n, t FROM one, generate_series(1, 300) n;"
            "DROP TABLE one;"
            "ANALYZE"
        )
    return embedded_database


def started(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_question(url: str) -> None:
    """Return when the slow question runs."""
    until = time.monotonic() + DEADLINE
    with psycopg.connect(url, autocommit=True) as connection:
        while time.monotonic() < until:
            if connection.execute(
                "SELECT 1 FROM pg_stat_activity WHERE application_name = 'pgproof' AND state = 'active'"
                " AND query LIKE '%password%' AND clock_timestamp() - query_start > '200 ms'"
            ).fetchone():
                return
            time.sleep(0.05)
    raise AssertionError("the question was never asked")


def interrupted(url: str, *arguments: str) -> tuple[int, str, str]:
    """The exit code and what was written of a command that is interrupted while the slow question runs."""
    with started(*arguments) as process:
        try:
            wait_for_question(url)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=DEADLINE)
        finally:
            process.kill()
    return process.returncode, out, err


def test_an_interrupted_audit_writes_what_it_has_marked_as_partial(slow_database: str) -> None:
    code, out, err = interrupted(
        slow_database,
        *("audit", slow_database, "-q", "--question-timeout", "60s", "--select", "INT,SEC02", "--format", "json"),
    )
    assert (code, err) == (130, "pgproof: interrupted: what was found until then is marked as partial\n")
    document = json.loads(out)
    assert document["partial"]
    assert "INT01" in {finding["rule"] for finding in document["findings"]}
    (unchecked,) = [each for each in document["not_checked"] if each["rule"] == "SEC02"]
    assert unchecked["needs"].endswith("the audit was interrupted before it was asked")


@pytest.mark.parametrize("output_format", ["tty", "markdown", "github", "sarif"])
def test_a_partial_audit_says_so_in_every_format(output_format: str, slow_database: str) -> None:
    code, out, _ = interrupted(
        slow_database,
        *("audit", slow_database, "--question-timeout", "60s", "--select", "SEC02", "--format", output_format),
    )
    assert code == 130
    if output_format == "sarif":
        assert json.loads(out)["runs"][0]["invocations"][0]["executionSuccessful"] is False
    else:
        assert "interrupted" in out.lower()


@pytest.mark.parametrize("command", ["snapshot", "baseline"])
def test_what_later_runs_rest_on_is_never_written_in_part(command: str, slow_database: str, tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    code, out, err = interrupted(
        slow_database, *(command, slow_database, "--question-timeout", "60s", "--output", str(file))
    )
    assert (code, out, err) == (130, "", "pgproof: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_ends_the_question_on_the_server_too(slow_database: str) -> None:
    interrupted(slow_database, "audit", slow_database, "--question-timeout", "60s", "--select", "SEC02")
    with psycopg.connect(slow_database, autocommit=True) as connection:
        until = time.monotonic() + DEADLINE
        while time.monotonic() < until:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgproof'"
            ).fetchone()
            if row == (0,):
                return
            time.sleep(0.05)
    raise AssertionError("a session of the audit is still there")


def test_an_interrupt_before_the_first_answer_of_the_server_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with started("audit", f"postgresql://127.0.0.1:{port}/shop") as process:
            try:
                connection, _ = silent.accept()
                with connection:
                    process.send_signal(signal.SIGINT)
                    out, err = process.communicate(timeout=DEADLINE)
            finally:
                process.kill()
    assert (process.returncode, out, err) == (130, "", "pgproof: interrupted\n")


@pytest.mark.parametrize(
    "ending",
    [
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgproof'",
        "DROP DATABASE {database} WITH (FORCE)",
    ],
)
def test_a_database_that_goes_away_in_the_middle_is_one_line(
    ending: str, slow_database: str, embedded_server: Server
) -> None:
    with started("audit", slow_database, "-q", "--question-timeout", "60s", "--select", "SEC02") as process:
        try:
            wait_for_question(slow_database)
            with psycopg.connect(embedded_server.url(), autocommit=True) as connection:
                name = urlsplit(slow_database).path.removeprefix("/")
                connection.execute(ending.format(database=name).encode())
            out, err = process.communicate(timeout=DEADLINE)
        finally:
            process.kill()
    assert (process.returncode, out) == (3, "")
    assert err.startswith("pgproof: The questions to the data could not be answered: the connection was lost (")
    assert err.count("\n") == 1
