"""The living processes of a server, told by what they are rather than by a number in a file.

A number in `postmaster.pid` may since belong to any program; a process called postgres whose working
directory is the data directory belongs to the server of that data directory.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

_STOP_SECONDS = 30.0


def postgres_processes(data_directory: Path) -> list[psutil.Process]:
    """The server processes that work in a data directory, the postmaster among them.

    Processes of other users that we may not look at are left out: a server works in a data directory of its
    own user, which only he and root can use.
    """
    here = str(data_directory.resolve())
    return [
        process
        for process in psutil.process_iter(["name", "cwd"])
        if process.info["name"] in ("postgres", "postmaster") and process.info["cwd"] == here
    ]


def stop_left_over(run_folder: Path, data_directory: Path, *, kept: bool) -> None:
    """Stops the server that a dead owner started from `run_folder`, if it still runs.

    A server that somebody else has since started on a kept data directory is not touched: its postmaster
    was not given a configuration file of this run folder.

    Args:
        run_folder: the folder of that run; no living process owns it.
        data_directory: where the server kept its data.
        kept: whether the data are to be kept; if so the server may write its last checkpoint.
    """
    for process in postgres_processes(data_directory):
        if any(str(run_folder) in argument for argument in arguments(process)):
            for signal_number in (signal.SIGINT, signal.SIGQUIT) if kept else (signal.SIGQUIT,):
                if not _has_ended(process):
                    _send(process, signal_number)
                    _wait_for_end([process])
    if not kept:
        # What remains in a folder of ours has lost its postmaster, and would run on without its data.
        rest = postgres_processes(data_directory)
        for process in rest:
            _send(process, signal.SIGKILL)
        _wait_for_end(rest)


def arguments(process: psutil.Process) -> list[str]:
    """What a process was started with; nothing if it has ended."""
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def _send(process: psutil.Process, signal_number: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(signal_number)


def _has_ended(process: psutil.Process) -> bool:
    # A zombie has ended; where process 1 reaps nobody it stays in the table for ever.
    try:
        return not process.is_running() or bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _wait_for_end(processes: Sequence[psutil.Process]) -> None:
    deadline = time.monotonic() + _STOP_SECONDS
    while not all(map(_has_ended, processes)) and time.monotonic() < deadline:
        time.sleep(0.02)
