from __future__ import annotations

import pytest

from pgproof.server import Server

from .schemas import CASES, Case


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    """Each schema with its operations."""
    return CASES[request.param]


@pytest.fixture
def newest(server: Server) -> bool:
    """Whether the server is the embedded one."""
    return server.binaries.source == "embedded"
