from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest

from pgproof.server import ServerError, find_binaries, running_server
from pgproof.server.account import account_for, child_environment

from .conftest import first_line, is_alive, postmaster, require_root, use_as_tmpdir

Spawn = Callable[..., subprocess.Popen[str]]


def owner_of(data_directory: Path | None) -> str:
    """A program that runs a server until its standard input ends."""
    given = None if data_directory is None else str(data_directory)
    return (
        "import sys\n"
        "from pathlib import Path\n"
        "from pgproof.server import running_server\n"
        f"given = {given!r}\n"
        "with running_server(data_directory=given and Path(given)) as server:\n"
        "    print(server.data_directory, flush=True)\n"
        "    sys.stdin.read()\n"
    )


def start_and_kill(spawn: Spawn, data_directory: Path | None) -> tuple[Path, psutil.Process]:
    """The data directory and the postmaster that a killed owner leaves behind."""
    owner = spawn(owner_of(data_directory))
    data = Path(first_line(owner))
    process = postmaster(data)
    owner.kill()
    owner.wait()
    assert is_alive(process)
    return data, process


def test_the_server_and_the_folder_of_a_killed_owner_are_cleaned_by_the_next_start(place: Path, spawn: Spawn) -> None:
    data, process = start_and_kill(spawn, None)
    with running_server():
        assert not is_alive(process)
        assert not data.parent.exists()
        assert len(list(place.glob("pgproof-*/run-*"))) == 1


def test_sessions_that_outlived_their_killed_postmaster_are_ended(place: Path, spawn: Spawn) -> None:
    owner = spawn(
        "import psycopg, threading\n"
        "from pgproof.server import running_server\n"
        "with running_server(settings={'dynamic_shared_memory_type': 'mmap'}) as server:\n"
        "    connection = psycopg.connect(server.url())\n"
        "    print(connection.info.backend_pid, server.data_directory, flush=True)\n"
        "    connection.execute('SELECT count(*) FROM generate_series(1, 100000000000)')\n"
    )
    pid, _, data = first_line(owner).partition(" ")
    session = psutil.Process(int(pid))
    with psycopg.connect(f"postgresql://postgres@/?host={Path(data).parent}/socket&port=5432") as watcher:
        query = "SELECT state FROM pg_stat_activity WHERE pid = %s"
        while watcher.execute(query, [int(pid)]).fetchone() != ("active",):
            watcher.rollback()
    server = postmaster(Path(data))
    shared_memory = (Path(data) / "postmaster.pid").read_text().splitlines()[6].split()[1]
    owner.kill()
    owner.wait()
    server.kill()
    assert is_alive(session)
    with running_server():
        assert not is_alive(session)
    # Nobody but a server on the same data directory would free it; the number may be free already.
    subprocess.run(["ipcrm", "-m", shared_memory], capture_output=True, check=False)


def test_a_kept_data_directory_of_a_killed_owner_is_taken_up_again(place: Path, spawn: Spawn) -> None:
    data, process = start_and_kill(spawn, place / "data")
    with running_server(data_directory=data) as server, psycopg.connect(server.url()) as connection:
        assert not is_alive(process)
        connection.execute("SELECT 1")
    assert (data / "PG_VERSION").exists()


def test_a_kept_data_directory_is_taken_up_again_from_another_temporary_directory(
    place: Path, spawn: Spawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, process = start_and_kill(spawn, place / "data")
    (place / "other").mkdir(mode=0o711)
    use_as_tmpdir(monkeypatch, place / "other")
    with running_server(data_directory=data) as server, psycopg.connect(server.url()) as connection:
        assert not is_alive(process)
        connection.execute("SELECT 1")
    assert list(place.glob("pgproof-*/run-*")) == []


def test_a_kept_data_directory_outlives_the_cleaning_of_its_server(place: Path, spawn: Spawn) -> None:
    data, process = start_and_kill(spawn, place / "data")
    with running_server():
        assert not is_alive(process)
    assert (data / "PG_VERSION").exists()
    assert not (data / "postmaster.pid").exists()


def test_a_server_whose_owner_lives_is_not_touched(place: Path, spawn: Spawn) -> None:
    owner = spawn(owner_of(None))
    data = Path(first_line(owner))
    with running_server():
        assert is_alive(postmaster(data))
    owner.communicate()
    assert owner.returncode == 0


def test_a_server_that_somebody_else_started_since_is_not_touched(place: Path, spawn: Spawn) -> None:
    data, process = start_and_kill(spawn, place / "data")
    process.send_signal(signal.SIGINT)
    while is_alive(process):
        time.sleep(0.01)
    account = account_for(data)
    by_hand = subprocess.Popen(
        [find_binaries().directory / "postgres", "-D", data, "-c", "listen_addresses=", "-k", data],
        cwd="/",
        env=child_environment(),
        stderr=subprocess.DEVNULL,
        user=account.user,
        group=account.group,
        extra_groups=account.extra_groups,
    )
    with by_hand:
        try:
            while not (data / ".s.PGSQL.5432").exists():
                assert by_hand.poll() is None
            with running_server():
                assert by_hand.poll() is None
            with pytest.raises(ServerError, match="in use by another server"), running_server(data_directory=data):
                pass
            assert by_hand.poll() is None
        finally:
            by_hand.terminate()


def test_a_folder_that_another_user_made_in_our_name_is_not_used(place: Path) -> None:
    require_root()
    trap = place / "pgproof-0"
    trap.mkdir(mode=0o777)
    os.chown(trap, 1, 1)
    with running_server() as server:
        assert not server.data_directory.is_relative_to(place)
    assert list(trap.iterdir()) == []
    assert trap.stat().st_uid == 1


def test_a_link_in_our_name_is_not_followed(place: Path) -> None:
    (place / "elsewhere").mkdir()
    (place / f"pgproof-{os.geteuid()}").symlink_to(place / "elsewhere")
    with running_server() as server:
        assert not server.data_directory.is_relative_to(place)
    assert list((place / "elsewhere").iterdir()) == []
