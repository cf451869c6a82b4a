from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import psycopg
import pytest
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import ProgrammingError

from intowork.database.engine import direct_engine, sync_engine
from intowork.database.failures import (
    connect_or_explain,
    explain_connection_failure,
    require_supported_server,
    server_version_number,
)
from intowork.errors import DatabaseUnavailable
from intowork.settings import Settings
from pgproof.server import Server, running_server

MakeSettings = Callable[..., Settings]


@pytest.fixture(scope="module")
def tcp_server() -> Iterator[Server]:
    """A server that asks for a password and offers no TLS."""
    with running_server(tcp=True) as running:
        yield running


def failure(engine: Engine) -> str:
    with pytest.raises(DatabaseUnavailable) as failed, connect_or_explain(engine):
        pass
    message = str(failed.value)
    assert "\n" not in message
    return message


def test_a_connection_is_handed_on_ready_for_any_use(settings: MakeSettings) -> None:
    with connect_or_explain(direct_engine(settings())) as connection:
        assert not connection.in_transaction()
        assert server_version_number(connection) >= 150000


def test_a_wrong_password_is_said_without_the_password(tcp_server: Server) -> None:
    url = make_url(tcp_server.url()).set(password="hunter2")
    message = failure(direct_engine(Settings(database_url=url.render_as_string(hide_password=False))))
    assert message == (
        f'no connection to database "postgres" at 127.0.0.1:{url.port}: '
        "the password or user is wrong: correct it in the database URL"
    )


def test_a_missing_password_is_said(tcp_server: Server) -> None:
    port = make_url(tcp_server.url()).port
    message = failure(direct_engine(Settings(database_url=f"postgresql://postgres@127.0.0.1:{port}/postgres")))
    assert message.endswith("a password is needed: add it to the database URL")


def test_a_missing_database_is_said(tcp_server: Server) -> None:
    engine = direct_engine(Settings(database_url=tcp_server.url("nowhere")))
    message = failure(engine)
    assert message.startswith('no connection to database "nowhere" at 127.0.0.1:')
    assert message.endswith("that database does not exist: create it, or correct the database URL")


def test_a_missing_role_is_said(embedded_database: str) -> None:
    url = make_url(embedded_database).set(username="nobody_here")
    message = failure(direct_engine(Settings(database_url=url.render_as_string(hide_password=False))))
    assert message.endswith("that user does not exist: create it, or correct the database URL")


def test_no_server_on_a_port_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        message = failure(sync_engine(Settings(database_url=f"postgresql://me:hunter2@127.0.0.1:{port}/app")))
    assert message == (
        f'no connection to database "app" at 127.0.0.1:{port}: '
        "no server listens there: start it, or correct host and port"
    )


def test_no_server_on_a_socket_is_said() -> None:
    message = failure(sync_engine(Settings(database_url="postgresql:///app?host=/nowhere")))
    assert message == (
        'no connection to database "app" at socket /nowhere, port 5432: '
        "no server listens there: start it, or correct the socket directory"
    )


def test_an_unknown_host_is_said() -> None:
    settings = Settings(
        database_url="postgresql://nowhere.invalid/app", not_production_hosts="nowhere.invalid", database_timeout=2
    )
    assert failure(sync_engine(settings)).endswith("nobody knows that host: correct it")


def test_a_full_server_is_said(embedded_server: Server) -> None:
    with psycopg.connect(embedded_server.url(), autocommit=True) as administrator:
        administrator.execute("CREATE ROLE crowded LOGIN CONNECTION LIMIT 1")
        url = make_url(embedded_server.url()).set(username="crowded").render_as_string(hide_password=False)
        try:
            with psycopg.connect(url):
                message = failure(direct_engine(Settings(database_url=url)))
        finally:
            administrator.execute("DROP ROLE crowded")
    assert message.endswith("the role or database has no connection left: raise its limit or lower POOL_SIZE")


def test_a_dry_pool_is_said(embedded_database: str) -> None:
    engine = sync_engine(Settings(database_url=embedded_database, pool_size=1, max_overflow=0, pool_timeout=0.05))
    with engine.connect():
        assert "QueuePool limit" in failure(engine)
    engine.dispose()


def test_production_refuses_a_server_without_tls(tcp_server: Server) -> None:
    settings = Settings(environment="production", database_url=tcp_server.url())
    assert failure(direct_engine(settings)).endswith(
        "the server offers no TLS: turn ssl on there (sslmode asks for it)"
    )


def test_words_nobody_knows_are_repeated_without_the_password() -> None:
    url = make_url("postgresql+psycopg://me:hunter2@localhost/app")
    message = str(explain_connection_failure(url, RuntimeError("odd: hunter2\nmore")))
    assert message == 'no connection to database "app" at localhost:5432: odd: ***'


@pytest.mark.parametrize("version", [150000, 150004, 180006, 190000])
def test_a_supported_server_is_accepted(version: int) -> None:
    require_supported_server(version)


def test_a_server_that_is_too_old_is_refused() -> None:
    with pytest.raises(DatabaseUnavailable) as refused:
        require_supported_server(140011)
    assert str(refused.value) == "the server is PostgreSQL 14.11, and IntoWork needs 15 or newer: upgrade the server"


def test_what_a_block_raises_itself_is_left_alone(settings: MakeSettings) -> None:
    with pytest.raises(ProgrammingError), connect_or_explain(direct_engine(settings())) as connection:
        connection.execute(text("SELECT nonsense"))
