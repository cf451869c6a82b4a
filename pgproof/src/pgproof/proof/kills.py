"""Kills at every statement: whether a client that died anywhere can simply be run again."""

from __future__ import annotations

import enum
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg

from pgproof.errors import PgproofError
from pgproof.facts.sql import load
from pgproof.proof.clients import Client, RunningClient
from pgproof.proof.proxy import ProxiedStatement, StatementProxy

# `package.module.Name: message` or `NameError: message`, as a traceback of Python ends.
_EXCEPTION = re.compile(r"(\w+\.)+\w+: |\w+(Error|Exception): ")
_IDLE_POLL_SECONDS = 0.005
_TERMINATION_MILLISECONDS = 10_000


class Copies(Protocol):
    """Where copies of a template are made, as a server of our own makes them."""

    def scratch_database(self, *, template: str | None = None) -> AbstractContextManager[str]:
        """Return a copy with a name of its own, dropped at the end; its URL."""


class KillMode(enum.Enum):
    """Who dies."""

    client = "client"
    """SIGKILL of the client's process; its backend finishes the statement on its own."""
    backend = "backend"
    """pg_terminate_backend; the client sees the connection end and fails by itself."""


@dataclass(frozen=True)
class RecordedRun:
    """An undisturbed run.

    Attributes:
        statements: the text of each statement, in order.
        returncode: the client's exit code; None when it did not end in time and was killed.
        output: what the client wrote to standard output and standard error.
    """

    statements: tuple[str, ...]
    returncode: int | None
    output: str


@dataclass(frozen=True)
class KilledRun:
    """A run with a kill.

    Attributes:
        statement_sql: the statement at which the kill came; None when the run had fewer statements.
        returncode: the client's exit code, minus the signal's number after a signal; None when it did not
            end in time and was killed for that.
        output: what the client wrote to standard output and standard error.
    """

    statement_sql: str | None
    returncode: int | None
    output: str

    @property
    def reached(self) -> bool:
        """Whether the run came to the statement, so that there was a kill."""
        return self.statement_sql is not None


@dataclass(frozen=True)
class KillResult:
    """One kill and the run after it.

    Attributes:
        statement: number of the statement at which the kill came, from 1.
        sql: its text in the undisturbed run.
        mode: who was killed.
        killed: whether the run came that far; a client that retries may send fewer statements.
        returncode: exit code of the run after the kill; None when it did not end in time.
        problem: why the database is not as it should be after the second run, in one line; None when it is.
    """

    statement: int
    sql: str
    mode: KillMode
    killed: bool
    returncode: int | None
    problem: str | None


def record_statements(url: str, client: Client, *, timeout: float = 120.0) -> RecordedRun:
    """Run a client undisturbed and list the statements it sends.

    Args:
        url: libpq URL of the database; the client gets another one, of the proxy in front of it.
        client: what to run.
        timeout: seconds after which the client is killed.
    """
    statements, returncode, output = _run_through_proxy(url, client, lambda statement, running: True, timeout)
    return RecordedRun(tuple(statement.sql for statement in statements), returncode, output)


def kill_at(url: str, client: Client, statement: int, mode: KillMode, *, timeout: float = 120.0) -> KilledRun:
    """Run a client and kill it, or its backend, as soon as the server has statement number `statement`.

    The kill comes while the statement runs, or just after a short one: both happen in life.

    Args:
        url: libpq URL of the database.
        client: what to run.
        statement: number of the statement, from 1.
        mode: who is killed.
        timeout: seconds after which a client that still runs is killed.
    """
    return kill_when(url, client, lambda current: current.number == statement, mode, timeout=timeout)


def kill_when(
    url: str,
    client: Client,
    chosen: Callable[[ProxiedStatement], bool],
    mode: KillMode,
    *,
    timeout: float = 120.0,
) -> KilledRun:
    """Run a client and kill it, or its backend, as soon as the server has a statement that is chosen.

    Args:
        url: libpq URL of the database.
        client: what to run.
        chosen: asked at each statement until it says yes.
        mode: who is killed.
        timeout: seconds after which a client that still runs is killed.
    """
    killed: list[str] = []
    with psycopg.connect(url, autocommit=True, application_name="pgproof") as control:

        def kill(current: ProxiedStatement, running: Future[RunningClient]) -> bool:
            if killed or not chosen(current):
                return True
            killed.append(current.sql)
            if mode is KillMode.client:
                running.result(timeout).kill()
                # Statements that a pipeline has sent ahead die with the client.
                return False
            # Waiting for its end keeps the answer from the client, which must not get one statement further.
            control.execute("SELECT pg_terminate_backend(%s, %s)", [current.backend_pid, _TERMINATION_MILLISECONDS])
            return True

        _, returncode, output = _run_through_proxy(url, client, kill, timeout)
    return KilledRun(killed[0] if killed else None, returncode, output)


def prove_kills(
    server: Copies,
    template: str,
    client: Client,
    check: Callable[[str], str | None],
    *,
    modes: Sequence[KillMode] = tuple(KillMode),
    chosen: Callable[[int], bool] = lambda number: True,
    timeout: float = 120.0,
) -> Iterator[KillResult]:
    """Kill a client at each of its statements, run it again, and check what the second run leaves.

    Every case has a fresh copy of the template. The second run starts at once and meets the backend of the
    killed client while that still works; the check comes when both have gone.

    Args:
        server: where the copies are made and dropped.
        template: name of the database to copy, to which nobody is connected.
        client: what is killed and run again.
        check: gets the URL of a copy after the second run, and after an undisturbed one, and returns in one
            line what is wrong with it, or None.
        modes: who is killed.
        chosen: at which statements, by their number from 1.
        timeout: seconds for one run of the client, and for the backends to leave afterwards.

    Yields:
        A result for each mode and statement, as soon as it is known.

    Raises:
        PgproofError: the undisturbed run failed, or the check refuses what it leaves.
    """
    with server.scratch_database(template=template) as url:
        recorded = record_statements(url, client, timeout=timeout)
        problem = _problem(url, recorded.returncode, recorded.output, check, timeout)
    if problem is not None:
        raise PgproofError(f"No kill was tried: without one, {problem}; mend that first")
    for mode in modes:
        for number, sql in enumerate(recorded.statements, start=1):
            if not chosen(number):
                continue
            with server.scratch_database(template=template) as url:
                killed = kill_at(url, client, number, mode, timeout=timeout)
                returncode, output = _run(url, client, timeout)
                problem = _problem(url, returncode, output, check, timeout)
            yield KillResult(number, sql, mode, killed.reached, returncode, problem)


def _run_through_proxy(
    url: str,
    client: Client,
    on_statement: Callable[[ProxiedStatement, Future[RunningClient]], bool],
    timeout: float,
) -> tuple[tuple[ProxiedStatement, ...], int | None, str]:
    with psycopg.connect(url) as connection:
        host, port = connection.info.host, connection.info.port
    # The first statement may pass before the call that starts the client has returned.
    running: Future[RunningClient] = Future()
    with StatementProxy(host, port, lambda statement: on_statement(statement, running)) as proxy:
        returncode, output = _run(proxy.url(url), client, timeout, running)
    return proxy.statements, returncode, output


def _run(
    url: str, client: Client, timeout: float, running: Future[RunningClient] | None = None
) -> tuple[int | None, str]:
    """Run a client to its end, or kill it after `timeout` seconds; return its exit code and its output."""
    with tempfile.TemporaryDirectory(prefix="pgproof-") as directory:
        output = Path(directory) / "output"
        started = client.start(url, output)
        if running is not None:
            running.set_result(started)
        try:
            returncode = started.wait(timeout)
        finally:
            started.kill()
        if returncode is None:
            started.wait(timeout)
        return returncode, output.read_text(encoding="utf-8", errors="replace") if output.exists() else ""


def _problem(
    url: str, returncode: int | None, output: str, check: Callable[[str], str | None], timeout: float
) -> str | None:
    """Return in one line what is wrong after a run that was meant to succeed."""
    if returncode is None:
        return f"the run did not end within {timeout:g} s"
    if returncode != 0:
        return f"the run failed with exit code {returncode}: {last_words(output)}"
    if not wait_until_alone(url, timeout):
        return f"a backend was still at work {timeout:g} s after the run"
    return check(url)


def last_words(output: str) -> str:
    """Return the line that names the last exception, or else the last line: what a person looks for first."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    exceptions = [line for line in lines if _EXCEPTION.match(line)]
    return next(reversed(exceptions or lines), "it said nothing")


def wait_until_alone(url: str, timeout: float) -> bool:
    """Wait until no other client has a backend in the database; return whether that came in time."""
    deadline = time.monotonic() + timeout
    with psycopg.connect(url, autocommit=True) as connection:
        while _other_backends(connection):
            if time.monotonic() > deadline:
                return False
            time.sleep(_IDLE_POLL_SECONDS)
    return True


def _other_backends(connection: psycopg.Connection[Any]) -> int:
    [(backends,)] = connection.execute(load("other_backends")).fetchall()
    return int(backends)
