from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import psycopg
import pytest
from sqlalchemy import NullPool, create_engine

from intowork.operations.migrate import HEAD, PHASE_2, upgrade
from intowork.seed import LoadReport, Scale, load
from pgproof.server import Server

REFERENCE = date(2026, 1, 1)
SMALL = Scale.of_jobs(1000)
TINY = Scale.of_jobs(100)


@dataclass(frozen=True)
class Loaded:
    """A database that holds a data set, and what the load said about it."""

    url: str
    report: LoadReport

    def value(self, statement: str) -> object:
        with psycopg.connect(self.url) as connection:
            row = connection.execute(statement.encode()).fetchone()
        assert row is not None
        return row[0]

    def number(self, statement: str) -> float:
        return float(str(self.value(statement)))

    def numbers(self, statement: str) -> list[float]:
        with psycopg.connect(self.url) as connection:
            return [float(row[0]) for row in connection.execute(statement.encode())]


def _migrated(server: Server, revision: str) -> Iterator[str]:
    with server.scratch_database() as url:
        upgrade(create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1), poolclass=NullPool), revision)
        yield url


@pytest.fixture(scope="session")
def empty_head(server: Server) -> Iterator[str]:
    """A database at head that only refusals and fresh copies are made of."""
    yield from _migrated(server, HEAD)


@pytest.fixture(scope="session")
def empty_phase_2(server: Server) -> Iterator[str]:
    """The same at the analysed revision."""
    yield from _migrated(server, PHASE_2)


def _copy(server: Server, url: str) -> Iterator[str]:
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    with server.scratch_database(template=str(name)) as copy:
        yield copy


@pytest.fixture(scope="session")
def tiny_head(server: Server, empty_head: str) -> Iterator[str]:
    """A database at head that holds a tiny data set, for fresh copies."""
    for url in _copy(server, empty_head):
        load(url, TINY, faults=False, seed=1, reference=REFERENCE)
        yield url


@pytest.fixture
def filled(server: Server, tiny_head: str) -> Iterator[str]:
    """A fresh copy of it."""
    yield from _copy(server, tiny_head)


@pytest.fixture
def head(server: Server, empty_head: str) -> Iterator[str]:
    yield from _copy(server, empty_head)


@pytest.fixture
def phase_2(server: Server, empty_phase_2: str) -> Iterator[str]:
    yield from _copy(server, empty_phase_2)


@pytest.fixture(scope="session")
def loaded_head(server: Server, empty_head: str) -> Iterator[Loaded]:
    """A data set at head, for tests that only read."""
    for url in _copy(server, empty_head):
        yield Loaded(url, load(url, SMALL, faults=False, reference=REFERENCE))


@pytest.fixture(scope="session")
def loaded_phase_2(server: Server, empty_phase_2: str) -> Iterator[Loaded]:
    """The same data set with its faults, for tests that only read."""
    for url in _copy(server, empty_phase_2):
        yield Loaded(url, load(url, SMALL, faults=True, reference=REFERENCE))


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement.encode())
