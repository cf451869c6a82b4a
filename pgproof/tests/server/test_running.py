from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from pgproof.server import Server, ServerError, find_binaries, running, running_server

from .conftest import first_line, is_alive, postmaster, require_root, use_as_tmpdir

NOBODY = pwd.getpwnam("nobody")

SLEEPING_OWNER = """
import sys
from pgproof.server import running_server
with running_server() as server:
    print(server.data_directory, flush=True)
    sys.stdin.read()
"""


def ask(url: str, query: str) -> Any:
    """The first column of the first row."""
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def run_folders(place: Path) -> list[Path]:
    return list(place.glob(f"pgproof-{os.geteuid()}/run-*"))


def test_a_server_answers_and_leaves_nothing_behind(place: Path) -> None:
    with running_server() as server:
        process = postmaster(server.data_directory)
        assert ask(server.url(), "SHOW server_version") == server.version == find_binaries().version
        assert server.major == 18
        assert len(run_folders(place)) == 1
    assert not is_alive(process)
    assert run_folders(place) == []


def test_two_servers_run_at_once_and_differ(place: Path) -> None:
    identifier = "SELECT system_identifier FROM pg_control_system()"
    with running_server() as one, running_server() as other:
        assert ask(one.url(), identifier) != ask(other.url(), identifier)
        assert len(run_folders(place)) == 2


def test_the_system_binaries_run_a_server(server: Server) -> None:
    assert str(server.major) == ask(server.url(), "SHOW server_version").partition(".")[0]


def test_the_databases_are_utf8_and_know_letters_of_every_language(server: Server) -> None:
    assert ask(server.url(), "SHOW server_encoding") == "UTF8"
    assert ask(server.url(), "SELECT lower('ÉCOLE') || ('É' ~ '^[[:alpha:]]$')::text") == "écoletrue"


def test_settings_reach_the_server_as_they_were_written(place: Path) -> None:
    settings = {"work_mem": "7MB", "application_name": r"it's a \name", "search_path": '"$user", public'}
    with running_server(settings=settings) as server:
        for name, value in settings.items():
            assert ask(server.url(), f"SHOW {name}") == value


def test_pg_stat_statements_is_preloaded(server: Server) -> None:
    with server.scratch_database() as url, psycopg.connect(url) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
        count = connection.execute("SELECT count(*) FROM pg_stat_statements").fetchone()
    assert count is not None
    assert count[0] > 0


def test_the_given_settings_win_over_the_defaults(place: Path) -> None:
    with running_server(settings={"shared_preload_libraries": ""}) as server:
        assert ask(server.url(), "SHOW shared_preload_libraries") == ""


def test_a_setting_that_does_not_exist_is_named(place: Path) -> None:
    with (
        pytest.raises(ServerError, match='did not start: unrecognized configuration parameter "no_such"') as caught,
        running_server(settings={"no_such": "1"}),
    ):
        pass
    assert "\n" not in str(caught.value)
    assert run_folders(place) == []


def test_a_setting_that_the_server_needs_for_itself_is_refused(place: Path) -> None:
    with (
        pytest.raises(ServerError, match="the setting Port is not free in a server of our own"),
        running_server(settings={"Port": "5433"}),
    ):
        pass


def test_variables_for_other_servers_and_secrets_do_not_reach_ours(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "PGPORT": "1",
        "PGHOST": "/nowhere",
        "PGDATA": "/nowhere",
        "PGDATABASE": "nothing",
        "PGUSER": "nobody_here",
        "DATABASE_URL": "postgresql://user:secret@production/db",
    }.items():
        monkeypatch.setenv(name, value)
    with running_server() as server:
        assert ask(server.url(), "SELECT current_database() || current_user") == "postgrespostgres"
        with server.scratch_database() as url:
            assert ask(url, "SELECT 1") == 1
        environment = postmaster(server.data_directory).environ()
    assert not [name for name in environment if name == "DATABASE_URL" or environment[name] == "/nowhere"]
    assert "PGPORT" not in environment


def test_a_temporary_directory_may_have_almost_any_name(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = place / 'it\'s "a" `b` $c \\d %41'
    folder.mkdir()
    use_as_tmpdir(monkeypatch, folder)
    with running_server() as server:
        assert server.data_directory.is_relative_to(folder)
        assert ask(server.url(), "SHOW data_directory") == str(server.data_directory)


def test_a_temporary_directory_with_a_comma_which_libpq_cannot_read_is_passed_over(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = place / "one,two"
    folder.mkdir()
    use_as_tmpdir(monkeypatch, folder)
    with running_server() as server:
        assert ask(server.url(), "SELECT 1") == 1


def test_the_socket_fits_where_the_temporary_directory_is_too_deep(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = place / ("d" * 90)
    deep.mkdir()
    use_as_tmpdir(monkeypatch, deep)
    with running_server() as server:
        assert ask(server.url(), "SELECT 1") == 1


def test_the_socket_is_closed_to_other_users(server: Server) -> None:
    sockets = Path(ask(server.url(), "SHOW unix_socket_directories").strip('"'))
    assert ask(server.url(), "SHOW listen_addresses") == ""
    assert sockets.stat().st_mode & 0o777 == 0o700


def test_tcp_needs_the_password_of_the_url(place: Path) -> None:
    with running_server(tcp=True) as server:
        assert ask(server.url(), "SELECT host(inet_server_addr())") == "127.0.0.1"
        with server.scratch_database() as url:
            assert ask(url, "SELECT host(inet_server_addr())") == "127.0.0.1"
        wrong = server.url().replace("postgresql://postgres:", "postgresql://postgres:x")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)


def test_a_port_taken_in_the_meantime_does_not_fail_the_start(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        free = next(running.free_ports())

        def ports() -> Iterator[int]:
            yield from (taken, free)

        monkeypatch.setattr(running, "free_ports", ports)
        with running_server(tcp=True) as server:
            assert f":{free}/" in server.url()
            assert ask(server.url(), "SELECT inet_server_port()") == free


def test_a_server_stopped_and_started_keeps_its_url_and_rows(place: Path) -> None:
    with running_server(tcp=True) as server:
        url = server.create_database("shop")
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE item AS SELECT 7 AS id")
        for mode in ("fast", "immediate"):
            server.stop(mode)
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(url)
            server.start()
            assert server.url("shop") == url
            assert ask(url, "SELECT id FROM item") == 7
        process = postmaster(server.data_directory)
        server.restart()
        assert not is_alive(process)
        assert ask(url, "SELECT id FROM item") == 7


def test_a_running_server_is_not_started_twice(place: Path) -> None:
    with running_server() as server:
        with pytest.raises(ServerError, match="runs already: stop it first"):
            server.start()
        assert ask(server.url(), "SELECT 1") == 1


def test_an_error_in_the_block_stops_the_server(place: Path) -> None:
    served: list[psutil.Process] = []

    def fail() -> None:
        with running_server() as server:
            served.append(postmaster(server.data_directory))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not is_alive(served[0])
    assert run_folders(place) == []


def test_ctrl_c_reaches_the_owner_alone_and_the_owner_stops_the_server(
    place: Path, spawn: Callable[..., subprocess.Popen[str]]
) -> None:
    owner = spawn(SLEEPING_OWNER)
    process = postmaster(Path(first_line(owner)))
    assert os.getsid(process.pid) == process.pid
    os.killpg(owner.pid, signal.SIGINT)
    assert owner.wait() == -signal.SIGINT
    assert not is_alive(process)
    assert run_folders(place) == []


def test_root_runs_the_server_as_another_user(server: Server) -> None:
    require_root()
    assert postmaster(server.data_directory).uids().effective != 0


def test_an_ordinary_user_runs_a_server_as_himself(place: Path, spawn: Callable[..., subprocess.Popen[str]]) -> None:
    require_root()
    place.chmod(0o777)
    owner = spawn(SLEEPING_OWNER, user=NOBODY.pw_uid)
    process = postmaster(Path(first_line(owner)))
    assert process.uids().effective == NOBODY.pw_uid
    assert owner.communicate(timeout=60)[0] == ""
    assert owner.returncode == 0
    assert not is_alive(process)
    assert list(place.glob(f"pgproof-{NOBODY.pw_uid}/run-*")) == []


def test_a_user_without_a_name_is_told_what_initdb_needs(
    place: Path, spawn: Callable[..., subprocess.Popen[str]]
) -> None:
    require_root()
    place.chmod(0o777)
    owner = spawn(
        "from pgproof.server import ServerError, running_server\n"
        "try:\n"
        "    running_server().__enter__()\n"
        "except ServerError as error:\n"
        "    print(error)\n",
        user=54321,
    )
    assert "uid 54321 has no name on this system: add it to /etc/passwd" in first_line(owner)
    assert list(place.glob("pgproof-54321/run-*")) == []
