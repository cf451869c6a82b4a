"""A data directory of our own: made where there is none, refused where it is not fit."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil

from pgproof.server.account import Account
from pgproof.server.binaries import Binaries
from pgproof.server.errors import ServerError
from pgproof.server.processes import postgres_processes


def prepare_data_directory(directory: Path, binaries: Binaries, account: Account, *, kept: bool) -> None:
    """Makes sure that `directory` holds a cluster that the binaries can serve and nobody else serves now.

    Raises:
        ServerError: the directory holds something else or another major version, is served by another
            server, or cannot be read or written.
    """
    try:
        directory.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        pass
    except OSError as error:
        raise ServerError(
            f"the data directory {directory} cannot be made ({error.strerror}): choose a folder you may write to"
        ) from error
    else:
        account.take(directory)
    try:
        names = {path.name for path in directory.iterdir()}
        version_file = directory / "PG_VERSION"
        major = version_file.read_text().strip() if version_file.name in names else None
    except OSError as error:
        raise ServerError(
            f"the data directory {directory} cannot be read ({error.strerror}): "
            "give a folder of your own, or one that does not exist yet"
        ) from error
    if not names:
        _initdb(directory, binaries, account, kept=kept)
    elif major is None:
        raise ServerError(
            f"{directory} is neither empty nor a PostgreSQL data directory, so nothing was written to it: "
            "choose an empty folder or one that does not exist yet"
        )
    elif major != str(binaries.major):
        raise ServerError(
            f"the data directory {directory} is of PostgreSQL {major} and the binaries are {binaries.version}: "
            f"use those of {major} (system:{major}), or another data directory"
        )
    else:
        _refuse_if_served(directory)
        _forget_stale_postmaster(directory)


def _initdb(directory: Path, binaries: Binaries, account: Account, *, kept: bool) -> None:
    command: list[str | Path] = [
        binaries.directory / "initdb",
        f"--pgdata={directory}",
        "--username=postgres",
        "--encoding=UTF8",
        # Order by code point, as everywhere the same and fast; letters of every language known as such.
        "--locale=C",
        # How others may connect if they start a kept cluster without us; we bring rules of our own.
        "--auth-local=peer",
        "--auth-host=reject",
        "--no-instructions",
    ]
    if binaries.major >= 17:
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    if not kept:
        command.append("--no-sync")
    answer = account.run([*command, "--lc-ctype=C.UTF-8"])
    if "invalid locale name" in answer.stderr:
        answer = account.run(command)  # a system without C.UTF-8, such as macOS before 14
    if answer.returncode != 0:
        raise ServerError(_why_initdb_failed(answer.stderr + answer.stdout, directory, account))


def _why_initdb_failed(output: str, directory: Path, account: Account) -> str:
    if "No space left on device" in output:
        return (
            f"the disk of {directory} is full, so no cluster was made there: "
            "free 60 MB, or choose another folder (a data directory, or TMPDIR for a temporary server)"
        )
    if "user does not exist" in output:
        return f"no cluster was made in {directory}: {account.name} has no name on this system: add it to /etc/passwd"
    marks = ("error: ", "FATAL:  ", "PANIC:  ")
    causes = [line.partition(mark)[2] for line in output.splitlines() for mark in marks if mark in line]
    cause = causes[0] if causes else " ".join(output.split()[-20:])
    return (
        f"no cluster was made in {directory} ({cause}): choose a folder that {account.name} owns and can reach"
        if "Permission denied" in cause or "not permitted" in cause
        else f"no cluster was made in {directory}: {cause}"
    )


def _refuse_if_served(directory: Path) -> None:
    serving = postgres_processes(directory)
    if serving:
        raise ServerError(
            f"the data directory {directory} is in use by another server (process {serving[0].pid}): "
            "stop it with pg_ctl stop, or choose another data directory"
        )


def _forget_stale_postmaster(directory: Path) -> None:
    """Removes a `postmaster.pid` whose number meanwhile belongs to a program that is no server here.

    PostgreSQL itself ignores the file when no process has that number; when some process has, it refuses to
    start. Server processes that outlived their postmaster are still noticed, by their shared memory.
    """
    file = directory / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
        if psutil.pid_exists(int(file.read_text().splitlines()[0])):
            file.unlink()
