"""A revision that is killed, up or down, is run again: catalog and rows are as without a kill."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import psycopg
import pytest

from intowork.operations.migrate import upgrade
from pgproof.proof.clients import Function
from pgproof.proof.kills import KillMode, prove_kills
from pgproof.server import Server

from .conftest import engine_of
from .test_chain import CHAIN, catalog, rows


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return importlib.import_module("migration_clients")


@pytest.fixture(params=range(1, len(CHAIN)), ids=CHAIN[1:])
def step(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


@pytest.fixture
def lower(phase_2: str, step: int) -> str:
    upgrade(engine_of(phase_2), CHAIN[step - 1])
    return phase_2


@pytest.fixture
def upper(server: Server, lower: str, step: int) -> Iterator[str]:
    with server.scratch_database(template=database_name(lower)) as url:
        upgrade(engine_of(url), CHAIN[step])
        yield url


def modes_on(server: Server, one: KillMode) -> tuple[KillMode, ...]:
    """Return one mode, on the newest server the other; `make kills` kills in both on each of them."""
    if "EVERY_KILL" in os.environ:
        return tuple(KillMode)
    return tuple(mode for mode in KillMode if (mode is not one) == (server.binaries.source == "embedded"))


def chosen_on(server: Server) -> Callable[[int], bool]:
    """Return which statements are killed: every sixth, on the newest server others; `make kills` kills at each.

    Each case is a database of its own, and takes its time.
    """
    if "EVERY_KILL" in os.environ:
        return lambda number: True
    first = 1 if server.binaries.source == "embedded" else 4
    return lambda number: number % 6 == first


def database_name(url: str) -> str:
    with psycopg.connect(url) as connection:
        return connection.info.dbname


def problems(
    server: Server, start: str, wanted: str, client: Function, modes: tuple[KillMode, ...]
) -> tuple[int, list[str]]:
    """Kill the client at every statement in each of the modes; return the number of kills and what went wrong."""
    expected = catalog(wanted), rows(wanted)

    def check(url: str) -> str | None:
        if differences := catalog(url).difference(expected[0]):
            return f"the catalog differs: {differences[0]}"
        return None if rows(url) == expected[1] else "the rows differ"

    results = list(prove_kills(server, database_name(start), client, check, modes=modes, chosen=chosen_on(server)))
    wrong = [
        f"{result.mode.value} at {result.statement} ({result.sql.strip()[:60]}): {result.problem}"
        for result in results
        if result.problem
    ]
    killed = [result for result in results if result.killed]
    assert {result.mode for result in killed} == set(modes)
    return len(killed), wrong


def test_an_upgrade_killed_anywhere_can_be_run_again(
    server: Server, lower: str, upper: str, step: int, clients: ModuleType
) -> None:
    client = Function(getattr(clients, f"up_to_{CHAIN[step]}"))
    killed, wrong = problems(server, lower, upper, client, modes_on(server, KillMode.backend))
    assert wrong == []
    assert killed > 3


def test_a_downgrade_killed_anywhere_can_be_run_again(
    server: Server, lower: str, upper: str, step: int, clients: ModuleType
) -> None:
    client = Function(getattr(clients, f"down_from_{CHAIN[step]}"))
    killed, wrong = problems(server, upper, lower, client, modes_on(server, KillMode.client))
    assert wrong == []
    assert killed > 3
