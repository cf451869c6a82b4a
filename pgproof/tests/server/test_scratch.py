from __future__ import annotations

import re
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from pgproof.server import ScratchDatabases, Server, ServerError, running_server

from .conftest import first_line

Spawn = Callable[..., subprocess.Popen[str]]

OWNER = """
import sys
from pgproof.server import ScratchDatabases
with ScratchDatabases({url!r}).scratch_database() as url:
    print(url, flush=True)
    sys.stdin.read()
"""


def databases(server: Server) -> set[str]:
    with psycopg.connect(server.url()) as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database")}


def name_of(url: str) -> str:
    with psycopg.connect(url) as connection:
        return connection.info.dbname


def orphan(server: Server, spawn: Spawn) -> str:
    """The name of a scratch database whose owner was killed and whose session the server has ended."""
    owner = spawn(OWNER.format(url=server.url()))
    name = name_of(first_line(owner))
    owner.kill()
    owner.wait()
    with psycopg.connect(server.url(), autocommit=True) as connection:
        while connection.execute("SELECT FROM pg_locks WHERE locktype = 'advisory'").fetchone() is not None:
            time.sleep(0.01)
    assert name in databases(server)
    return name


def test_a_scratch_database_is_empty_and_gone_afterwards(server: Server) -> None:
    with server.scratch_database() as url, psycopg.connect(url) as connection:
        tables = connection.execute("SELECT FROM pg_class WHERE oid >= 16384").fetchall()
        name = connection.info.dbname
        assert name in databases(server)
    assert tables == []
    assert name not in databases(server)


def test_a_scratch_database_has_the_rows_of_its_template(server: Server) -> None:
    with server.scratch_database() as template:
        with psycopg.connect(template) as connection:
            connection.execute("CREATE TABLE item AS SELECT generate_series(1, 1000) AS id")
        with server.scratch_database(template=name_of(template)) as url, psycopg.connect(url) as connection:
            assert connection.execute("SELECT sum(id) FROM item").fetchone() == (500500,)
            connection.execute("DELETE FROM item")
        with psycopg.connect(template) as connection:
            assert connection.execute("SELECT count(*) FROM item").fetchone() == (1000,)


def test_a_scratch_database_in_use_is_dropped_all_the_same(server: Server) -> None:
    with server.scratch_database() as url:
        connection = psycopg.connect(url)
        name = connection.info.dbname
    assert name not in databases(server)
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    connection.close()


def test_a_scratch_database_is_dropped_after_an_error(server: Server) -> None:
    before = databases(server)
    with pytest.raises(ZeroDivisionError), server.scratch_database():
        raise ZeroDivisionError
    assert databases(server) == before


def test_an_orphan_is_dropped_and_a_live_one_is_not(server: Server, spawn: Spawn) -> None:
    orphaned = orphan(server, spawn)
    owner = spawn(OWNER.format(url=server.url()))
    # The owner drops the orphan before it makes its own.
    live = name_of(first_line(owner))
    assert orphaned not in databases(server)
    with server.scratch_database() as mine:
        assert {live, name_of(mine)} <= databases(server)
    owner.communicate()
    assert owner.returncode == 0
    assert live not in databases(server)


def test_an_orphan_that_somebody_is_connected_to_is_dropped(server: Server, spawn: Spawn) -> None:
    orphaned = orphan(server, spawn)
    with psycopg.connect(server.url(orphaned)):
        assert ScratchDatabases(server.url()).drop_orphans() == (orphaned,)
    assert orphaned not in databases(server)


def test_an_owner_connected_to_another_database_is_recognised(server: Server) -> None:
    with server.scratch_database() as elsewhere, ScratchDatabases(elsewhere).scratch_database() as url:
        assert ScratchDatabases(server.url()).drop_orphans() == ()
        assert name_of(url) in databases(server)


def test_an_orphan_that_cannot_be_dropped_stops_nobody(place: Path) -> None:
    with running_server(settings={"max_prepared_transactions": "1"}) as server:
        name = "pgproof_scratch_00000000000000ff"
        with psycopg.connect(server.create_database(name), autocommit=True) as connection:
            connection.execute("BEGIN")
            connection.execute("CREATE TABLE item (id integer)")
            connection.execute("PREPARE TRANSACTION 'forgotten'")
        with server.scratch_database() as url:
            assert {name, name_of(url)} <= databases(server)
        with pytest.raises(ServerError, match=f"database {name} was not dropped: .*prepared transaction"):
            server.drop_database(name)


def test_names_that_only_look_alike_are_not_dropped(server: Server) -> None:
    names = {"pgproof_scratch_mine", "pgproof_scratch_0123456789ABCDEF", "my_pgproof_scratch_0123456789abcdef"}
    for name in names:
        server.create_database(name)
    try:
        assert ScratchDatabases(server.url()).drop_orphans() == ()
        assert names <= databases(server)
    finally:
        for name in names:
            server.drop_database(name)


def test_what_another_role_owns_is_not_dropped(server: Server) -> None:
    name = "pgproof_scratch_fedcba9876543210"
    server.create_database(name)
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE guest LOGIN CREATEDB")
    try:
        guest = ScratchDatabases(server.url().replace("postgres@", "guest@"))
        with guest.scratch_database():
            assert name in databases(server)
        assert ScratchDatabases(server.url()).drop_orphans() == (name,)
    finally:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("DROP ROLE guest")


def test_the_limits_of_a_role_do_not_end_the_ownership(server: Server) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE hasty LOGIN CREATEDB")
        connection.execute("ALTER ROLE hasty SET statement_timeout = '1ms'")
        connection.execute("ALTER ROLE hasty SET idle_session_timeout = '1ms'")
    try:
        with ScratchDatabases(server.url().replace("postgres@", "hasty@")).scratch_database() as url:
            assert ScratchDatabases(server.url()).drop_orphans() == ()
            name = re.search("pgproof_scratch_[0-9a-f]+", url)
            assert name is not None
            assert name[0] in databases(server)
    finally:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("DROP ROLE hasty")


def test_a_database_whose_owner_lost_its_session_is_dropped_at_the_end(server: Server) -> None:
    with server.scratch_database() as url:
        name = name_of(url)
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory'")
    assert name not in databases(server)


def test_a_template_in_use_is_reported(embedded_server: Server) -> None:
    server = embedded_server
    with server.scratch_database() as template, psycopg.connect(template) as connection:
        name = connection.info.dbname
        with pytest.raises(ServerError, match=f"database {name} is in use, so it cannot be copied: close"):
            server.create_database("copy", template=name)
    assert "copy" not in databases(server)


def test_a_missing_template_and_a_taken_name_are_reported(server: Server) -> None:
    with pytest.raises(ServerError, match=r'database copy was not created: .*"nothing" does not exist'):
        server.create_database("copy", template="nothing")
    with pytest.raises(ServerError, match=r'database postgres was not created: .*"postgres" already exists'):
        server.create_database("postgres")


def test_a_role_that_may_not_create_databases_is_told_so(server: Server) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE reader LOGIN")
    try:
        with pytest.raises(ServerError, match="was not created: permission denied to create database"):
            ScratchDatabases(server.url().replace("postgres@", "reader@")).create_database("mine")
    finally:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("DROP ROLE reader")


@pytest.mark.parametrize("name", ["with space", "a/b?c=d&e#f%20", 'quote"d', "été", "Robert'); DROP TABLE"])
def test_a_database_may_have_any_name(server: Server, name: str) -> None:
    url = server.create_database(name)
    try:
        assert name_of(url) == name
    finally:
        server.drop_database(name)
    assert name not in databases(server)


def test_dropping_what_is_not_there_is_no_error(server: Server) -> None:
    server.drop_database("nothing of this name")


def test_a_server_that_does_not_answer_is_reported_without_its_password() -> None:
    with pytest.raises(ServerError, match=r"no connection to the server: .*; check that it runs") as caught:
        ScratchDatabases("postgresql://me:secret@127.0.0.1:1/db").create_database("mine")
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_url_that_names_its_database_twice_is_refused(server: Server) -> None:
    url = server.url() + "&dbname=" + quote("production")
    with pytest.raises(ServerError, match="names its database as dbname=: name it in the path"):
        ScratchDatabases(url)


def test_a_url_of_something_else_is_refused() -> None:
    with pytest.raises(ServerError, match="is not one of PostgreSQL: it begins with postgresql://"):
        ScratchDatabases("mysql://root@localhost/db")


def test_a_url_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ServerError, match=r"cannot be read \(.*no_such_option.*\): correct it"):
        ScratchDatabases("postgresql://localhost/db?no_such_option=1")


def test_a_url_without_a_host_in_front_keeps_its_form() -> None:
    url = "postgresql:///postgres?host=/run/my%20sockets&port=6000"
    assert ScratchDatabases(url).url("a b") == "postgresql:///a%20b?host=/run/my%20sockets&port=6000"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(
            b"R"
            + struct.pack("!ii", 8, 0)
            + b"S"
            + struct.pack("!i", 24)
            + b"server_version\x0014.9\x00"
            + b"Z"
            + struct.pack("!i", 5)
            + b"I",
            id="14",
        ),
        pytest.param(
            b"E"
            + struct.pack("!i", 79)
            + b'SFATAL\x00C42704\x00Munrecognized configuration parameter "idle_session_timeout"\x00\x00',
            id="13",
        ),
    ],
)
def test_a_server_older_than_15_is_refused(answer: bytes) -> None:
    """The answer is what such a server sends to a client's first message."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(4096)
                client.sendall(answer)
                client.recv(4096)

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"postgresql://postgres@127.0.0.1:{listener.getsockname()[1]}/postgres?sslmode=disable&gssencmode=disable"
        with pytest.raises(ServerError, match="older than PostgreSQL 15: use one of that version or newer"):
            ScratchDatabases(url).create_database("mine")
        thread.join()
