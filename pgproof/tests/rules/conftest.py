from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgproof.server import Server, running_server


@pytest.fixture(scope="session")
def replay_server() -> Iterator[Server]:
    """A server other than those that hold the examples, since a scratch copy never lies on its source's server."""
    with running_server(settings={"fsync": "off"}) as server:
        yield server
