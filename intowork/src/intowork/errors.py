"""What can go wrong on purpose: failures whose message a person reads instead of a traceback."""

from __future__ import annotations

from pgproof.errors import PgproofError


class IntoWorkError(PgproofError):
    """A failure with a one-line message that says what happened and what to do."""


class DatabaseUnavailable(IntoWorkError):
    """No usable connection: no server, a refused sign-in, a lost connection or an unsupported version."""


class DatabaseBusy(IntoWorkError):
    """The database would answer, but not this request and not now; the web answers 503."""

    def __init__(self, message: str, *, retry_after: int) -> None:
        """Keep the message and when it is worth trying again.

        Args:
            message: one line.
            retry_after: seconds until a new attempt makes sense, the value of the Retry-After header.
        """
        super().__init__(message)
        self.retry_after = retry_after


class StatementTimeout(IntoWorkError):
    """The server cancelled a statement that ran longer than it may; the web answers 504."""
