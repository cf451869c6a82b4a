"""Runs a command whose Python processes record what they send, and ends with its exit code."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from pgproof.errors import PgproofError
from pgproof.facts.recording_file import RECORDING_VERSION
from pgproof.recorder.hook.pgproof_capture import FILE, ROOT, SECRET

_HOOK = Path(__file__).parent / "hook"
_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


@dataclass(frozen=True)
class Recorded:
    """How a recorded command ended.

    Attributes:
        code: its exit code; 128 and the signal's number where a signal ended it, as a shell says it.
        statements: whether any was recorded.
    """

    code: int
    statements: bool


def record(command: Sequence[str], output: Path) -> Recorded:
    """Run a command and record the statements that its Python processes send through SQLAlchemy.

    Args:
        command: a program and its arguments.
        output: file that is made anew, with mode 0600.

    Raises:
        PgproofError: the file cannot be written, or the program cannot be run.
    """
    file = output.absolute()
    began = {"pgproof": "recording", "version": RECORDING_VERSION, "began": datetime.now(UTC).isoformat()}
    descriptor = _new_file(file)
    try:
        _append(descriptor, {**began, "program": Path(command[0]).name})
        size = os.fstat(descriptor).st_size
        code = _run(command, file)
        statements = os.fstat(descriptor).st_size > size
        _append(descriptor, {"ended": datetime.now(UTC).isoformat(), "code": code})
    except OSError as error:
        raise PgproofError(f"{output} cannot be written: {error.strerror}; choose another --output") from None
    finally:
        os.close(descriptor)
    return Recorded(code, statements)


def _new_file(file: Path) -> int:
    # Another file than was there: processes of an earlier recording may still append to that one.
    with contextlib.suppress(FileNotFoundError):
        if file.is_file():
            file.unlink()
    try:
        return os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise PgproofError(f"{file} cannot be written: {error.strerror}; choose another --output") from None


def _append(descriptor: int, document: dict[str, object]) -> None:
    os.write(descriptor, f"{json.dumps(document)}\n".encode())


def _run(command: Sequence[str], file: Path) -> int:
    before = os.environ.get("PYTHONPATH")
    environment = {
        **os.environ,
        "PYTHONPATH": f"{_HOOK}{os.pathsep}{before}" if before else str(_HOOK),
        FILE: str(file),
        SECRET: secrets.token_hex(16),
        ROOT: str(Path.cwd()),
    }
    try:
        child = subprocess.Popen(command, env=environment)
    except OSError as error:
        raise PgproofError(f"{command[0]} cannot be run: {error.strerror}; write the command after --") from None
    with _passing_on(child):
        code = child.wait()
    return code if code >= 0 else 128 - code


@contextlib.contextmanager
def _passing_on(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Hand signals on to the command; Ctrl-C reaches it by itself, from the terminal that both have."""

    def pass_on(number: int, frame: FrameType | None) -> None:
        if number not in (signal.SIGINT, signal.SIGQUIT) or not _in_foreground():
            child.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in _PASSED_ON}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_foreground() -> bool:
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
