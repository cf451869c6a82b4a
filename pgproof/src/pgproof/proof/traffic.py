"""Traffic on a database: statements at a rate, whatever the database does meanwhile.

The loop is open: requests are due every 1/rate seconds and their latency counts from there, so a request that
finds every connection busy is as late as its user would see it. A closed loop would stop asking while the
database stands still and miss what it came to measure ("coordinated omission"; Schroeder, Wierman and
Harchol-Balter, "Open Versus Closed: A Cautionary Tale", NSDI 2006).
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from types import TracebackType
from typing import Protocol, Self

import psycopg

from pgproof.errors import PgproofError
from pgproof.proof.measuring import IDLE, TRAFFIC, Session, first_line, nearest_rank, open_session

_GRACE_SECONDS = 1.0
_CANCEL_EVERY_SECONDS = 0.2
_STOP_SECONDS = 10.0


@dataclass(frozen=True)
class TrafficStatement:
    """A statement of the mix; each request runs it in a transaction of its own and commits.

    Attributes:
        name: what the report calls it.
        sql: in psycopg's style: `%(name)s`, and `%%` for a literal per cent sign.
        parameters: draws the parameters of one request.
        weight: its share of the mix, relative to the other weights.
        writes: whether it changes rows.
        rolled_back: the transaction is rolled back instead, so that the rows stay as they were.
    """

    name: str
    sql: str
    parameters: Callable[[random.Random], Mapping[str, object]]
    weight: float
    writes: bool
    rolled_back: bool = False


@dataclass(frozen=True)
class IdleInTransaction:
    """One more session that begins, runs its SQL, idles in the open transaction, commits, pauses and repeats."""

    sql: str
    hold_seconds: float
    pause_seconds: float


@dataclass(frozen=True)
class StatementLatency:
    """How long the requests of one statement took from their intended start, in milliseconds.

    Attributes:
        calls: requests that began; the percentiles are over all of them, at nearest rank, and 0 without any.
        errors: those of them that failed.
        unfinished: those of them that were cancelled at the end; their age then is their latency.
        rows_written: rows that committed requests inserted, updated or deleted.
    """

    name: str
    calls: int
    errors: int
    unfinished: int
    rows_written: int
    p50_ms: float
    p95_ms: float
    p999_ms: float
    max_ms: float


@dataclass(frozen=True)
class TrafficReport:
    """What the traffic met, over all statements and for each of them.

    Attributes:
        seconds: from the first intended start to the stop.
        requests: everything that was due in this time; the percentiles are over all of it.
        rate: requests answered per second, failed ones left out.
        write_share: share of writing requests among those that began.
        unfinished: requests that were due and not answered at the end; their age then is their latency.
        idle_transactions: transactions of the session idle in transaction that were held and committed.
        errors: each distinct error, the most frequent first, with its number.
    """

    seconds: float
    requests: int
    rate: float
    write_share: float
    rows_written: int
    unfinished: int
    idle_transactions: int
    p50_ms: float
    p95_ms: float
    p999_ms: float
    max_ms: float
    statements: tuple[StatementLatency, ...]
    errors: tuple[str, ...]


class Traffic:
    """Runs a mix of statements on a database for as long as its `with` block lasts.

    Args:
        url: libpq URL of the database.
        statements: the mix.
        connections: sessions that share the requests; whichever is free takes the next one.
        rate: requests per second.
        idle: a further session that is idle in transaction.
        seed: of the generators, one for each connection, that draw statements and parameters.

    Raises:
        PgproofError: on entry, the server refuses a connection; on exit, a session could not be stopped.
    """

    def __init__(
        self,
        url: str,
        statements: Sequence[TrafficStatement],
        *,
        connections: int = 8,
        rate: float = 200.0,
        idle: IdleInTransaction | None = None,
        seed: int = 0,
    ) -> None:
        if not statements or connections < 1 or rate <= 0:
            raise PgproofError("No traffic can run: give a statement, a connection and a rate above 0")
        self._url = url
        self._statements = tuple(statements)
        self._connections = connections
        self._idle = idle
        self._seed = seed
        self._schedule = _Schedule(rate)
        self._workers: list[_Worker] = []
        self._idle_session: _IdleSession | None = None
        self._threads: list[threading.Thread] = []
        self._failures: list[BaseException] = []

    def __enter__(self) -> Self:
        clients: list[_Client] = []
        try:
            for number in range(self._connections):
                clients.append(client := _Client(self._url, TRAFFIC))
                chance = random.Random(f"{self._seed}/{number}")
                self._workers.append(_Worker(client, self._schedule, self._statements, chance))
            if self._idle is not None:
                clients.append(client := _Client(self._url, IDLE))
                self._idle_session = _IdleSession(client, self._schedule.stopped, self._idle)
        except PgproofError:
            for client in clients:
                client.close()
            raise
        self._threads = [
            threading.Thread(target=self._guard, args=(task,), daemon=True, name=task.client.application_name)
            for task in self._tasks()
        ]
        self._schedule.start()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._schedule.stop()
        self._join()
        for task, thread in zip(self._tasks(), self._threads, strict=True):
            if not thread.is_alive():
                task.client.close()
        if error is None and self._failures:
            raise self._failures[0]

    def report(self) -> TrafficReport:
        """Return what was measured.

        Raises:
            PgproofError: the traffic is still running.
        """
        if self._schedule.stopped_at is None:
            raise PgproofError("The traffic has no report yet: leave its with block first")
        begun = [request for worker in self._workers for request in worker.requests]
        never_begun_ms = self._schedule.never_begun_ms()
        latencies = sorted([request.latency_ms for request in begun] + never_begun_ms)
        errors = Counter(f"{request.name}: {request.error}" for request in begun if request.error is not None)
        if self._idle_session is not None:
            errors += self._idle_session.errors
        answered = sum(request.finished and request.error is None for request in begun)
        writing = {statement.name for statement in self._statements if statement.writes}
        return TrafficReport(
            seconds=self._schedule.seconds,
            requests=len(latencies),
            rate=answered / self._schedule.seconds,
            write_share=sum(request.name in writing for request in begun) / max(len(begun), 1),
            rows_written=sum(request.rows_written for request in begun),
            unfinished=len(never_begun_ms) + sum(not request.finished for request in begun),
            idle_transactions=0 if self._idle_session is None else self._idle_session.transactions,
            p50_ms=_percentile(latencies, 0.5),
            p95_ms=_percentile(latencies, 0.95),
            p999_ms=_percentile(latencies, 0.999),
            max_ms=_percentile(latencies, 1.0),
            statements=tuple(
                _statement_latency(statement.name, [r for r in begun if r.name == statement.name])
                for statement in self._statements
            ),
            errors=tuple(f"{text} (x{number})" for text, number in errors.most_common()),
        )

    def _tasks(self) -> list[_Task]:
        idle = [] if self._idle_session is None else [self._idle_session]
        return [*self._workers, *idle]

    def _guard(self, task: _Task) -> None:
        # A fault in a caller's parameters function would else end the thread unseen and thin out the traffic.
        try:
            task.serve()
        except BaseException as failure:
            self._failures.append(failure)

    def _join(self) -> None:
        """Let running requests end, then cancel them until every thread has ended, within a bounded time."""
        deadline = perf_counter() + _STOP_SECONDS
        patience = perf_counter() + _GRACE_SECONDS
        while any(thread.is_alive() for thread in self._threads):
            for thread in self._threads:
                thread.join(max(patience - perf_counter(), 0))
            if perf_counter() > deadline:
                self._failures.append(
                    PgproofError("The traffic did not stop: its server does not answer; check the server")
                )
                return
            for task, thread in zip(self._tasks(), self._threads, strict=True):
                if thread.is_alive():
                    task.client.cancel()
            patience = perf_counter() + _CANCEL_EVERY_SECONDS


@dataclass(frozen=True)
class _Request:
    """A request that began; unfinished when it was cancelled at the end of the traffic."""

    name: str
    latency_ms: float
    rows_written: int = 0
    error: str | None = None
    finished: bool = True


class _Schedule:
    """Says when requests are due and counts those that began."""

    def __init__(self, rate: float) -> None:
        self.stopped = threading.Event()
        self.stopped_at: float | None = None
        self._rate = rate
        self._lock = threading.Lock()
        self._started_at = 0.0
        self._taken = 0
        self._begun = 0

    def start(self) -> None:
        self._started_at = perf_counter()

    def stop(self) -> None:
        self.stopped_at = perf_counter()
        self.stopped.set()

    @property
    def seconds(self) -> float:
        assert self.stopped_at is not None
        return self.stopped_at - self._started_at

    def take(self) -> float:
        """Return the intended start of the next request, which may have passed already."""
        with self._lock:
            number = self._taken
            self._taken += 1
        return self._started_at + number / self._rate

    def begin(self, intended: float) -> bool:
        """Wait for the intended start and count the request, unless the traffic has stopped."""
        if self.stopped.wait(max(intended - perf_counter(), 0)):
            return False
        with self._lock:
            self._begun += 1
        return True

    def never_begun_ms(self) -> list[float]:
        """Return the ages at the stop of the requests that were due and found no free connection."""
        due = int(self.seconds * self._rate) + 1
        return [(self.seconds - number / self._rate) * 1000 for number in range(self._begun, due)]


class _Client:
    """A session that is opened again after it was lost."""

    def __init__(self, url: str, application_name: str) -> None:
        self.application_name = application_name
        self._url = url
        self._session = self._open()

    def session(self) -> Session:
        if self._session.closed:
            self._session = self._open()
        return self._session

    def recover(self) -> None:
        """Leave the failed transaction; a session that cannot is closed, and the next request opens a new one."""
        try:
            self._session.rollback()
        except psycopg.Error:
            self._session.close()

    def cancel(self) -> None:
        # The request may have ended meanwhile, or its session may be gone: there is nothing to cancel then.
        with suppress(psycopg.Error):
            self._session.cancel_safe(timeout=_CANCEL_EVERY_SECONDS)

    def close(self) -> None:
        self._session.close()

    def _open(self) -> Session:
        session = open_session(self._url, self.application_name)
        session.autocommit = False
        return session


class _Task(Protocol):
    """What a thread of the traffic does until the traffic stops."""

    @property
    def client(self) -> _Client: ...

    def serve(self) -> None: ...


class _Worker:
    """One connection of the mix."""

    def __init__(
        self,
        client: _Client,
        schedule: _Schedule,
        statements: tuple[TrafficStatement, ...],
        chance: random.Random,
    ) -> None:
        self.client = client
        self.requests: list[_Request] = []
        self._schedule = schedule
        self._statements = statements
        self._weights = [statement.weight for statement in statements]
        self._chance = chance

    def serve(self) -> None:
        while not self._schedule.stopped.is_set():
            intended = self._schedule.take()
            (statement,) = self._chance.choices(self._statements, self._weights)
            parameters = statement.parameters(self._chance)
            if self._schedule.begin(intended):
                self.requests.append(self._request(statement, parameters, intended))

    def _request(self, statement: TrafficStatement, parameters: Mapping[str, object], intended: float) -> _Request:
        def elapsed_ms() -> float:
            return (perf_counter() - intended) * 1000

        try:
            session = self.client.session()
            cursor = session.execute(statement.sql, parameters)
            if cursor.description is not None:
                cursor.fetchall()
            if statement.rolled_back:
                session.rollback()
            else:
                session.commit()
        except (psycopg.Error, PgproofError) as failure:
            latency_ms = elapsed_ms()
            self.client.recover()
            if isinstance(failure, psycopg.errors.QueryCanceled) and self._schedule.stopped.is_set():
                return _Request(statement.name, latency_ms, finished=False)
            return _Request(statement.name, latency_ms, error=first_line(failure))
        return _Request(statement.name, elapsed_ms(), rows_written=max(cursor.rowcount, 0) if statement.writes else 0)


class _IdleSession:
    """The session that is idle in transaction."""

    def __init__(self, client: _Client, stopped: threading.Event, idle: IdleInTransaction) -> None:
        self.client = client
        self.transactions = 0
        self.errors: Counter[str] = Counter()
        self._stopped = stopped
        self._idle = idle

    def serve(self) -> None:
        while not self._stopped.is_set():
            try:
                session = self.client.session()
                session.execute(self._idle.sql)
                self._stopped.wait(self._idle.hold_seconds)
                session.commit()
                self.transactions += 1
            except (psycopg.Error, PgproofError) as failure:
                self.client.recover()
                self.errors[f"idle in transaction: {first_line(failure)}"] += 1
            self._stopped.wait(self._idle.pause_seconds)


def _statement_latency(name: str, requests: Sequence[_Request]) -> StatementLatency:
    latencies = sorted(request.latency_ms for request in requests)
    return StatementLatency(
        name=name,
        calls=len(requests),
        errors=sum(request.error is not None for request in requests),
        unfinished=sum(not request.finished for request in requests),
        rows_written=sum(request.rows_written for request in requests),
        p50_ms=_percentile(latencies, 0.5),
        p95_ms=_percentile(latencies, 0.95),
        p999_ms=_percentile(latencies, 0.999),
        max_ms=_percentile(latencies, 1.0),
    )


def _percentile(ordered: Sequence[float], fraction: float) -> float:
    return nearest_rank(ordered, fraction) if ordered else 0.0
