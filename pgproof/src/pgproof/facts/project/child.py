"""Asks the project's code in a process of its own: what an import does there cannot harm this one.

The child's working directory is the project's, whose folder and `src` are on its path. It has the caller's
environment, since settings are often wanted at import, and a guard that refuses every connection that was not allowed.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

from pgproof.errors import PgproofError

T = TypeVar("T")
_LAST_WORDS = 300


@dataclass(frozen=True)
class Project:
    """Where a project's code is and how long it may take.

    Attributes:
        directory: its root: the working directory, on the path together with its `src`.
        seconds: after which a question is given up and the child is killed.
        environment: variables beside those of the caller, or instead of them.
    """

    directory: Path
    seconds: float = 60.0
    environment: Mapping[str, str] = field(default_factory=dict)


def ask_project(project: Project, task: str, arguments: Sequence[str], answer: type[T]) -> T:
    """Return what a task of `pgproof.facts.project.inside` says of the project.

    Args:
        project: whose code runs.
        task: a key of `inside.TASKS`.
        arguments: of the task, as a person gave them.
        answer: a frozen dataclass, the form of the answer.

    Raises:
        PgproofError: the code cannot be imported, does not end in time, or is not what was named; one line with the
            way out.
    """
    with tempfile.TemporaryDirectory(prefix="pgproof-") as folder:
        path = Path(folder) / "answer.json"
        command = [sys.executable, "-m", "pgproof.facts.project.inside", task, str(path), *arguments]
        code, last = _ended(project, arguments, command, Path(folder) / "stderr")
        document = _document(path)
    if document is None:
        raise PgproofError(
            f"{' '.join(arguments)} ended the process that read it (code {code}): {last}; its import must end nothing"
        )
    if "error" in document:
        raise PgproofError(document["error"])
    return TypeAdapter(answer).validate_python(document["answer"])


def _ended(project: Project, arguments: Sequence[str], command: Sequence[str], said: Path) -> tuple[int, str]:
    """Run a command in a session of its own, and end with it whatever it started; return its code and last words."""
    with said.open("wb") as errors:
        try:
            process = subprocess.Popen(
                command,
                cwd=project.directory,
                env={**os.environ, **project.environment, "PYTHONDONTWRITEBYTECODE": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # A file, not a pipe: a process that an import left running would hold a pipe open.
                stderr=errors,
                start_new_session=True,
            )
        except OSError as error:
            raise PgproofError(f"{project.directory} cannot be the working directory: {error.strerror}") from None
        try:
            code = process.wait(project.seconds)
        except subprocess.TimeoutExpired:
            raise PgproofError(
                f"{' '.join(arguments)} did not end within {project.seconds:.0f} s, so it was stopped: its import "
                "must not wait for anything"
            ) from None
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    lines = said.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return code, lines[-1][:_LAST_WORDS] if lines else "it said nothing"


def _document(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None
