"""A load into a database on a file system that really is full."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from intowork.seed import LoadError, Scale, load
from pgproof.server import Server

from .conftest import TINY
from .test_load import acting_during, state_of

DISK_MEGABYTES = 160


@dataclass(frozen=True)
class SmallDisk:
    """A file system with a known amount of space, and the database that lies on it with all its tables."""

    directory: Path
    url: str

    def fill(self) -> None:
        """Write a file that takes what is free, less than the last 64 kB."""
        status = os.statvfs(self.directory)
        (self.directory / "ballast").write_bytes(b"x" * (status.f_bavail * status.f_bsize - 65_536))

    def make_room(self) -> None:
        (self.directory / "ballast").unlink()


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.fixture
def disk(small_disk: Callable[[int], AbstractContextManager[Path]]) -> Iterator[Path]:
    with small_disk(DISK_MEGABYTES) as directory:
        yield directory


@pytest.fixture
def full(server: Server, empty_head: str, disk: Path) -> Iterator[SmallDisk]:
    """A database at head on it; WAL and catalog of the server lie elsewhere, so that the server lives on."""
    (disk / "tables").mkdir()
    server.account.take(disk / "tables")
    template = str(psycopg.conninfo.conninfo_to_dict(empty_head)["dbname"])
    execute(server.url(), f"CREATE TABLESPACE small LOCATION '{disk / 'tables'}'")
    try:
        with server.scratch_database(template=template) as url:
            name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
            execute(server.url(), f'ALTER DATABASE "{name}" SET TABLESPACE small')
            yield SmallDisk(disk, url)
    finally:
        execute(server.url(), "DROP TABLESPACE small")


@pytest.mark.parametrize("step", ["users", "building indexes"])
def test_a_disk_that_becomes_full_is_one_line_and_leaves_the_database_as_it_was(full: SmallDisk, step: str) -> None:
    load(full.url, TINY, faults=False)
    before = state_of(full.url)
    larger = Scale.of_jobs(1000)
    with pytest.raises(LoadError) as failure:
        load(full.url, larger, faults=False, allow_non_empty=True, progress=acting_during(step, full.fill))
    assert str(failure.value) == (
        f"the disk of the server is full, so {psycopg.conninfo.conninfo_to_dict(full.url)['dbname']} stays as it was: "
        "make room or choose a smaller scale, then load again"
    )
    assert isinstance(failure.value.__cause__, psycopg.errors.DiskFull)
    full.make_room()
    assert state_of(full.url) == before
    report = load(full.url, larger, faults=False, allow_non_empty=True)
    assert {table.table: table.rows for table in report.tables}["jobs"] == 1000


def test_the_command_says_it_in_one_line_and_loads_nothing(full: SmallDisk) -> None:
    before = state_of(full.url)
    full.fill()
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    ran = subprocess.run(
        (sys.executable, "-m", "intowork", "seed", "--scale", "small"),
        env={**environment, "DATABASE_URL": full.url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 3
    (line,) = [line for line in ran.stderr.splitlines() if line]
    if "could not write init file" in line:
        # The server lets nobody in whose session has to write its cache of the catalog first.
        assert line.startswith("error: no connection to database ")
    else:
        assert line.startswith("error: the disk of the server is full, so ")
        assert line.endswith("make room or choose a smaller scale, then load again")
    assert ran.stdout == ""
    full.make_room()
    assert state_of(full.url) == before
    load(full.url, TINY, faults=False)
