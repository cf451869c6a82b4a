"""engine_config.py: imports without a server, connects to a real one, and never asks for more than there is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgproof.facts.model import Facts
from pgproof.remedy.pool_sizes import PoolSizes, pool_sizes
from pgproof.report.dossier.files import report_files
from pgproof.report.dossier.material import Material
from pgproof.server import Server, running_server

from .conftest import Case, gathered

ALL_POOLS_FULL = """
import sys
from engine_config import MAX_OVERFLOW, POOL_SIZE, engine
connections = [engine.connect() for _ in range(POOL_SIZE + MAX_OVERFLOW)]
print(len(connections), flush=True)
sys.stdin.readline()
"""


def with_settings(case: Case, processes: int | None = None, **values: str | None) -> Case:
    """The same report of a server with other settings; None takes a setting away."""
    settings = tuple(
        replace(each, value=values.get(each.name, each.value))
        for each in case.material.settings
        if values.get(each.name, "") is not None
    )
    return replace(case, material=replace(case.material, settings=settings, processes=processes))


def config_of(case: Case) -> str:
    return dict(report_files(case.material))["engine_config.py"]


def sizes_of(material: Material) -> PoolSizes:
    return pool_sizes(material.setting, material.processes)


def alone(source: str) -> dict[str, object]:
    """What a module defines, run by itself."""
    names: dict[str, object] = {"__name__": "engine_config"}
    exec(compile(source, "engine_config.py", "exec"), names)
    return names


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Python in the folder of a report, with an environment that knows no database but what is given."""
    clean = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "WEB_CONCURRENCY")}
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=folder,
        env=clean | environment,
        check=False,
        capture_output=True,
        text=True,
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    connections=st.integers(1, 5000),
    superusers=st.none() | st.integers(0, 100),
    reserved=st.none() | st.integers(0, 100),
    processes=st.none() | st.integers(1, 500),
)
def test_all_pools_together_fit_into_what_the_server_has_left(
    connections: int, superusers: int | None, reserved: int | None, processes: int | None, ordinary: Case
) -> None:
    given_settings = {
        "max_connections": str(connections),
        "superuser_reserved_connections": None if superusers is None else str(superusers),
        "reserved_connections": None if reserved is None else str(reserved),
    }
    case = with_settings(ordinary, processes, **given_settings)
    sizes = sizes_of(case.material)
    assert sizes.reserved == (3 if superusers is None else superusers) + (reserved or 0)
    assert (sizes.max_connections, sizes.processes) == (connections, processes or 1)
    assert sizes.known is (processes is not None)
    assert sizes.headroom >= max(1, connections // 11)
    left = connections - sizes.reserved - sizes.headroom
    together = sizes.processes * (sizes.pool_size + sizes.max_overflow)
    assert (sizes.pool_size, sizes.max_overflow) >= (1, 0)
    if left >= sizes.processes:
        assert left - sizes.processes < together <= left
    else:
        assert (sizes.pool_size, sizes.max_overflow) == (1, 0)


def test_a_server_that_could_not_be_asked_is_taken_for_one_with_the_defaults(ordinary: Case) -> None:
    case = with_settings(ordinary, 4, max_connections=None)
    sizes = sizes_of(case.material)
    assert (sizes.max_connections, sizes.known) == (100, False)
    assert "see that MAX_CONNECTIONS and PROCESSES below are right" in config_of(case)
    assert "see that" not in ordinary.text("engine_config.py")


def test_it_keeps_the_timeouts_of_the_server_and_has_its_own_where_there_are_none(ordinary: Case) -> None:
    names = alone(config_of(with_settings(ordinary, 1, statement_timeout="7000", lock_timeout="0")))
    assert (names["STATEMENT_TIMEOUT"], names["LOCK_TIMEOUT"]) == (7000, 5000)


@pytest.mark.parametrize("name", ["ordinary", "hostile", "empty"])
def test_it_imports_without_a_database(name: str, cases: dict[str, Case]) -> None:
    ran = run(cases[name].folder, "-c", "import engine_config; print(engine_config.POOL_SIZE)")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert int(ran.stdout) == sizes_of(cases[name].material).pool_size


def test_it_connects_and_shows_what_a_connection_has_set(ordinary: Case, database: str) -> None:
    url = database.replace("postgresql://", "postgresql+psycopg://")
    ran = run(ordinary.folder, "engine_config.py", DATABASE_URL=url, APPLICATION_NAME="shop")
    assert ran.stdout.splitlines() == [
        "statement_timeout = 30s",
        "lock_timeout = 5s",
        "idle_in_transaction_session_timeout = 1min",
        "application_name = shop",
    ]
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({}, "engine_config: set DATABASE_URL"),
        (
            {"DATABASE_URL": "postgresql+psycopg://", "WEB_CONCURRENCY": "1000"},
            "engine_config: 1000 processes x (",
        ),
        ({"DATABASE_URL": "postgresql+psycopg://127.0.0.1:1/shop"}, "engine_config: (psycopg.OperationalError)"),
        ({"DATABASE_URL": "nonsense"}, "engine_config: Could not parse"),
    ],
)
def test_what_cannot_be_is_one_line(environment: dict[str, str], line: str, ordinary: Case) -> None:
    ran = run(ordinary.folder, "engine_config.py", **environment)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith(line)
    assert len(ran.stderr.splitlines()) == 1


def test_more_processes_than_it_was_made_for_are_refused_when_the_engine_is_made(ordinary: Case) -> None:
    program = "from engine_config import engine"
    fitting = {"DATABASE_URL": "postgresql+psycopg://127.0.0.1:1/shop", "WEB_CONCURRENCY": "4"}
    assert run(ordinary.folder, "-c", program, **fitting).returncode == 0
    ran = run(ordinary.folder, "-c", program, **(fitting | {"WEB_CONCURRENCY": "5"}))
    assert ran.returncode == 1
    assert "ValueError: 5 processes x (" in ran.stderr.splitlines()[-1]
    assert "start fewer processes" in ran.stderr.splitlines()[-1]


@pytest.fixture(scope="module")
def small_server() -> Iterator[Server]:
    """A server that has twenty connections, of which four are reserved."""
    settings = {"max_connections": "20", "reserved_connections": "1", "superuser_reserved_connections": "3"}
    with running_server(settings=settings) as server:
        yield server


def test_with_every_pool_full_nobody_is_refused(small_server: Server, ordinary: Case, tmp_path: Path) -> None:
    with small_server.scratch_database() as url, psycopg.connect(url, autocommit=True) as administrator:
        administrator.execute("CREATE ROLE application LOGIN")
        facts: Facts = gathered(url)
        settings = {each.name: each.value for each in facts.server.settings if each.name.endswith("connections")}
        sized = with_settings(ordinary, 3, **settings)
        (tmp_path / "engine_config.py").write_text(config_of(sized))
        sizes = sizes_of(sized.material)
        assert (sizes.processes, sizes.pool_size + sizes.max_overflow) == (3, 4)
        environment = os.environ | {
            "DATABASE_URL": url.replace("postgresql://postgres", "postgresql+psycopg://application"),
            "WEB_CONCURRENCY": "3",
        }
        # As a role that is no superuser, since reserved connections are not for it; its headroom is still free.
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", ALL_POOLS_FULL],
                cwd=tmp_path,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(sizes.processes)
        ]
        try:
            assert [each.stdout.readline() for each in processes if each.stdout] == ["4\n"] * 3
            row = administrator.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = 'application'")
            assert row.fetchone() == (12,)
            people = url.replace("postgres@", "application@", 1)
            with psycopg.connect(people), psycopg.connect(people):
                pass
        finally:
            for each in processes:
                each.communicate("end\n")
        assert [each.returncode for each in processes] == [0, 0, 0]
        administrator.execute("DROP OWNED BY application")
        administrator.execute("DROP ROLE application")
