"""A temporary directory of a test's own, and owners of servers that can be killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A TMPDIR that no other test shares, open to every user (pytest's own folders are closed)."""
    path = Path(tempfile.mkdtemp(prefix="pgproof-test-", dir="/tmp")).resolve()
    path.chmod(0o711)
    use_as_tmpdir(monkeypatch, path)
    yield path
    for process in psutil.process_iter(["name", "cwd"]):
        if process.info["name"] == "postgres" and str(process.info["cwd"]).startswith(f"{path}/"):
            process.kill()
    shutil.rmtree(path)


@pytest.fixture
def spawn() -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Runs a Python program in a process group of its own and waits for its first line."""
    with contextlib.ExitStack() as stack:

        def spawn_program(program: str, *, user: int | None = None) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [*interpreter_for(user), "-c", program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
                user=user,
                extra_groups=None if user is None else [],
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield spawn_program


def interpreter_for(user: int | None) -> list[str]:
    """How `user` runs Python with the packages of this environment, whose interpreter may be closed to him."""
    packages = ":".join(path for path in sys.path if path.endswith(("site-packages", "/src")))
    for command in ([sys.executable], ["env", f"PYTHONPATH={packages}", "/usr/bin/python3"]):
        with contextlib.suppress(OSError):
            probe = [*command, "-c", "import psycopg, psutil, pgproof"]
            groups: list[int] | None = None if user is None else []
            if subprocess.run(probe, user=user, extra_groups=groups, cwd="/", check=False).returncode == 0:
                return command
    pytest.skip(f"no Python here can be run by user {user}")


def use_as_tmpdir(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """Makes `path` the temporary directory of this process and of those it starts."""
    monkeypatch.setenv("TMPDIR", str(path))
    monkeypatch.setattr(tempfile, "tempdir", None)


def first_line(process: subprocess.Popen[str]) -> str:
    """The first line that a spawned program prints."""
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line, f"the program ended with {process.wait()} before it printed anything"
    return line


def postmaster(data_directory: Path) -> psutil.Process:
    """The postmaster of a running server, by its own postmaster.pid."""
    return psutil.Process(int((data_directory / "postmaster.pid").read_text().split()[0]))


def is_alive(process: psutil.Process) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def require_root() -> None:
    """Skips a test of what only root does."""
    if os.geteuid() != 0:
        pytest.skip("only root runs PostgreSQL as another user")
