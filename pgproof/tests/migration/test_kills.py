"""Generated revisions killed at their statements and run again: catalog and rows are as without a kill."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

import psycopg
import pytest

from pgproof.proof.clients import Function
from pgproof.proof.kills import KillMode, prove_kills
from pgproof.proving.alembic_child import PRELOAD, AlembicRun
from pgproof.proving.copies import OwnedCopies
from pgproof.proving.killing import Way, kill_everywhere
from pgproof.proving.round_trip import deviation, read_state
from pgproof.proving.watched import watch
from pgproof.server import Server

from .projects import BASE, VERSIONS, catalog, make_project, rows, upgrade, write_steps
from .schemas import CASES

_EVERY = 47
"""Of so many statements one is killed, on each server another one; EVERY_KILL=1 kills at all of them in both modes."""


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return importlib.import_module("revision_clients")


def modes_on(newest: bool, one: KillMode) -> tuple[KillMode, ...]:
    if "EVERY_KILL" in os.environ:
        return tuple(KillMode)
    return tuple(mode for mode in KillMode if (mode is not one) == newest)


def chosen_on(newest: bool) -> Callable[[int], bool]:
    if "EVERY_KILL" in os.environ:
        return lambda number: True
    return lambda number: number % _EVERY == (5 if newest else 0)


@pytest.mark.parametrize("name", ["rows that move", "composite keys", "partitions"])
@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_revision_killed_anywhere_can_be_run_again(
    server: Server, newest: bool, clients: ModuleType, tmp_path: Path, name: str, direction: str
) -> None:
    case = CASES[name]
    folder = make_project(tmp_path)
    write_steps(folder, case.operations)
    with server.scratch_database() as lower:
        with psycopg.connect(lower, autocommit=True) as connection:
            connection.execute(case.sql.encode())
        upgrade(folder, lower, BASE)
        with server.scratch_database(template=_name(lower)) as upper:
            upgrade(folder, upper)
            start, wanted = (lower, upper) if direction == "up" else (upper, lower)
            expected = catalog(wanted), rows(wanted)

            def check(url: str) -> str | None:
                if differences := expected[0].difference(catalog(url)):
                    return f"the catalog differs: {differences[0]}"
                return None if rows(url) == expected[1] else "the rows differ"

            client = Function(partial(getattr(clients, direction), str(folder)), preload=("revision_clients",))
            modes = modes_on(newest, KillMode.backend if direction == "up" else KillMode.client)
            results = tuple(prove_kills(server, _name(start), client, check, modes=modes, chosen=chosen_on(newest)))
    assert [each for each in results if each.problem] == []
    assert {each.mode for each in results if each.killed} == set(modes)


def test_a_downgrade_to_what_was_not_valid_killed_at_each_change(server: Server, tmp_path: Path) -> None:
    case = CASES["not valid"]
    folder = make_project(tmp_path)
    write_steps(folder, case.operations)
    with server.scratch_database() as lower, psycopg.connect(lower) as connection:
        copies = OwnedCopies(server, connection.info.user)
        connection.execute(case.sql.encode())
        connection.commit()
        upgrade(folder, lower, BASE)
        before = read_state(lower, VERSIONS[0])
        connection.close()
        with server.scratch_database(template=_name(lower)) as upper:
            upgrade(folder, upper)
            left = read_state(upper, VERSIONS[0])
            client = Function(
                AlembicRun(str(folder), "alembic.ini", "downgrade", BASE, tuple(os.environ.items())), PRELOAD
            )
            with copies.fresh(_name(upper)) as copy:
                run = watch(copy.url, copy.admin_url, client, 60)
                assert deviation(before, before, read_state(copy.admin_url, VERSIONS[0])) == (None, None)
            way = Way("downgrade", _name(upper), client, run, before, before, VERSIONS[0], 60)
            killed = kill_everywhere(copies, way, lambda number: list(KillMode)[number % 2]).kills
    assert before.catalog.difference(left.catalog)
    assert [each.problem for each in killed] == [None] * len(killed)
    exchanged = [each.statement for each in killed if each.statement.startswith("COMMIT after ")]
    assert len(exchanged) == 4  # one for each constraint, and Alembic's own
    assert len(killed) == 12


def _name(url: str) -> str:
    with psycopg.connect(url) as connection:
        return connection.info.dbname
