"""SOURCE over TLS, with a certificate on both sides; the embedded server has no OpenSSL, so the system's is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import pytest

from pgproof.errors import PgproofError
from pgproof.facts.read import read_facts
from pgproof.facts.source import ServerSource, connect, parse_source
from pgproof.server import Server
from pgproof.testing import running_tls_server, self_signed


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, dict[str, str]]]:
    """A server that asks for TLS, a password and the certificate of the role; and what a client has to present."""
    with running_tls_server() as server:
        certificate, key = self_signed(tmp_path_factory.mktemp("client"), "client", "postgres")
        with psycopg.connect(server.url(), autocommit=True) as administrator:
            (hba_file,) = administrator.execute("SHOW hba_file").fetchone() or ("",)
            known = server.data_directory / "clients.crt"
            known.write_bytes(certificate.read_bytes())
            server.account.take(known)
            administrator.execute("ALTER SYSTEM SET ssl_ca_file = 'clients.crt'")
            Path(hba_file).write_text(
                "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-full\n"
            )
            administrator.execute("SELECT pg_reload_conf()")
        root = server.data_directory / "server.crt"
        yield server, {
            "sslmode": "verify-full", "sslrootcert": str(root), "sslcert": str(certificate), "sslkey": str(key),
        }  # fmt: skip


def source(server: Server, parameters: dict[str, str]) -> ServerSource:
    parsed = parse_source(f"{server.url()}?{urlencode(parameters)}")
    assert isinstance(parsed, ServerSource)
    return parsed


def said(server: Server, parameters: dict[str, str]) -> str:
    with pytest.raises(PgproofError) as caught, connect(source(server, parameters)):
        pass
    message = str(caught.value)
    assert "\n" not in message
    return message.partition("cannot be reached: ")[2]


def test_a_source_with_certificates_on_both_sides(guarded: tuple[Server, dict[str, str]]) -> None:
    with connect(source(*guarded)) as connection:
        assert connection.execute("SELECT ssl, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone() == (
            True,
            "/CN=postgres",
        )
        rules = read_facts(connection).server.authentication
    assert rules is not None
    assert [(rule.type, rule.method) for rule in rules] == [("local", "trust"), ("hostssl", "scram-sha-256")]


def test_a_server_with_the_certificate_of_somebody_else(guarded: tuple[Server, dict[str, str]]) -> None:
    server, parameters = guarded
    for root in (parameters["sslcert"], "/nowhere/root.crt"):
        answer = said(server, {**parameters, "sslrootcert": root})
        assert answer == "the server's certificate was not accepted: check sslmode and sslrootcert"


def test_a_client_without_the_certificate_of_its_role(guarded: tuple[Server, dict[str, str]], tmp_path: Path) -> None:
    server, parameters = guarded
    certificate, key = self_signed(tmp_path, "stranger", "postgres")
    stranger = {"sslcert": str(certificate), "sslkey": str(key)}
    nowhere = "/nowhere/client"
    for own in ({"sslcert": nowhere}, stranger, {"sslkey": nowhere}, {"sslkey": str(key)}):
        answer = said(server, {**parameters, **own})
        assert answer == "the server wants another client certificate: check sslcert and sslkey"
    key.chmod(0o644)
    assert said(server, {**parameters, **stranger}) == "others may read the client's key: chmod 600 the file of sslkey"
    assert "does not admit this user" in said(server, {"sslmode": "disable"})
