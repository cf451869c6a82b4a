"""Who waits for which lock, and how long: PostgreSQL's lock table, sampled every few milliseconds.

What begins and ends between two samples stays unseen, so a report also says how far apart the samples really
were.
"""

from __future__ import annotations

import statistics
import threading
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from time import perf_counter
from types import TracebackType
from typing import Self

import psycopg
from psycopg.rows import class_row

from pgproof.errors import PgproofError
from pgproof.facts.sql import load
from pgproof.proof.measuring import SAMPLER, Session, first_line, open_session

_STOP_SECONDS = 5.0


@dataclass(frozen=True)
class LockWait:
    """One wait of one session for one lock, from its first moment until it was seen no more.

    Attributes:
        application_name: of the session that waited.
        query: what it ran.
        relation: schema and table where it is known; a wait for a transaction, as row locks are, may have
            none.
        lock_type: pg_locks.locktype, such as relation, transactionid, tuple or virtualxid.
        mode: the lock mode that it asked for.
        waited_ms: from pg_locks.waitstart to the first sample without the wait, at most one interval too
            long.
        blocked_by_query: the queries of the sessions that blocked it when it was first seen.
        blocked_by_application_name: the names of those sessions.
        since: when it began, by `time.perf_counter()`.
    """

    application_name: str
    query: str
    relation: str | None
    lock_type: str
    mode: str
    waited_ms: float
    blocked_by_query: str
    blocked_by_application_name: str
    since: float


@dataclass(frozen=True)
class HeldLock:
    """A lock that a transaction held on a relation in a mode that keeps writers out (ShareLock or stronger).

    Attributes:
        held_ms: from the first sample with the lock to the first one without it.
        since: when it was first seen, by `time.perf_counter()`.
    """

    application_name: str
    relation: str
    mode: str
    held_ms: float
    since: float


@dataclass(frozen=True)
class LockReport:
    """What the sampler saw, the longest first.

    Attributes:
        samples: looks at the lock table.
        median_gap_ms: median time between two samples; 0 with fewer than two samples.
        max_gap_ms: longest time between two samples: shorter waits than this may have gone unseen.
        waits: every wait.
        held: every strong lock of the sessions that the sampler was asked to watch.
    """

    samples: int
    median_gap_ms: float
    max_gap_ms: float
    waits: tuple[LockWait, ...]
    held: tuple[HeldLock, ...]

    def longest_wait_ms(self, application_name: str) -> float:
        """Return how long any session of that name waited for a lock at most; 0 if none did."""
        return max((w.waited_ms for w in self.waits if w.application_name == application_name), default=0.0)


class LockSampler:
    """Samples the locks of a database on a connection of its own for as long as its `with` block lasts.

    Args:
        url: libpq URL of the database.
        interval_ms: intended time between two samples.
        application_name: whose strong locks are reported as held; None for everybody's. Waits are always
            everybody's.

    Raises:
        PgproofError: on entry, the server refuses the connection; on exit, the sampler lost its connection.
    """

    def __init__(self, url: str, *, interval_ms: float = 5.0, application_name: str | None = None) -> None:
        self._url = url
        self._interval = interval_ms / 1000
        self._application_name = application_name
        self._stopped = threading.Event()
        self._sampled_at: list[float] = []
        self._open: dict[tuple[object, ...], _Episode] = {}
        self._closed: list[_Episode] = []
        self._failure: Exception | None = None

    def __enter__(self) -> Self:
        self._session = open_session(self._url, SAMPLER)
        # The one statement is planned once: planning it anew would take longer than running it.
        self._session.prepare_threshold = 0
        self._session.execute("SET jit = off")
        self._session.execute("SET plan_cache_mode = force_generic_plan")
        self._sample(self._session)
        self._thread = threading.Thread(target=self._run, daemon=True, name=SAMPLER)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join(_STOP_SECONDS)
        if self._thread.is_alive():
            self._failure = PgproofError("its server does not answer")
        else:
            self._session.close()
        if error is None and self._failure is not None:
            raise PgproofError(
                f"The lock report would be incomplete: the sampler failed ({first_line(self._failure)}); measure again"
            ) from self._failure

    def report(self) -> LockReport:
        """Return what was seen.

        Raises:
            PgproofError: the sampler is still running.
        """
        if not self._stopped.is_set():
            raise PgproofError("The lock sampler has no report yet: leave its with block first")
        gaps_ms = [(later - earlier) * 1000 for earlier, later in pairwise(self._sampled_at)]
        episodes = sorted([*self._closed, *self._open.values()], key=lambda episode: -episode.milliseconds)
        return LockReport(
            samples=len(self._sampled_at),
            median_gap_ms=statistics.median(gaps_ms) if gaps_ms else 0.0,
            max_gap_ms=max(gaps_ms, default=0.0),
            waits=tuple(episode.wait() for episode in episodes if not episode.lock.granted),
            held=tuple(episode.held() for episode in episodes if episode.lock.granted),
        )

    def _run(self) -> None:
        due = perf_counter()
        try:
            while not self._stopped.wait(max(due - perf_counter(), 0)):
                self._sample(self._session)
                due = max(due + self._interval, perf_counter())
            # Whatever ended since the last sample is seen to be gone.
            self._sample(self._session)
        except psycopg.Error as failure:
            self._failure = failure

    def _sample(self, session: Session) -> None:
        asked_at = perf_counter()
        with session.cursor(row_factory=class_row(_Lock)) as cursor:
            query = load("lock_sample")
            locks = cursor.execute(query, {"application_name": self._application_name}).fetchall()
        answered_at = perf_counter()
        self._sampled_at.append(answered_at)
        seen: dict[tuple[object, ...], _Episode] = {}
        for lock in locks:
            known = self._open.get(lock.key)
            if known is not None and known.continues_as(lock):
                seen[lock.key] = self._open.pop(lock.key)
            else:
                seen[lock.key] = _Episode(lock, asked_at)
            seen[lock.key].see(lock, asked_at, answered_at)
        for episode in self._open.values():
            episode.until = answered_at
            self._closed.append(episode)
        self._open = seen


@dataclass(frozen=True)
class _Lock:
    """A row of `lock_sample.sql`."""

    granted: bool
    pid: int
    application_name: str
    query: str
    relation: str | None
    locktype: str
    mode: str
    target: str
    xact_start: datetime | None
    waited_ms: float | None
    waitstart: datetime | None
    application_names: str | None
    queries: str | None

    @property
    def key(self) -> tuple[object, ...]:
        return (self.granted, self.pid, self.locktype, self.mode, self.target, self.xact_start)


class _Episode:
    """A lock awaited or held over consecutive samples."""

    def __init__(self, lock: _Lock, since: float) -> None:
        self.lock = lock
        self.until = since
        self._since = since
        self._waitstart: datetime | None = None

    @property
    def milliseconds(self) -> float:
        return (self.until - self._since) * 1000

    def continues_as(self, lock: _Lock) -> bool:
        """Tell a wait that goes on from the next wait of the same session for the same lock."""
        return self._waitstart is None or lock.waitstart is None or self._waitstart == lock.waitstart

    def see(self, lock: _Lock, asked_at: float, answered_at: float) -> None:
        # PostgreSQL sets waitstart a moment after the wait began, so the first sample may be without it.
        if self._waitstart is None and lock.waited_ms is not None:
            self._waitstart = lock.waitstart
            self._since = asked_at - lock.waited_ms / 1000
        if not self.lock.queries:
            self.lock = lock
        self.until = answered_at

    def wait(self) -> LockWait:
        lock = self.lock
        return LockWait(
            application_name=lock.application_name,
            query=lock.query,
            relation=lock.relation,
            lock_type=lock.locktype,
            mode=lock.mode,
            waited_ms=self.milliseconds,
            blocked_by_query=lock.queries or "",
            blocked_by_application_name=lock.application_names or "",
            since=self._since,
        )

    def held(self) -> HeldLock:
        lock = self.lock
        assert lock.relation is not None
        return HeldLock(lock.application_name, lock.relation, lock.mode, self.milliseconds, self._since)
