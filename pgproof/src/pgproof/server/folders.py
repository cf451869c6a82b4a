"""Folders of ours in the temporary directory: one for each running server, and copies of binaries.

A run folder belongs to the process that holds a lock on it. The kernel lets go of the lock when the process
ends, however it ends, so whoever comes next can tell a left-over from a server in use without comparing
process ids, and cleans it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from pgproof.server.account import Account
from pgproof.server.errors import ServerError
from pgproof.server.processes import arguments, postgres_processes, stop_left_over

_LONGEST_SOCKET_PATH = 103
"""Bytes of a socket's path that fit on Linux (107) and macOS (103)."""

_SOCKET_BELOW_BASE = len("/run-abcdefgh/socket/.s.PGSQL.5432")


def base_folder(account: Account) -> Path:
    """The folder that holds all folders of ours, made on first use.

    Raises:
        ServerError: no temporary directory can be used by us and by `account`.
    """
    places = [Path(tempfile.gettempdir()).resolve(), Path("/tmp").resolve(), Path("/var/tmp")]  # noqa: S108
    for place in dict.fromkeys(places):
        base = place / f"pgproof-{os.geteuid()}"
        fits = len(os.fsencode(base)) + _SOCKET_BELOW_BASE <= _LONGEST_SOCKET_PATH
        # libpq takes a comma for the beginning of a second host.
        if fits and "," not in str(base) and account.can_enter(place):
            with contextlib.suppress(OSError):
                base.mkdir(mode=0o700, exist_ok=True)
                if _is_ours_alone(base):
                    # Another user may pass through it to what is his, and not look around.
                    base.chmod(0o711)
                    return base
    raise ServerError(
        f"no temporary directory can hold a server for {account.name} (tried {', '.join(map(str, places))}): "
        "set TMPDIR to a writable folder with a short path that this user may enter"
    )


@contextlib.contextmanager
def run_folder(account: Account, kept_data_directory: Path | None) -> Iterator[Path]:
    """A folder for one running server, removed at the end; left-overs of dead processes are removed first.

    It holds `data`, the data directory or a link to the one that is kept, and `socket`, which is open to
    `account` and to us only.
    """
    base = base_folder(account)
    with _locked(base):
        _remove_left_overs(base.glob("run-*"))
        if kept_data_directory is not None:
            # Its last owner may have had another temporary directory.
            _remove_left_overs(_run_folders_serving(kept_data_directory))
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=base))
        owner = os.open(folder, os.O_RDONLY)
        fcntl.flock(owner, fcntl.LOCK_EX)
    try:
        folder.chmod(0o711)
        (folder / "socket").mkdir(mode=0o700)
        account.take(folder / "socket")
        if kept_data_directory is None:
            (folder / "data").mkdir(mode=0o700)
            account.take(folder / "data")
        else:
            (folder / "data").symlink_to(kept_data_directory)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(owner)


@contextlib.contextmanager
def locked_base_folder(account: Account) -> Iterator[Path]:
    """The base folder, with nobody else making or removing anything in it meanwhile."""
    base = base_folder(account)
    with _locked(base):
        yield base


def _is_ours_alone(base: Path) -> bool:
    status = base.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _run_folders_serving(data_directory: Path) -> list[Path]:
    """The folders of runs of ours whose server works in a data directory now."""
    return [
        Path(folder)
        for process in postgres_processes(data_directory)
        for folder in re.findall(
            rf"^config_file=(/.*/pgproof-{os.geteuid()}/run-\w+)/", "\n".join(arguments(process)), re.M
        )
    ]


def _remove_left_overs(folders: Iterable[Path]) -> None:
    for folder in folders:
        with contextlib.suppress(FileNotFoundError, BlockingIOError):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                data = folder / "data"
                stop_left_over(folder, data, kept=data.is_symlink())
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)
