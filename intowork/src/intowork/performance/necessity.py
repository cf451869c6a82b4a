"""What each index of the critical migration is for: the statement that becomes worse when that index alone is gone."""

from __future__ import annotations

import datetime as dt
import importlib
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import sql

from intowork.kit.sql import render
from intowork.operations.cleanup import CleanupPolicy, cleanup_rules
from intowork.operations.migrate import CRITICAL
from intowork.performance.measuring import rendered
from intowork.performance.suites import Case
from pgproof.proof.measuring import Session

_EXPLAIN = "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) "
_ROUNDS = 3
_CLEANED_ROWS = 500
"""Fewer than a cleanup deletes at a time, so that finding the rows shows beside deleting them."""


@dataclass(frozen=True)
class Cost:
    """What a statement takes on average over its draws.

    Attributes:
        ms: execution time, without planning; the median of the rounds.
        buffers: shared blocks hit and read.
    """

    ms: float
    buffers: float


@dataclass(frozen=True)
class Necessity:
    """The statement that needs an index most.

    Attributes:
        index: its name.
        statement: the statement whose blocks grow most, as a ratio, when the index is gone.
        scans: scans of the index while all statements ran with it.
        present: what the statement takes.
        absent: what it takes without the index, everything else in place.
    """

    index: str
    statement: str
    scans: int
    present: Cost
    absent: Cost

    @property
    def ratio(self) -> float:
        """How many times more blocks the statement touches without the index."""
        return self.absent.buffers / max(self.present.buffers, 1.0)


@dataclass(frozen=True)
class _Named:
    """A statement with its draws."""

    name: str
    requests: tuple[tuple[tuple[str, ...], Mapping[str, object]], ...]


def critical_indexes() -> tuple[str, ...]:
    """Return the names of the fifteen indexes of the critical migration, in its order."""
    revision = importlib.import_module(f"intowork.migrations.versions.{CRITICAL}_critical_indexes_and_constraints")
    return tuple(index.name for index in revision.INDEXES)


def necessities(session: Session, cases: Sequence[Case]) -> Iterator[Necessity]:
    """Drop each index of the critical migration alone, in a transaction that is rolled back, and run every statement.

    With and without take turns. The drop locks its table until the rollback: this is for a copy.

    Args:
        session: an autocommit session on a loaded copy at head.
        cases: the platform's statements.
    """
    named = [*_of_cases(cases), *_of_keys_and_cleanups(session)]
    for index in critical_indexes():
        before = _scans(session, index)
        present: dict[str, list[Cost]] = {each.name: [] for each in named}
        absent: dict[str, list[Cost]] = {each.name: [] for each in named}
        affected: list[_Named] = named
        for number in range(_ROUNDS):
            with _rolled_back(session):
                for each in affected:
                    present[each.name].append(_cost(session, each))
            with _rolled_back(session):
                session.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(index)))
                for each in affected:
                    absent[each.name].append(_cost(session, each))
            if number == 0:
                # One round tells which statement the index is for; the others are not run again.
                affected = [max(named, key=lambda each: _growth(present[each.name], absent[each.name]))]
        session.execute("SELECT pg_stat_force_next_flush()")
        worst = affected[0]
        yield Necessity(
            index=index,
            statement=worst.name,
            scans=_scans(session, index) - before,
            present=_median(present[worst.name]),
            absent=_median(absent[worst.name]),
        )


def _of_cases(cases: Sequence[Case]) -> Iterator[_Named]:
    for case in cases:
        if case.ours:
            sent = [rendered(request) for request in case.ours]
            yield _Named(f"{case.suite}: {case.name}", tuple((each.sql, each.parameters) for each in sent))


def _of_keys_and_cleanups(session: Session) -> Iterator[_Named]:
    """Yield what runs besides the pages: the check of a foreign key, as PostgreSQL sends it, and the cleanups."""
    rows = session.execute("SELECT id FROM job_applications ORDER BY id LIMIT 20").fetchall()
    check = (
        "SELECT 1 FROM ONLY public.notifications x "
        "WHERE %(id)s OPERATOR(pg_catalog.=) related_application_id FOR KEY SHARE OF x"
    )
    yield _Named("foreign-key check of a deleted application", tuple(((check,), {"id": row[0]}) for row in rows))
    policy = CleanupPolicy(batch_size=_CLEANED_ROWS)
    for rule in cleanup_rules(policy):
        statement = render(rule.delete_batch(dt.datetime.now(dt.UTC), policy.batch_size))
        yield _Named(f"cleanup: {rule.name}", (((statement.text,), statement.parameters),))


@contextmanager
def _rolled_back(session: Session) -> Iterator[None]:
    session.execute("BEGIN")
    try:
        yield
    finally:
        session.execute("ROLLBACK")


def _cost(session: Session, named: _Named) -> Cost:
    milliseconds, blocks = 0.0, 0
    for statements, parameters in named.requests:
        for statement in statements:
            session.execute("SAVEPOINT cost")
            row = session.execute((_EXPLAIN + statement).encode(), parameters).fetchone()
            session.execute("ROLLBACK TO cost")
            assert row is not None
            explained = row[0][0]
            milliseconds += explained["Execution Time"]
            blocks += explained["Plan"]["Shared Hit Blocks"] + explained["Plan"]["Shared Read Blocks"]
    draws = len(named.requests)
    return Cost(milliseconds / draws, blocks / draws)


def _growth(present: Sequence[Cost], absent: Sequence[Cost]) -> float:
    return _median(absent).buffers / max(_median(present).buffers, 1.0)


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(statistics.median(c.ms for c in costs), statistics.median(c.buffers for c in costs))


def _scans(session: Session, index: str) -> int:
    row = session.execute("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = %s", (index,)).fetchone()
    assert row is not None
    return int(row[0])
