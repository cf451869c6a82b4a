"""Files and references of the command line are looked at before a server is asked for anything."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import typer

from pgproof.commands.app import app

from .conftest import Run

NOBODY = "postgresql://127.0.0.1:1/shop"
"""Where no server is: whoever asked it first would say so."""
COMMANDS = {
    "audit": (),
    "snapshot": ("--output", "x.json"),
    "baseline": ("--output", "x.json"),
    "reproduce": ("abc",),
    "report": ("--output", "dossier"),
    "fix": ("--sql", "x.sql"),
    "prove": ("--alembic", "alembic.ini"),
    "drift": ("--models", "shop:Base"),
}
PROOF = ("audit", "snapshot", "baseline", "reproduce", "report", "fix")
GOES_ON = {
    (command, option)
    for command in ("audit", "snapshot", "baseline", "reproduce", "report")
    for option in ("alembic", "workload")
} | {("fix", "workload")}
"""What an audit goes on without, and says so."""
WRITTEN = {"output", "sql", "patch"}
REFUSED = [
    *((command, "config", "nowhere", 2, "nowhere cannot be read: No such file") for command in COMMANDS),
    *((command, "proof", "nowhere", 2, "--proof nowhere cannot be read: No such file") for command in PROOF),
    ("audit", "baseline", "nowhere", 2, "the baseline nowhere cannot be read: No such file"),
    ("report", "baseline", "nowhere", 2, "the baseline nowhere cannot be read: No such file"),
    ("fix", "decisions", "nowhere", 2, "--decisions: nowhere cannot be read: No such file"),
    ("fix", "alembic", "nowhere", 3, "--alembic nowhere: there is no such file in "),
    ("prove", "alembic", "nowhere", 3, "--alembic nowhere: there is no such file in "),
    ("prove", "workload", "nowhere", 2, "--workload nowhere cannot be read: No such file"),
    ("prove", "workload", "alembic.ini", 2, "--workload alembic.ini is not a recording: make one with pgproof record"),
    ("prove", "changed", "nowhere", 3, "git merge-base failed: fatal: Not a valid object name nowhere; "),
]


@pytest.mark.parametrize(("command", "option", "value", "code", "said"), REFUSED)
def test_what_is_not_there_is_told_before_a_server_is_asked(
    command: str, option: str, value: str, code: int, said: str, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "alembic.ini").write_text("[alembic]\n")
    subprocess.run(("git", "init", "-q"), cwd=tmp_path, check=True)
    given = () if (command, option) == ("fix", "alembic") else COMMANDS[command]
    ran = run(command, NOBODY, *given, f"--{option}", value)
    assert (ran.code, ran.out, ran.err.count("\n")) == (code, "", 1)
    assert ran.err.startswith(f"pgproof: {said}")


def test_no_file_that_a_command_reads_is_forgotten() -> None:
    group = typer.main.get_group(app)
    reading = {
        (name, str(option.name))
        for name, command in group.commands.items()
        for option in command.params
        if name in COMMANDS and "FILE" in str(option.metavar)
    }
    refused = {(command, option) for command, option, *_ in REFUSED}
    assert {each for each in reading if each[1] not in WRITTEN} <= refused | GOES_ON
