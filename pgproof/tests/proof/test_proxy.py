import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from pgproof.errors import PgproofError
from pgproof.proof.proxy import ProxiedStatement, StatementProxy

SSL_REQUEST, GSSENC_REQUEST = 80877103, 80877104


def go_on(statement: ProxiedStatement) -> bool:
    return True


@contextmanager
def proxy_to(url: str) -> Iterator[StatementProxy]:
    query = parse_qs(urlsplit(url).query)
    with StatementProxy(query["host"][0], int(query["port"][0]), go_on) as proxy:
        yield proxy


def cancelled_through_proxy(url: str, wait_until_blocked: Callable[[psycopg.Connection], None]) -> int:
    """Cancel a statement through the proxy; return the version of the protocol that was spoken."""
    with (
        psycopg.connect(url, autocommit=True) as holder,
        proxy_to(url) as proxy,
        psycopg.connect(proxy.url(url), autocommit=True) as connection,
    ):
        holder.execute("SELECT pg_advisory_lock(7)")

        def cancel() -> None:
            wait_until_blocked(holder)
            connection.cancel_safe()

        thread = threading.Thread(target=cancel)
        thread.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT pg_advisory_lock(7)")
        thread.join()
        assert connection.execute("SELECT 1").fetchone() == (1,)
        return connection.pgconn.full_protocol_version if psycopg.pq.version() >= 180000 else 30000


def test_a_statement_is_known_with_its_backend(database: str) -> None:
    with proxy_to(database) as proxy, psycopg.connect(proxy.url(database)) as connection:
        connection.execute("SELECT 'é'")
        pid = connection.info.backend_pid
        assert proxy.statements == (
            ProxiedStatement(1, "BEGIN", pid),
            ProxiedStatement(2, "SELECT 'é'", pid),
        )


def test_a_cancel_request_reaches_the_server(
    database: str, wait_until_blocked: Callable[[psycopg.Connection], None]
) -> None:
    assert cancelled_through_proxy(database, wait_until_blocked) >= 30000


@pytest.mark.skipif(psycopg.pq.version() < 180000, reason="libpq speaks protocol 3.2 from 18 on")
def test_a_cancel_key_of_any_length_passes(
    embedded_database: str, wait_until_blocked: Callable[[psycopg.Connection], None]
) -> None:
    url = embedded_database + "&max_protocol_version=3.2"
    assert cancelled_through_proxy(url, wait_until_blocked) == 30002


def test_encryption_is_refused_and_the_connection_goes_on(database: str) -> None:
    with proxy_to(database) as proxy, socket.socket(socket.AF_UNIX) as client:
        query = parse_qs(urlsplit(proxy.url(database)).query)
        client.connect(f"{query['host'][0]}/.s.PGSQL.{query['port'][0]}")
        for code in (GSSENC_REQUEST, SSL_REQUEST):
            client.sendall(struct.pack("!ii", 8, code))
            assert client.recv(10) == b"N"
        body = struct.pack("!i", 3 << 16) + b"user\0postgres\0database\0template1\0\0"
        client.sendall(struct.pack("!i", len(body) + 4) + body)
        assert client.recv(1) == b"R"


def test_large_messages_pass_unchanged_both_ways(database: str) -> None:
    text = "é\\x" * 1_000_000
    with proxy_to(database) as proxy, psycopg.connect(proxy.url(database)) as connection:
        assert connection.execute("SELECT %s::text", [text]).fetchone() == (text,)
        connection.execute("CREATE TEMPORARY TABLE big (t text)")
        with connection.cursor().copy("COPY big FROM STDIN") as copy:
            for _ in range(3):
                copy.write_row([text])
        with connection.cursor().copy("COPY big TO STDOUT") as copy:
            assert sum(row == (text,) for row in copy.rows()) == 3


def test_what_the_server_says_at_the_start_reaches_the_client(database: str) -> None:
    with (
        proxy_to(database) as proxy,
        pytest.raises(psycopg.OperationalError, match='database "nowhere" does not exist'),
    ):
        psycopg.connect(proxy.url(database), dbname="nowhere")


def test_a_server_that_has_gone_ends_the_connection() -> None:
    with (
        StatementProxy("/nonexistent", 1, go_on) as proxy,
        pytest.raises(psycopg.OperationalError, match="closed the connection"),
    ):
        psycopg.connect(proxy.url("postgresql://postgres@/postgres"))


def test_a_failure_in_the_callback_is_not_lost(database: str) -> None:
    def fail(statement: ProxiedStatement) -> bool:
        raise ValueError(statement.sql)

    query = parse_qs(urlsplit(database).query)
    with (
        pytest.raises(ExceptionGroup) as failure,
        StatementProxy(query["host"][0], int(query["port"][0]), fail) as proxy,
        pytest.raises(psycopg.OperationalError),
        psycopg.connect(proxy.url(database), autocommit=True) as connection,
    ):
        connection.execute("SELECT 1")
    assert failure.group_contains(ValueError, match="SELECT 1")


def test_the_url_keeps_everything_but_the_address() -> None:
    with StatementProxy("localhost", 1, go_on) as proxy:
        parts = urlsplit(proxy.url("postgresql://me:p%40ss@db.example:6000/a%20b?connect_timeout=3&host=x"))
    assert (parts.username, parts.password, parts.path, parts.hostname) == ("me", "p%40ss", "/a%20b", None)
    assert set(parse_qs(parts.query)) == {"connect_timeout", "host", "port"}
    assert parse_qs(parts.query)["connect_timeout"] == ["3"]


def test_a_directory_with_too_long_a_name_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("x" * 100)
    monkeypatch.setattr("tempfile.tempdir", str(directory))
    with pytest.raises(PgproofError, match="set TMPDIR"), StatementProxy("localhost", 1, go_on):
        pass
    assert list(directory.iterdir()) == []
