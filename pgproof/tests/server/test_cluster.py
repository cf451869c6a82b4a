from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pgproof.server import ServerError, running_server

from .conftest import is_alive, postmaster, require_root


@contextlib.contextmanager
def small_disk(directory: Path, megabytes: int) -> Iterator[Path]:
    """A file system with a known amount of space."""
    directory.mkdir()
    mount: list[str | Path] = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs", directory]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small file system cannot be mounted here, so no disk can be filled")
    try:
        yield directory
    finally:
        subprocess.run(["umount", directory], check=True)


def test_a_kept_data_directory_keeps_its_rows_and_its_files_of_settings(place: Path) -> None:
    data = place / 'it\'s "our" data' / "18"
    with running_server(data_directory=data) as server:
        assert server.data_directory == data
        url = server.create_database("shop")
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE item AS SELECT 7 AS id")
    settings = {name: (data / name).read_bytes() for name in ("postgresql.conf", "pg_hba.conf")}
    with (
        running_server(data_directory=data, settings={"work_mem": "9MB"}, tcp=True) as server,
        psycopg.connect(server.url("shop")) as connection,
    ):
        assert connection.execute("SELECT id, current_setting('work_mem') FROM item").fetchone() == (7, "9MB")
    assert {name: (data / name).read_bytes() for name in settings} == settings
    assert not (data / "postmaster.pid").exists()


def test_a_cluster_that_others_start_lets_nobody_in_without_being_its_owner(place: Path) -> None:
    with running_server(data_directory=place / "data"):
        rules = (place / "data" / "pg_hba.conf").read_text().splitlines()
    methods = {line.split()[-1] for line in rules if line and not line.startswith("#")}
    assert methods == {"peer", "reject"}


def test_a_data_directory_of_another_major_version_is_refused(place: Path) -> None:
    data = place / "data"
    data.mkdir()
    (data / "PG_VERSION").write_text("15\n")
    with (
        pytest.raises(ServerError, match=r"is of PostgreSQL 15 and the binaries are 18\.\d+: use .*system:15"),
        running_server(data_directory=data),
    ):
        pass
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


def test_a_folder_with_something_else_in_it_is_refused_and_left_alone(place: Path) -> None:
    data = place / "data"
    data.mkdir()
    (data / "thesis.txt").write_text("years of work")
    with (
        pytest.raises(ServerError, match="neither empty nor a PostgreSQL data directory"),
        running_server(data_directory=data),
    ):
        pass
    assert [path.name for path in data.iterdir()] == ["thesis.txt"]


def test_a_data_directory_in_use_is_refused_and_its_server_goes_on(place: Path) -> None:
    data = place / "data"
    with running_server(data_directory=data) as server:
        process = postmaster(data)
        with (
            pytest.raises(ServerError, match=r"in use by another server \(process \d+\): stop it"),
            running_server(data_directory=data),
        ):
            pass
        assert is_alive(process)
        with psycopg.connect(server.url()) as connection:
            connection.execute("SELECT 1")


def test_a_stale_process_number_is_forgotten_and_its_new_bearer_survives(place: Path) -> None:
    data = place / "data"
    with running_server(data_directory=data):
        lines = (data / "postmaster.pid").read_text().splitlines()
    owner = data.stat()
    # PostgreSQL takes the number for a server of its own only if it may signal that process.
    with subprocess.Popen(
        ["sleep", "600"],
        user=owner.st_uid if os.geteuid() == 0 else None,
        cwd="/",
    ) as bystander:
        try:
            (data / "postmaster.pid").write_text("\n".join([str(bystander.pid), *lines[1:]]) + "\n")
            with running_server(data_directory=data) as server, psycopg.connect(server.url()) as connection:
                connection.execute("SELECT 1")
            assert bystander.poll() is None
        finally:
            bystander.kill()


def test_a_data_directory_below_a_file_is_refused(place: Path) -> None:
    (place / "file").write_text("")
    with (
        pytest.raises(ServerError, match=r"cannot be made \(Not a directory\): choose a folder"),
        running_server(data_directory=place / "file" / "data"),
    ):
        pass


def test_a_file_is_no_data_directory(place: Path) -> None:
    (place / "file").write_text("")
    with (
        pytest.raises(ServerError, match=r"cannot be read \(Not a directory\): give a folder"),
        running_server(data_directory=place / "file"),
    ):
        pass


def test_root_is_told_that_the_other_user_cannot_reach_the_data_directory(place: Path) -> None:
    require_root()
    (place / "closed").mkdir(mode=0o700)
    with (
        pytest.raises(ServerError, match=r"Permission denied.*: choose a folder that nobody owns and can reach"),
        running_server(data_directory=place / "closed" / "data"),
    ):
        pass


def test_an_empty_folder_of_root_is_refused_and_keeps_its_owner(place: Path) -> None:
    require_root()
    (place / "data").mkdir(mode=0o755)
    with (
        pytest.raises(ServerError, match=r"not permitted.*: choose a folder that nobody owns and can reach"),
        running_server(data_directory=place / "data"),
    ):
        pass
    status = (place / "data").stat()
    assert (status.st_uid, status.st_mode & 0o777) == (0, 0o755)


def test_root_runs_the_server_of_an_existing_folder_as_its_owner(place: Path) -> None:
    require_root()
    (place / "data").mkdir(mode=0o700)
    os.chown(place / "data", 1, 1)
    with running_server(data_directory=place / "data"):
        assert postmaster(place / "data").uids().effective == 1


def fill(disk: Path) -> None:
    """Writes a file that takes what is free."""
    status = os.statvfs(disk)
    (disk / "ballast").write_bytes(b"x" * (status.f_bavail * status.f_bsize))


def test_a_disk_too_small_for_a_cluster_is_reported(place: Path) -> None:
    with (
        small_disk(place / "disk", 8) as disk,
        pytest.raises(ServerError, match=r"the disk of .* is full, so no cluster was made there: free 60 MB"),
        running_server(data_directory=disk / "data"),
    ):
        pass


def test_a_disk_that_became_full_is_reported_at_the_start(place: Path) -> None:
    with small_disk(place / "disk", 80) as disk:
        with running_server(data_directory=disk / "data"):
            pass
        fill(disk)
        with (
            pytest.raises(ServerError, match=r"the disk of .* is full, so the server does not start: free some"),
            running_server(data_directory=disk / "data"),
        ):
            pass


def test_a_disk_too_full_for_a_database_is_reported(place: Path) -> None:
    with small_disk(place / "disk", 80) as disk, running_server(data_directory=disk / "data") as server:
        fill(disk)
        with pytest.raises(ServerError, match="the disk of the server is full, so nobody can connect: free some"):
            server.create_database("shop")
        (disk / "ballast").unlink()
        with psycopg.connect(server.url()):
            fill(disk)
        with pytest.raises(ServerError, match="the disk of the server is full, so database shop was not created"):
            server.create_database("shop")
