from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from sqlalchemy import NullPool, create_engine

from intowork.database.url import parse_url
from intowork.models import Base
from intowork.settings import Settings
from pgproof.server import Server

from .web import Api, running


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the developer's shell says about databases out of the tests."""
    for name in [*(name.upper() for name in Settings.model_fields), *(n for n in os.environ if n.startswith("PG"))]:
        monkeypatch.delenv(name, raising=False)


@pytest_asyncio.fixture
async def api(head_database: str) -> AsyncIterator[Api]:
    """The application on a database of the test's own, on each server."""
    async with running(head_database) as running_api:
        yield running_api


@pytest.fixture(scope="module")
def _embedded_template(embedded_server: Server) -> Iterator[str]:
    with embedded_server.scratch_database() as url:
        parsed = parse_url("the test's URL", url)
        Base.metadata.create_all(create_engine(parsed, poolclass=NullPool))
        yield str(parsed.database)


@pytest.fixture
def embedded_head(embedded_server: Server, _embedded_template: str) -> Iterator[str]:
    """The URL of a database of the test's own, on the embedded server."""
    with embedded_server.scratch_database(template=_embedded_template) as url:
        yield url


@pytest_asyncio.fixture
async def quick(embedded_head: str) -> AsyncIterator[Api]:
    """The application on the embedded server alone, for what the server's version has no part in."""
    async with running(embedded_head) as running_api:
        yield running_api
