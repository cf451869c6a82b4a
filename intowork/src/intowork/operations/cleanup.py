"""Rows that have served their purpose: expired sessions and tokens, deleted in small transactions.

Each batch is a transaction of its own, so a run can be interrupted at any moment, holds its locks for
milliseconds, and skips rows that somebody else holds: the next run finds them.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, Delete, Engine, delete, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import InstrumentedAttribute

from intowork.database.failures import connect_or_explain, explain_statement_failure
from intowork.errors import IntoWorkError
from intowork.models import PasswordResetToken, Session, VerificationToken
from intowork.settings import Settings

log = structlog.get_logger("intowork.operations.cleanup")

Progress = Callable[[str, int], None]
Expiring = type[Session] | type[PasswordResetToken] | type[VerificationToken]

# A number of its own among the advisory locks of the database: the letters "cleanup" as ASCII.
_LOCK = 0x636C65616E7570


class CleanupRunning(IntoWorkError):
    """Another process is cleaning this database up; there is nothing left to do."""


@dataclass(frozen=True)
class CleanupPolicy:
    """How long expired rows are kept.

    Attributes:
        session_days: days a session is kept after it expired.
        used_token_days: days a password reset token is kept after it was used.
        batch_size: rows deleted in one transaction.
    """

    session_days: int = 30
    used_token_days: int = 7
    batch_size: int = 5_000

    @classmethod
    def from_settings(cls, settings: Settings) -> CleanupPolicy:
        """Return the policy that the environment asks for."""
        return cls(
            session_days=settings.cleanup_session_days,
            used_token_days=settings.cleanup_used_token_days,
            batch_size=settings.cleanup_batch_size,
        )


@dataclass(frozen=True)
class CleanedRows:
    """What one rule deleted.

    Attributes:
        rule: the rule's name.
        table: the table it deletes from.
        rows: rows deleted.
        batches: transactions that deleted them.
    """

    rule: str
    table: str
    rows: int
    batches: int


@dataclass(frozen=True)
class CleanupRun:
    """One run of the cleanup.

    Attributes:
        started_at: the time that "expired" was measured against.
        seconds: how long it took.
        cleaned: one entry for each rule, in the order they ran.
    """

    started_at: dt.datetime
    seconds: float
    cleaned: tuple[CleanedRows, ...]

    @property
    def rows(self) -> int:
        """Rows deleted by all rules."""
        return sum(each.rows for each in self.cleaned)


@dataclass(frozen=True)
class CleanupRule:
    """Rows of a model whose timestamp lies before now less some days; a null timestamp is never before."""

    name: str
    model: Expiring
    expires: InstrumentedAttribute[dt.datetime] | InstrumentedAttribute[dt.datetime | None]
    days: int

    def delete_batch(self, now: dt.datetime, rows: int) -> Delete:
        """Return the statement that deletes the oldest rows, whatever the planner makes of it at most so many.

        A subquery in the condition could run once for every row, with another batch each time; a CTE that
        locks rows runs once (PostgreSQL documentation, section 7.8.3).
        """
        batch = (
            select(self.model.id)
            .where(self.expires < now - dt.timedelta(days=self.days))
            .order_by(self.expires)
            .limit(rows)
            .with_for_update(skip_locked=True)
            .cte("batch")
        )
        return delete(self.model).where(self.model.id.in_(select(batch.c.id)))


def cleanup_rules(policy: CleanupPolicy) -> tuple[CleanupRule, ...]:
    """Return what is deleted, in the order it is."""
    return (
        CleanupRule("expired sessions", Session, Session.expires, policy.session_days),
        CleanupRule("expired password reset tokens", PasswordResetToken, PasswordResetToken.expires_at, 0),
        CleanupRule(
            "used password reset tokens", PasswordResetToken, PasswordResetToken.used_at, policy.used_token_days
        ),
        CleanupRule("expired verification tokens", VerificationToken, VerificationToken.expires, 0),
    )


def run_cleanup(
    engine: Engine, policy: CleanupPolicy, *, now: dt.datetime | None = None, progress: Progress | None = None
) -> CleanupRun:
    """Delete what the policy no longer keeps, unless another process is at it.

    Args:
        engine: a direct engine: the lock that keeps a second runner out belongs to a session.
        policy: how long to keep what.
        now: the time to measure against; the server's own where absent.
        progress: told the rule and the rows it has deleted so far, after each batch.

    Raises:
        CleanupRunning: another process holds the lock.
        DatabaseUnavailable: there is no connection, or it was lost; the batches so far stay deleted.
    """
    began = time.monotonic()
    cleaned: list[CleanedRows] = []
    with connect_or_explain(engine) as connection:
        try:
            with _only_runner(connection):
                started_at = now or _server_time(connection)
                for rule in cleanup_rules(policy):
                    cleaned.append(_clean(connection, rule, started_at, policy.batch_size, progress))
        except DBAPIError as error:
            _record("cleanup failed", cleaned)
            raise explain_statement_failure(engine.url, error) from error
        except KeyboardInterrupt:
            _record("cleanup interrupted", cleaned)
            raise
    run = CleanupRun(started_at=started_at, seconds=time.monotonic() - began, cleaned=tuple(cleaned))
    _record("cleanup finished", cleaned, started_at=started_at.isoformat(), seconds=round(run.seconds, 3))
    return run


def _record(outcome: str, cleaned: Sequence[CleanedRows], **more: object) -> None:
    """Log a run with the rules that came to their end."""
    log.info(outcome, **{each.rule.replace(" ", "_"): each.rows for each in cleaned}, **more)


def _clean(
    connection: Connection, rule: CleanupRule, now: dt.datetime, batch_size: int, progress: Progress | None
) -> CleanedRows:
    rows = batches = 0
    while True:
        with connection.begin():
            deleted = connection.execute(rule.delete_batch(now, batch_size)).rowcount
        if deleted:
            rows += deleted
            batches += 1
            if progress is not None:
                progress(rule.name, rows)
        # A batch that is not full has met the end, or rows that somebody else holds.
        if deleted < batch_size:
            return CleanedRows(rule=rule.name, table=rule.model.__tablename__, rows=rows, batches=batches)


@contextmanager
def _only_runner(connection: Connection) -> Iterator[None]:
    """Hold the lock of the cleanup on the connection that does the work, so that both end together."""
    with connection.begin():
        acquired = connection.scalar(select(func.pg_try_advisory_lock(_LOCK)))
    if not acquired:
        raise CleanupRunning("a cleanup of this database is running already: nothing was done")
    try:
        yield
    finally:
        if not connection.invalidated and not connection.closed:
            with connection.begin():
                connection.execute(select(func.pg_advisory_unlock(_LOCK)))


def _server_time(connection: Connection) -> dt.datetime:
    with connection.begin():
        return connection.execute(text("SELECT now()")).scalar_one()  # type: ignore[no-any-return]
