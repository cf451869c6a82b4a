"""An interrupt while the catalog is read or a question runs: a real process, a real signal."""

from __future__ import annotations

import json
import signal
import socket
import time
from pathlib import Path

import psycopg
import pytest

from .processes import DEADLINE, SLOW_SCHEMA, held_catalog, started, wait_for_catalog, wait_for_question


@pytest.fixture
def slow_database(embedded_database: str) -> str:
    """A database in which one question takes long."""
    with psycopg.connect(embedded_database, autocommit=True) as connection:
        connection.execute(SLOW_SCHEMA)
    return embedded_database


def interrupted(url: str, *arguments: str, by: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
    """The exit code and what was written of a command that is interrupted while the slow question runs."""
    with started(*arguments) as process:
        try:
            wait_for_question(process, url)
            process.send_signal(by)
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


def test_a_termination_is_an_interrupt(slow_database: str, tmp_path: Path) -> None:
    options = ("--question-timeout", "5s", "--select", "SEC02", "--format", "json", "--output", str(tmp_path / "out"))
    ended = interrupted(slow_database, "audit", slow_database, "-q", *options, by=signal.SIGTERM)
    assert ended[0] == 130
    assert json.loads((tmp_path / "out").read_text())["partial"] is True


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


def test_an_interrupt_while_the_catalog_is_read_is_one_line(embedded_database: str, tmp_path: Path) -> None:
    output = ("--output", str(tmp_path / "audit.json"))
    with held_catalog(embedded_database) as holder, started("audit", embedded_database, *output) as process:
        try:
            wait_for_catalog(process, holder)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=DEADLINE)
        finally:
            process.kill()
    assert (process.returncode, out, err) == (130, "", "pgproof: interrupted\n")
    assert list(tmp_path.iterdir()) == []
