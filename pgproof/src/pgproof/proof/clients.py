"""Client processes that a proof starts, and may kill, while they work on a database."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Protocol

from pgproof.errors import PgproofError

_STANDARD_OUTPUT = 1
_STANDARD_ERROR = 2


class RunningClient(Protocol):
    """A started client process."""

    def kill(self) -> None:
        """Send SIGKILL; a process that has ended already is no error."""

    def wait(self, timeout: float) -> int | None:
        """Return the exit code (minus the signal's number after a signal), or None after `timeout` seconds."""


class Client(Protocol):
    """What starts a process that works on the database at a URL and then ends."""

    def start(self, url: str, output: Path) -> RunningClient:
        """Start the process; what it writes to standard output and standard error goes to the file `output`."""


@dataclass(frozen=True)
class Command:
    """A program, such as `("alembic", "upgrade", "head")`.

    Attributes:
        arguments: the program and its arguments.
        url_variable: the environment variable that tells the program the URL.
        environment: all other variables it gets; nothing of this process' environment is added.
    """

    arguments: tuple[str, ...]
    url_variable: str
    environment: Mapping[str, str]

    def start(self, url: str, output: Path) -> RunningClient:
        """Start the program in a process group of its own, so that a kill reaches what it starts itself.

        Raises:
            PgproofError: the program cannot be started.
        """
        with output.open("wb") as file:
            try:
                process = subprocess.Popen(
                    self.arguments,
                    env={**self.environment, self.url_variable: url},
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise PgproofError(f"The client did not start ({error}); name a program that exists") from error
        return _RunningCommand(process)


@dataclass(frozen=True)
class Function:
    """A function that takes the URL, run in a process of its own: much quicker to start than a program.

    The processes are forked from one that has imported the modules once, so a start costs milliseconds.
    That one lives as long as this process and keeps the environment and the modules of the first start.

    Attributes:
        target: a function at the top level of a module that can be imported.
        preload: modules to import once besides the function's, where that one is not installed.
    """

    target: Callable[[str], None]
    preload: tuple[str, ...] = ()

    def start(self, url: str, output: Path) -> RunningClient:
        """Start the process; an exception that leaves the function is exit code 1 and a traceback in `output`."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([self.target.__module__, *self.preload])
        process = context.Process(target=_call, args=(self.target, url, output))
        process.start()
        return _RunningFunction(process)


def _call(target: Callable[[str], None], url: str, output: Path) -> None:
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(descriptor, _STANDARD_OUTPUT)
    os.dup2(descriptor, _STANDARD_ERROR)
    os.close(descriptor)
    target(url)


@dataclass(frozen=True)
class _RunningCommand:
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        if self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def wait(self, timeout: float) -> int | None:
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None


@dataclass(frozen=True)
class _RunningFunction:
    process: ForkServerProcess

    def kill(self) -> None:
        pid = self.process.pid
        # A function may have made itself the leader of a group, with what it starts.
        with suppress(ProcessLookupError, PermissionError):
            if pid is not None and os.getpgid(pid) == pid:
                os.killpg(pid, signal.SIGKILL)
        self.process.kill()

    def wait(self, timeout: float) -> int | None:
        self.process.join(timeout)
        return self.process.exitcode
