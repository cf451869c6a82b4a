"""Fixtures for tests on a real PostgreSQL: every server there is, and a fresh database for each test.

A test session starts each server once, when the first test needs it, and stops all of them at its end.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from pgproof.server import Server, ServerError, find_binaries, running_server

_FAST_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""Durability that data with a life of seconds do not need: only a crash of the machine could lose them."""


@pytest.fixture(scope="session")
def _server_of() -> Iterator[Callable[[str], Server]]:
    """Gives the session's server for a source of binaries."""
    servers: dict[str, Server] = {}
    with contextlib.ExitStack() as stack:

        def server_of(binaries: str) -> Server:
            if binaries not in servers:
                servers[binaries] = stack.enter_context(running_server(binaries=binaries, settings=_FAST_SETTINGS))
            return servers[binaries]

        yield server_of


@pytest.fixture(scope="session", params=["embedded", "system"])
def server(request: pytest.FixtureRequest, _server_of: Callable[[str], Server]) -> Server:
    """Every PostgreSQL there is: the embedded one, and the system's where it is installed."""
    binaries: str = request.param
    if binaries == "system":
        try:
            find_binaries(binaries)
        except ServerError as error:
            pytest.skip(str(error))
    return _server_of(binaries)


@pytest.fixture(scope="session")
def embedded_server(_server_of: Callable[[str], Server]) -> Server:
    """The embedded PostgreSQL alone, for what does not depend on the version."""
    return _server_of("embedded")


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """The URL of an empty scratch database on each server."""
    with server.scratch_database() as url:
        yield url


@pytest.fixture
def embedded_database(embedded_server: Server) -> Iterator[str]:
    """The URL of an empty scratch database on the embedded server."""
    with embedded_server.scratch_database() as url:
        yield url
