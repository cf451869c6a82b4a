from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, NullPool, create_engine

from intowork.operations.migrate import PHASE_2, upgrade
from pgproof.server import Server

ROWS = (Path(__file__).parent / "phase_2_rows.sql").read_text()


def engine_of(url: str) -> Engine:
    return create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1), poolclass=NullPool)


@pytest.fixture(scope="session")
def phase_2_template(server: Server) -> Iterator[str]:
    """The name of a database at phase 2 with rows that break every rule of the critical migration."""
    name = "phase_2_with_rows"
    url = server.create_database(name)
    upgrade(engine_of(url), PHASE_2)
    with psycopg.connect(url) as connection:
        connection.execute(ROWS)
    yield name
    server.drop_database(name)


@pytest.fixture
def phase_2(server: Server, phase_2_template: str) -> Iterator[str]:
    """The URL of a fresh copy of it."""
    with server.scratch_database(template=phase_2_template) as url:
        yield url
