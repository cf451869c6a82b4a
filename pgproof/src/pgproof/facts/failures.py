"""What went wrong on the way to a server, as one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from pgproof.errors import PgproofError


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn the errors of the server and the connection into one line.

    Args:
        what: could not be done, as the beginning of a sentence.

    Raises:
        PgproofError: instead of psycopg's.
    """
    try:
        yield
    except psycopg.errors.LockNotAvailable as error:
        raise PgproofError(
            f"{what}: a session holds a lock on PostgreSQL's own catalog ({reason(error)}); try again when it has ended"
        ) from error
    except psycopg.errors.QueryCanceled as error:
        raise PgproofError(f"{what} in time ({reason(error)}); try again when the server is less busy") from error
    except psycopg.Error as error:
        if error.sqlstate is None or error.sqlstate[:3] in ("080", "57P"):
            raise PgproofError(f"{what}: the connection was lost ({reason(error)}); run it again") from error
        raise PgproofError(f"{what}: {reason(error)}") from error


def reason(error: psycopg.Error) -> str:
    """Return what the server said in one line, with its SQLSTATE where it has one."""
    if error.diag.message_primary is None:
        return " ".join(str(error).split()) or type(error).__name__
    return f"{' '.join(error.diag.message_primary.split())} (SQLSTATE {error.sqlstate})"


def lost(connection: psycopg.Connection[Any], error: psycopg.Error) -> bool:
    """Tell whether an error ended the connection, rather than one statement on it."""
    return connection.broken or (isinstance(error, psycopg.OperationalError) and error.sqlstate is None)
