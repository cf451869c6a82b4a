"""SOURCE in every form that people have at hand, and what is said when no connection comes about."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from pgproof.errors import PgproofError
from pgproof.facts.source import ServerSource, SnapshotSource, connect, parse_source
from pgproof.server import running_server


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGSERVICE", "PGSSLMODE"):
        monkeypatch.delenv(name, raising=False)


def parts(text: str) -> dict[str, object]:
    source = parse_source(text)
    assert isinstance(source, ServerSource)
    return {name: value for name, value in conninfo_to_dict(source.conninfo).items() if value is not None}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://u:p@h:5433/d", {"user": "u", "password": "p", "host": "h", "port": "5433", "dbname": "d"}),
        ("postgres://u@h/d", {"user": "u", "host": "h", "dbname": "d"}),
        ("postgresql+psycopg2://u@h/d", {"user": "u", "host": "h", "dbname": "d"}),
        ("postgresql+asyncpg://u@h/d?ssl=true", {"user": "u", "host": "h", "dbname": "d", "sslmode": "require"}),
        ("postgresql+asyncpg://h/d?ssl=verify-full", {"host": "h", "dbname": "d", "sslmode": "verify-full"}),
        ("postgresql+asyncpg://u@h/d?prepared_statement_cache_size=0", {"user": "u", "host": "h", "dbname": "d"}),
        ("postgresql://u:p%40%3A%2F@h/d%20b", {"user": "u", "password": "p@:/", "host": "h", "dbname": "d b"}),
        ("postgresql://u@[::1]:5433/d", {"user": "u", "host": "::1", "port": "5433", "dbname": "d"}),
        ("postgresql://u@/d?host=/run/pg&port=6", {"user": "u", "host": "/run/pg", "port": "6", "dbname": "d"}),
        ("postgresql://a:1,b:2/d", {"host": "a,b", "port": "1,2", "dbname": "d"}),
        ("postgresql+psycopg://u@/d?host=a:1&host=b:2", {"user": "u", "host": "a,b", "port": "1,2", "dbname": "d"}),
        ("host=h dbname=d password='a b'", {"host": "h", "dbname": "d", "password": "a b"}),
        ("service=shop", {"service": "shop"}),
        ("postgresql://h/d?application_name=x&sslmode=require", {"host": "h", "dbname": "d", "sslmode": "require"}),
    ],
)  # fmt: skip
def test_every_form_of_a_server_means_one_conninfo(text: str, expected: dict[str, str]) -> None:
    assert parts(text) == expected


def test_a_variable_and_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SHOP_URL", "postgresql://u@h/shop")
    assert parts("env:SHOP_URL")["dbname"] == "shop"
    file = tmp_path / "snapshot.json"
    file.touch()
    assert parse_source(str(file)) == SnapshotSource(file)


@pytest.mark.parametrize(
    "text",
    ["", "nothing-here.json", "mysql://u:canary@h/d", "env:NOT_SET", "postgresql://u:ca@nary@h/d", "colour=canary",
     "postgresql+bad driver://u:canary@h/d"],
)  # fmt: skip
def test_what_is_no_source_is_one_line_that_does_not_repeat_it(text: str) -> None:
    with pytest.raises(PgproofError) as caught:
        parse_source(text)
    assert "\n" not in str(caught.value)
    assert "canary" not in str(caught.value)
    assert "nary@" not in str(caught.value)


def test_a_password_is_never_shown() -> None:
    source = parse_source("postgresql://u:canary@h:5433/d")
    assert "canary" not in repr(source) + str(source)
    assert str(source) == "database d at h:5433"


def said(url: str) -> str:
    source = parse_source(url)
    assert isinstance(source, ServerSource)
    with pytest.raises(PgproofError) as caught, connect(source):
        pass
    message = str(caught.value)
    assert "\n" not in message
    assert "canary" not in message
    return message


def test_a_connection_has_no_name_that_could_stay_and_prepares_nothing(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGAPPNAME", "shell")
    source = parse_source(f"{database}&application_name=url")
    assert isinstance(source, ServerSource)
    with connect(source) as connection:
        assert connection.execute("SHOW application_name").fetchone() == ("",)
        assert connection.execute("SHOW client_encoding").fetchone() == ("UTF8",)
        assert connection.autocommit
        for _ in range(10):
            connection.execute("SELECT %s::int", [1])
        assert connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)


def test_sign_in_that_is_refused() -> None:
    with running_server(tcp=True, settings={"max_connections": "4", "superuser_reserved_connections": "1"}) as server:
        right = server.url()
        password = str(conninfo_to_dict(right)["password"])
        assert "password or user is wrong" in said(right.replace(password, "canary"))
        assert "a password is needed" in said(right.replace(f":{password}@", "@"))
        assert "database does not exist" in said(right.removesuffix("postgres") + "missing")
        assert "no TLS" in said(f"{right}?sslmode=require")
        with psycopg.connect(right, autocommit=True) as one:
            one.execute(f"CREATE ROLE plain LOGIN PASSWORD '{password}'".encode())
            plain = right.replace("//postgres:", "//plain:")
            with psycopg.connect(plain), psycopg.connect(plain):
                assert "no connection left" in said(plain)
    assert "no server listens there" in said(right)


@contextmanager
def _listening(answer: bytes | None) -> Iterator[int]:
    """A port where something other than PostgreSQL answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    client.recv(1024)
                    if answer is not None:
                        client.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"N" + b"-ERR unknown command\r\n", None])
def test_what_is_not_postgresql_is_told(answer: bytes | None) -> None:
    with _listening(answer) as port:
        assert "does not speak as PostgreSQL does" in said(f"postgresql://u:canary@127.0.0.1:{port}/d")


def test_a_port_that_is_no_number_and_a_mode_that_is_none() -> None:
    assert 'invalid integer value "port"' in said("postgresql://u:canary@127.0.0.1:port/d")
    assert "sslmode" in said("postgresql://u:canary@127.0.0.1:1/d?sslmode=bad")


def test_a_host_nobody_knows() -> None:
    assert "nobody knows that host" in said("postgresql://u:canary@no-such-host.invalid/d")


def test_a_service_nobody_defined() -> None:
    assert "no service file defines that service" in said("service=no_such_service")
