import importlib
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

import psycopg
import pytest

from pgproof.errors import PgproofError
from pgproof.proof.clients import Command, Function, RunningClient
from pgproof.proof.fingerprint import read_fingerprint
from pgproof.proof.kills import KillMode, kill_at, prove_kills, record_statements
from pgproof.proof.rows import hash_rows
from pgproof.server import Server

SCRIPT = """
import os, psycopg
print(sorted(name for name in os.environ if name.startswith("PGPROOF_TEST")))
with psycopg.connect(os.environ["PGPROOF_TEST_URL"], autocommit=True) as connection:
    for number in range(1, 4):
        connection.execute("INSERT INTO item VALUES (%s, 'x')", [number])
"""


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return importlib.import_module("kill_clients")


@pytest.fixture
def items(database: str) -> str:
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE item (id integer PRIMARY KEY, label text)")
    return database


@pytest.fixture
def template(items: str) -> str:
    return database_name(items)


@pytest.fixture
def embedded_template(embedded_database: str) -> str:
    with psycopg.connect(embedded_database) as connection:
        connection.execute("CREATE TABLE item (id integer PRIMARY KEY, label text)")
    return database_name(embedded_database)


@pytest.fixture
def script(tmp_path: Path) -> Command:
    file = tmp_path / "a script.py"
    file.write_text(SCRIPT)
    return Command((sys.executable, str(file)), "PGPROOF_TEST_URL", {})


@dataclass(frozen=True)
class Lingering:
    """A client that has ended but for a connection, as when a process of its own outlives it."""

    connections: list[psycopg.Connection] = field(default_factory=list)

    def start(self, url: str, output: Path) -> RunningClient:
        connection = psycopg.connect(url, autocommit=True)
        self.connections.append(connection)
        with suppress(psycopg.OperationalError):
            connection.execute("SELECT 1")
        return self

    def kill(self) -> None:
        pass

    def wait(self, timeout: float) -> int | None:
        return 0


def client(target: Callable[[str], None]) -> Function:
    return Function(target, preload=("psycopg",))


def database_name(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def item_ids(url: str) -> list[int]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM item ORDER BY id")]


def test_statements_of_every_protocol_are_counted_over_all_connections(items: str, clients: ModuleType) -> None:
    run = record_statements(items, client(clients.every_protocol))
    assert (run.returncode, run.output) == (0, "")
    assert run.statements == (
        "SELECT 1",
        "SELECT $1::int",
        "SELECT $1::int + 0",
        "SELECT $1::int + 0",
        "SELECT 5",
        "SELECT 6",
        "BEGIN",
        "SELECT 7; SELECT 8",
        "COMMIT",
        "COPY item FROM STDIN",
    )
    assert item_ids(items) == [9]


@pytest.mark.parametrize("statement", [1, 2, 3, 4])
@pytest.mark.parametrize("mode", list(KillMode))
def test_a_kill_leaves_what_came_before_it_and_perhaps_its_statement(
    items: str, clients: ModuleType, statement: int, mode: KillMode
) -> None:
    run = kill_at(items, client(clients.four_inserts), statement, mode)
    assert run.reached
    assert run.statement_sql is not None
    assert run.statement_sql.startswith("INSERT INTO item VALUES (")
    if mode is KillMode.client:
        assert run.returncode == -9
    else:
        # Nothing comes after the last statement that could find the connection ended.
        assert run.returncode == 1 or (run.returncode == 0 and statement == 4)
    assert item_ids(items) in (list(range(1, statement)), list(range(1, statement + 1)))


@pytest.mark.parametrize("mode", list(KillMode))
def test_a_kill_inside_a_transaction_leaves_nothing_of_it(items: str, clients: ModuleType, mode: KillMode) -> None:
    run = kill_at(items, client(clients.one_transaction), 3, mode)
    assert run.statement_sql == "INSERT INTO item VALUES (2, 'b')"
    assert item_ids(items) == []


@pytest.mark.parametrize("mode", list(KillMode))
def test_nothing_that_was_sent_ahead_survives_a_kill(items: str, clients: ModuleType, mode: KillMode) -> None:
    run = kill_at(items, client(clients.one_pipeline), 2, mode)
    assert run.reached
    assert item_ids(items) == []


def test_a_statement_beyond_the_last_is_not_reached(items: str, clients: ModuleType) -> None:
    run = kill_at(items, client(clients.four_inserts), 5, KillMode.client)
    assert not run.reached
    assert run.returncode == 0
    assert item_ids(items) == [1, 2, 3, 4]


def test_the_backend_of_a_killed_client_goes_on(items: str, clients: ModuleType) -> None:
    with psycopg.connect(items, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(7)")
        run = kill_at(items, client(clients.waits_for_a_lock), 1, KillMode.client)
        waiting = connection.execute("SELECT pid FROM pg_locks WHERE NOT granted").fetchall()
    assert run.returncode == -9
    assert len(waiting) == 1


def test_a_client_that_does_not_end_is_killed(items: str, clients: ModuleType) -> None:
    with psycopg.connect(items, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(7)")
        run = record_statements(items, client(clients.waits_for_a_lock), timeout=0.5)
    assert run.returncode is None


def test_a_program_gets_its_own_environment_alone(items: str, script: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPROOF_TEST_SECRET", "of this process")
    run = record_statements(items, script)
    assert (run.returncode, run.output) == (0, "['PGPROOF_TEST_URL']\n")
    assert run.statements == ("INSERT INTO item VALUES ($1, 'x')",) * 3


def test_a_program_is_killed_with_what_it_started(items: str, script: Command) -> None:
    shell = Command(("/bin/sh", "-c", '"$0" "$1"; true', *script.arguments), script.url_variable, {})
    run = kill_at(items, shell, 2, KillMode.client)
    assert run.returncode == -9
    assert item_ids(items) in ([1], [1, 2])


def test_a_program_that_does_not_exist_is_named(items: str) -> None:
    with pytest.raises(PgproofError, match="no-such-program"):
        record_statements(items, Command(("no-such-program",), "URL", {}))


def test_a_client_that_can_be_run_again_stands_every_kill(server: Server, template: str, clients: ModuleType) -> None:
    with server.scratch_database(template=template) as url:
        clients.rerunnable(url)
        with psycopg.connect(url) as connection:
            expected = read_fingerprint(connection), hash_rows(connection)

    def check(url: str) -> str | None:
        with psycopg.connect(url) as connection:
            found = read_fingerprint(connection), hash_rows(connection)
        return None if found == expected else "the database differs"

    results = list(prove_kills(server, template, client(clients.rerunnable), check))
    assert [(r.mode, r.statement) for r in results] == [
        (mode, statement) for mode in KillMode for statement in range(1, 7)
    ]
    assert {(r.killed, r.returncode, r.problem) for r in results} == {(True, 0, None)}
    assert results[2].sql == "INSERT INTO tag VALUES ($1, $2) ON CONFLICT DO NOTHING"


def test_a_client_that_fails_when_run_again_is_reported(
    embedded_server: Server, embedded_template: str, clients: ModuleType
) -> None:
    results = list(
        prove_kills(embedded_server, embedded_template, client(clients.fails_when_run_again), lambda url: None)
    )
    problems = {(r.mode, r.statement): r.problem for r in results}
    for mode in KillMode:
        assert problems[mode, 1] is None
        problem = problems[mode, 3]
        assert problem is not None
        assert "exit code 1" in problem
        assert 'relation "tag" already exists' in problem


def test_a_client_that_changes_more_when_run_again_is_reported(
    embedded_server: Server, embedded_template: str, clients: ModuleType
) -> None:
    def check(url: str) -> str | None:
        return None if item_ids(url) == [0] else "more than one row"

    results = prove_kills(
        embedded_server, embedded_template, client(clients.counts_twice_when_run_again), check, modes=[KillMode.client]
    )
    assert [(r.statement, r.returncode, r.problem) for r in results] == [
        (1, 0, None),
        (2, 0, "more than one row"),
    ]


def test_a_client_that_fails_undisturbed_is_not_killed(
    embedded_server: Server, embedded_template: str, clients: ModuleType
) -> None:
    with pytest.raises(PgproofError, match=r"without one, the run failed .*column \"no_such_column\" does not exist"):
        list(prove_kills(embedded_server, embedded_template, client(clients.fails), lambda url: None))


def test_a_check_that_refuses_the_undisturbed_run_is_reported(
    embedded_server: Server, embedded_template: str, clients: ModuleType
) -> None:
    with pytest.raises(PgproofError, match="without one, nothing is right"):
        list(
            prove_kills(
                embedded_server, embedded_template, client(clients.four_inserts), lambda url: "nothing is right"
            )
        )


def test_a_client_that_never_ends_is_not_waited_for(
    embedded_server: Server, embedded_template: str, clients: ModuleType
) -> None:
    waiting = Command((sys.executable, "-c", "import threading; threading.Event().wait()"), "URL", {})
    with pytest.raises(PgproofError, match=r"without one, the run did not end within 0\.5 s"):
        list(prove_kills(embedded_server, embedded_template, waiting, lambda url: None, timeout=0.5))


def test_a_backend_that_stays_is_reported(embedded_server: Server, embedded_template: str) -> None:
    lingering = Lingering()
    [result] = prove_kills(
        embedded_server, embedded_template, lingering, lambda url: None, modes=[KillMode.backend], timeout=1.0
    )
    for connection in lingering.connections:
        connection.close()
    assert (result.killed, result.returncode) == (True, 0)
    assert result.problem == "a backend was still at work 1 s after the run"
