"""The process `postgres` itself: started in a session of its own, awaited, stopped."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pgproof.server.account import Account, child_environment
from pgproof.server.errors import ServerError

StopMode = Literal["fast", "immediate"]
"""PostgreSQL's shutdown modes: fast ends all sessions and writes a checkpoint, immediate does neither."""

_START_SECONDS = 120.0
_STOP_SECONDS = 30.0
_POLL_SECONDS = 0.01


class PortTakenError(ServerError):
    """The server could not listen on its port because somebody else does."""


class Postmaster:
    """A running server process on one data directory.

    It is started directly rather than by pg_ctl, which passes paths through a shell without quoting them.
    """

    def __init__(self, command: Sequence[str | Path], account: Account, data_directory: Path, log: Path) -> None:
        """Starts the server and returns when it accepts connections.

        Args:
            command: the program `postgres` and its arguments.
            account: the user to run it as.
            data_directory: the data directory that the arguments name.
            log: the file that receives its messages.

        Raises:
            PortTakenError: another program listens on the port.
            ServerError: the server did not start; the message has its own reason.
        """
        self._data_directory = data_directory
        self._log = log
        self._log_start = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                list(command),
                cwd="/",
                env=child_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Ctrl-C reaches everything in the terminal's session; this server is to be stopped by us.
                start_new_session=True,
                user=account.user,
                group=account.group,
                extra_groups=account.extra_groups,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop("immediate")
            raise

    def stop(self, mode: StopMode) -> None:
        """Stops the server and returns when it is gone; one that does not obey is stopped more firmly."""
        signals = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)
        for number in signals if mode == "fast" else signals[1:]:
            self._process.send_signal(number)
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            except BaseException:
                # Interrupted while waiting: nobody will come back for this process.
                self._process.send_signal(signal.SIGQUIT)
                raise
            return

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self._is_ready():
            if self._process.poll() is not None:
                raise self._failure()
            if time.monotonic() > deadline:
                raise ServerError(
                    f"the server on {self._data_directory} accepts no connections after {_START_SECONDS:.0f} s "
                    f"and was stopped; its last words: {self._last_line()}"
                )
            time.sleep(_POLL_SECONDS)

    def _is_ready(self) -> bool:
        # The lines of postmaster.pid are fixed in PostgreSQL's utils/pidfile.h; pg_ctl waits for the same.
        try:
            lines = (self._data_directory / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(self._process.pid) and lines[7].strip() in ("ready", "standby")

    def _messages(self) -> str:
        with self._log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def _last_line(self) -> str:
        return (self._messages().strip().splitlines() or ["none"])[-1]

    def _failure(self) -> ServerError:
        messages = self._messages()
        where = self._data_directory
        if "Address already in use" in messages:
            return PortTakenError(f"the port of the server on {where} is taken: stop who uses it, or start anew")
        if "No space left on device" in messages:
            return ServerError(f"the disk of {where} is full, so the server does not start: free some space")
        if "lock file" in messages or "shared memory block" in messages:
            return ServerError(
                f"the data directory {where} is in use by another server: "
                "stop it with pg_ctl stop, or choose another data directory"
            )
        found = re.findall(r"(?:LOG|ERROR|FATAL|PANIC):\s+(.*)", messages) or [self._last_line()]
        # For faults in the settings the line before the last names the setting, the last one only the file.
        cause = found[-2] if len(found) > 1 and "contains errors" in found[-1] else found[-1]
        return ServerError(f"the server on {where} did not start: {cause}")
