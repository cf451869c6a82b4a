"""One run of a client on a scratch database, watched: its statements with their times, its end, and what hung."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from pgproof.errors import PgproofError
from pgproof.proof.clients import Client
from pgproof.proof.kills import last_words
from pgproof.proof.proxy import ProxiedStatement, StatementProxy

_LITERAL = re.compile(r"'(?:[^']|'')*'|(?<![\w$.])\d+(?:\.\d+)?\b")
_DISK_FULL = "No space left on device"
_HANGING = """
SELECT a.query, a.wait_event_type, a.wait_event, a.state,
       (SELECT string_agg(DISTINCT b.application_name || ': ' || b.query, '; ')
        FROM pg_stat_activity b WHERE b.pid = ANY (pg_blocking_pids(a.pid))) AS blockers
FROM pg_stat_activity a
WHERE a.pid = ANY (%s) AND a.state <> 'idle'
ORDER BY a.query_start
"""


@dataclass(frozen=True)
class SentStatement:
    """A statement that the client sent.

    Attributes:
        sql: its text.
        started: when the server had it, by `time.perf_counter()`.
        seconds: from then until the connection sent the next one, or the run ended.
        backend_pid: of the session that ran it.
    """

    sql: str
    started: float
    seconds: float
    backend_pid: int


@dataclass(frozen=True)
class Watched:
    """How a run went.

    Attributes:
        started: by `time.perf_counter()`.
        returncode: the client's; None when it did not end in time and was killed.
        output: what it wrote.
        hung: where it was when its time was up; None when it ended.
    """

    statements: tuple[SentStatement, ...]
    started: float
    seconds: float
    returncode: int | None
    output: str
    hung: str | None

    @property
    def problem(self) -> str | None:
        """Why the run was no success, in one line; None when it was."""
        if self.hung is not None:
            return self.hung
        return None if self.returncode == 0 else last_words(self.output)


def watch(url: str, admin_url: str, client: Client, limit: float) -> Watched:
    """Run a client to its end through a proxy, or kill it and its sessions when its time is up.

    Args:
        url: of the database, for the client.
        admin_url: of the same database, for a role that sees and may end the client's sessions.
        client: what to run.
        limit: seconds it may take.

    Raises:
        PgproofError: the scratch server's disk is full, which says nothing of the migration.
        psycopg.Error: the scratch server went away.
    """
    with psycopg.connect(admin_url, autocommit=True, application_name="pgproof") as control:
        host, port = control.info.host, control.info.port
        seen: list[tuple[float, ProxiedStatement]] = []

        def note(statement: ProxiedStatement) -> bool:
            seen.append((time.perf_counter(), statement))
            return True

        with StatementProxy(host, port, note) as proxy, tempfile.TemporaryDirectory(prefix="pgproof-") as folder:
            output = Path(folder, "output")
            started = time.perf_counter()
            client_process = client.start(proxy.url(url), output)
            hung = None
            try:
                returncode = client_process.wait(limit)
                if returncode is None:
                    hung = _where(control, [each.backend_pid for _, each in seen], limit)
            finally:
                client_process.kill()
                client_process.wait(limit)
                _end_sessions(control, {each.backend_pid for _, each in seen})
            ended = time.perf_counter()
            text = output.read_text(encoding="utf-8", errors="replace") if output.exists() else ""
        if returncode != 0 and _DISK_FULL in text:
            raise PgproofError(
                "the disk of the scratch server is full: free some space, set TMPDIR to another disk, or take a "
                "smaller --scale"
            )
        return Watched(tuple(_timed(seen, ended)), started, ended - started, returncode, text, hung)


def masked(statement: str) -> str:
    """Return a statement in one line, shortened, with a question mark for each literal: it may be of somebody's row."""
    return _LITERAL.sub("?", " ".join(statement.split()))[:200]


def _timed(seen: list[tuple[float, ProxiedStatement]], ended: float) -> Iterator[SentStatement]:
    following: dict[int, float] = {}
    found = []
    for at, statement in reversed(seen):
        until = following.get(statement.backend_pid, ended)
        found.append(SentStatement(statement.sql, at, until - at, statement.backend_pid))
        following[statement.backend_pid] = at
    yield from reversed(found)


def _where(control: psycopg.Connection[Any], pids: list[int], limit: float) -> str:
    row = control.execute(_HANGING, (pids,)).fetchone()
    if row is None:
        return f"it did not end within {limit:g} s, and its last statement had been answered: the script itself hangs"
    query, kind, event, _, blockers = row
    text = masked(str(query))
    waiting = f", waiting for {kind} {event}" if kind else ""
    held = f" held by {masked(str(blockers))}" if blockers else ""
    return f"it did not end within {limit:g} s: it was at {text}{waiting}{held}"


def _end_sessions(control: psycopg.Connection[Any], pids: set[int]) -> None:
    """A client that died leaves its backend at work; what is looked at next must find nobody."""
    control.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE pid = ANY (%s)", (list(pids),))
