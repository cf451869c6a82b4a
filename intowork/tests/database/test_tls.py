"""TLS with a real certificate; the embedded server is built without OpenSSL, so the system's is asked."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import make_url, text

from intowork.database.engine import direct_engine, web_engine
from intowork.database.failures import connect_or_explain
from intowork.errors import DatabaseUnavailable
from intowork.settings import Settings
from pgproof.server import Server, ServerError, find_binaries, running_server

OPENSSL = shutil.which("openssl")

ENCRYPTED = text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")


@pytest.fixture(scope="module")
def tls_server() -> Iterator[Server]:
    """The system's server with a certificate that it signed itself."""
    if OPENSSL is None:
        pytest.skip("openssl is not installed")
    try:
        find_binaries("system")
    except ServerError as missing:
        pytest.skip(f"no server with TLS: {missing}")
    with running_server(binaries="system", tcp=True) as server:
        certificate, key = server.data_directory / "server.crt", server.data_directory / "server.key"
        subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "1"]
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        subprocess.run(
            [OPENSSL, "req", "-x509", *curve, *subject, "-keyout", key, "-out", certificate],
            check=True,
            capture_output=True,
        )
        owner = server.data_directory.stat()
        for path in (certificate, key):
            os.chown(path, owner.st_uid, owner.st_gid)
            path.chmod(0o600)
        with psycopg.connect(server.url(), autocommit=True) as administrator:
            administrator.execute("ALTER SYSTEM SET ssl = on")
        server.restart()
        yield server


def test_production_encrypts_without_being_told(tls_server: Server) -> None:
    settings = Settings(environment="production", database_url=tls_server.url())
    with connect_or_explain(direct_engine(settings)) as connection:
        assert connection.execute(ENCRYPTED).scalar_one()


@pytest.mark.asyncio
async def test_the_web_engine_encrypts_as_well(tls_server: Server) -> None:
    engine = web_engine(Settings(environment="production", database_url=tls_server.url()))
    async with engine.connect() as connection:
        assert (await connection.execute(ENCRYPTED)).scalar_one()
    await engine.dispose()


def test_a_known_certificate_is_verified(tls_server: Server) -> None:
    root = tls_server.data_directory / "server.crt"
    url = make_url(tls_server.url()).update_query_dict({"sslmode": "verify-full", "sslrootcert": str(root)})
    settings = Settings(environment="production", database_url=url.render_as_string(hide_password=False))
    with connect_or_explain(direct_engine(settings)) as connection:
        assert connection.execute(ENCRYPTED).scalar_one()


def test_an_unknown_certificate_is_refused_where_it_is_to_be_verified(tls_server: Server) -> None:
    url = make_url(tls_server.url()).update_query_dict({"sslmode": "verify-full", "sslrootcert": "/nowhere"})
    settings = Settings(environment="production", database_url=url.render_as_string(hide_password=False))
    refused = pytest.raises(DatabaseUnavailable, match="certificate was not accepted: check sslmode and sslrootcert")
    with refused, connect_or_explain(direct_engine(settings)):
        pass
