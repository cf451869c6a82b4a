from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from pgproof.server import (
    Server,
    ServerError,
    StopMode,
    find_binaries,
    running_server,
    running_standby,
    wait_until_replayed,
)

from .conftest import first_line, is_alive, postmaster, require_root
from .test_running import ask, run_folders

NOBODY = pwd.getpwnam("nobody")

SLEEPING_OWNER = """
import sys
from pgproof.server import running_server, running_standby
with running_server() as primary, running_standby(primary) as standby:
    print(primary.data_directory, standby.data_directory, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=["embedded", "system"])
def primary(request: pytest.FixtureRequest, place: Path) -> Iterator[Server]:
    """A primary of the test's own, on each PostgreSQL there is."""
    try:
        find_binaries(request.param)
    except ServerError as error:
        pytest.skip(str(error))
    with running_server(binaries=request.param, settings={"synchronous_commit": "off"}) as server:
        yield server


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def test_what_the_primary_writes_is_read_on_the_standby_which_refuses_writes(primary: Server, place: Path) -> None:
    shop = primary.create_database("shop")
    execute(shop, "CREATE TABLE item AS SELECT 1 AS id")
    with running_standby(primary) as standby:
        assert ask(standby.url("shop"), "SELECT array_agg(id) FROM item") == [1]
        assert ask(standby.url(), "SELECT pg_is_in_recovery()") is True
        for number in (2, 3):
            execute(shop, f"INSERT INTO item VALUES ({number})")
            wait_until_replayed(primary, standby)
            assert ask(standby.url("shop"), "SELECT max(id) FROM item") == number
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            execute(standby.url("shop"), "INSERT INTO item VALUES (4)")
        process = postmaster(standby.data_directory)
        assert process.uids() == postmaster(primary.data_directory).uids()
        assert len(run_folders(place)) == 2
    assert not is_alive(process)
    assert len(run_folders(place)) == 1
    assert ask(shop, "SELECT count(*) FROM item") == 3


def test_a_standby_reads_on_without_its_primary_and_catches_up_when_it_is_back(primary: Server) -> None:
    execute(primary.url(), "CREATE TABLE item AS SELECT 1 AS id")
    with running_standby(primary, settings={"wal_retrieve_retry_interval": "100ms"}) as standby:
        primary.stop("immediate")
        assert ask(standby.url(), "SELECT id FROM item") == 1
        primary.start()
        execute(primary.url(), "INSERT INTO item VALUES (2)")
        wait_until_replayed(primary, standby)
        assert ask(standby.url(), "SELECT max(id) FROM item") == 2


def test_a_standby_that_was_stopped_or_crashed_goes_on_under_its_url(primary: Server) -> None:
    execute(primary.url(), "CREATE TABLE item (id int)")
    with running_standby(primary) as standby:
        url = standby.url()
        modes: tuple[StopMode, ...] = ("fast", "immediate")
        for number, mode in enumerate(modes):
            standby.stop(mode)
            execute(primary.url(), f"INSERT INTO item VALUES ({number})")
            standby.start()
            assert standby.url() == url
            wait_until_replayed(primary, standby)
            assert ask(url, "SELECT max(id) FROM item") == number


def test_a_promoted_standby_takes_writes_and_stops_cleanly(primary: Server) -> None:
    with running_standby(primary) as standby:
        assert ask(standby.url(), "SELECT pg_promote()") is True
        execute(standby.url(), "CREATE TABLE item AS SELECT 7 AS id")
        standby.restart()
        assert ask(standby.url(), "SELECT id FROM item WHERE NOT pg_is_in_recovery()") == 7
    assert ask(primary.url(), "SELECT to_regclass('item')") is None


def test_two_standbys_of_one_primary_have_its_settings_and_their_own(place: Path) -> None:
    with (
        running_server(settings={"max_connections": "130", "work_mem": "7MB"}, tcp=True) as primary,
        running_standby(primary) as one,
        running_standby(primary, settings={"work_mem": "9MB"}) as other,
    ):
        wait_until_replayed(primary, one)
        wait_until_replayed(primary, other)
        for standby, work_mem in ((one, "7MB"), (other, "9MB")):
            assert ask(standby.url(), "SHOW max_connections") == "130"
            assert ask(standby.url(), "SHOW work_mem") == work_mem
            assert ask(standby.url(), "SHOW listen_addresses") == ""


def test_a_wait_for_a_standby_that_does_not_replay_ends(primary: Server) -> None:
    with running_standby(primary) as standby:
        execute(standby.url(), "SELECT pg_wal_replay_pause()")
        execute(primary.url(), "CREATE TABLE item (id int)")
        with pytest.raises(ServerError, match=r"replayed up to \S+ and not \S+ after 0.5 s: check that its replay"):
            wait_until_replayed(primary, standby, seconds=0.5)
        execute(standby.url(), "SELECT pg_wal_replay_resume()")
        wait_until_replayed(primary, standby)
        assert ask(standby.url(), "SELECT count(*) FROM item") == 0


def test_a_primary_that_sends_no_wal_is_one_line_and_leaves_nothing(place: Path) -> None:
    with (
        running_server(settings={"wal_level": "minimal", "max_wal_senders": "0"}) as primary,
        pytest.raises(ServerError, match=r"^no standby of the server on \S+ was made: .*max_wal_senders") as refused,
        running_standby(primary),
    ):
        pass
    assert "\n" not in str(refused.value)
    assert run_folders(place) == []


def test_a_setting_that_the_standby_needs_for_itself_is_refused(primary: Server) -> None:
    with (
        pytest.raises(ServerError, match="the setting port is not free"),
        running_standby(primary, settings={"port": "5433"}),
    ):
        pass


def test_the_standby_of_a_killed_owner_is_swept_by_the_next_server(
    place: Path, spawn: Callable[..., subprocess.Popen[str]]
) -> None:
    owner = spawn(SLEEPING_OWNER)
    left_over = [postmaster(Path(data)) for data in first_line(owner).split()]
    owner.kill()
    owner.wait()
    assert all(map(is_alive, left_over))
    with running_server():
        assert not any(map(is_alive, left_over))
        assert len(run_folders(place)) == 1


def test_an_ordinary_user_runs_a_standby_as_himself(place: Path, spawn: Callable[..., subprocess.Popen[str]]) -> None:
    require_root()
    place.chmod(0o777)
    owner = spawn(SLEEPING_OWNER, user=NOBODY.pw_uid)
    processes: list[psutil.Process] = [postmaster(Path(data)) for data in first_line(owner).split()]
    assert {process.uids().effective for process in processes} == {NOBODY.pw_uid}
    assert owner.communicate(timeout=120)[0] == ""
    assert owner.returncode == 0
    assert not any(map(is_alive, processes))
    assert list(place.glob(f"pgproof-{NOBODY.pw_uid}/run-*")) == []


def test_root_runs_the_standby_of_a_kept_primary_as_its_owner(place: Path) -> None:
    require_root()
    (place / "data").mkdir(mode=0o700)
    os.chown(place / "data", 1, 1)
    with running_server(data_directory=place / "data") as primary, running_standby(primary) as standby:
        assert postmaster(standby.data_directory).uids().effective == 1
        wait_until_replayed(primary, standby)
