"""TLS with a real certificate; the embedded server is built without OpenSSL, so the system's is asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import make_url, text

from intowork.database.engine import direct_engine, web_engine
from intowork.database.failures import connect_or_explain
from intowork.errors import DatabaseUnavailable
from intowork.settings import Settings
from pgproof.server import Server
from pgproof.testing import running_tls_server

ENCRYPTED = text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")


@pytest.fixture(scope="module")
def tls_server() -> Iterator[Server]:
    """The system's server with a certificate that it signed itself."""
    with running_tls_server() as server:
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
