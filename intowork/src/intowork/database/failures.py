"""The database's failures as one line that says what to do, in one place, and never with a password."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Connection, Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from intowork.database.url import describe_target
from intowork.errors import DatabaseBusy, DatabaseUnavailable, IntoWorkError, StatementTimeout

MINIMUM_SERVER_VERSION = 15

# PostgreSQL documentation, appendix A.
_QUERY_CANCELED = "57014"
_LOCK_NOT_AVAILABLE = "55P03"
_SERIALIZATION_FAILURE = "40001"
_SCHEMA_MISMATCHES = ("42P01", "42703")
_CONNECTION_FAILURES = ("08", "57P0", "53300", "25P03")

# What libpq and the server say when no connection comes about; libpq hands on no SQLSTATE for it
# (PostgreSQL documentation, section 34.1), so the words decide, and a server that speaks another language
# falls through to its own sentence. Regular expressions, the first that is found decides.
_REMEDIES = (
    ("password authentication failed", "the password or user is wrong: correct it in the database URL"),
    ("no password supplied", "a password is needed: add it to the database URL"),
    ("no pg_hba.conf entry", "the server does not admit this user from here: allow it in pg_hba.conf"),
    ("does not support SSL", "the server offers no TLS: turn ssl on there (sslmode asks for it)"),
    ("certificate", "the server's certificate was not accepted: check sslmode and sslrootcert"),
    ("too many clients", "the server has no connection left: raise max_connections or lower POOL_SIZE"),
    ("remaining connection slots", "the server has no connection left: raise max_connections or lower POOL_SIZE"),
    ("too many connections", "the role or database has no connection left: raise its limit or lower POOL_SIZE"),
    ("unsupported startup parameter", "PgBouncer is in between: set PGBOUNCER=1 and DIRECT_DATABASE_URL"),
    ("starting up", "the server is starting: try again in a moment"),
    ("Connection refused", "no server listens there: start it, or correct host and port"),
    ("No such file or directory", "no server listens there: start it, or correct the socket directory"),
    ("failed to resolve host", "nobody knows that host: correct it"),
    ("timeout expired", "no answer within DATABASE_TIMEOUT: check host, port and firewall"),
    ('role ".*" does not exist', "that user does not exist: create it, or correct the database URL"),
    ('database ".*" does not exist', "that database does not exist: create it, or correct the database URL"),
)


@contextmanager
def connect_or_explain(engine: Engine) -> Iterator[Connection]:
    """Yield a connection to a server that IntoWork supports; the failure to get one is explained.

    Args:
        engine: any engine of `intowork.database.engine`.

    Raises:
        DatabaseUnavailable: no server, a refused sign-in, or a server that is too old.
    """
    try:
        connection = engine.connect()
    except (DBAPIError, PoolTimeout) as error:
        raise explain_connection_failure(engine.url, error) from None
    with connection:
        require_supported_server(server_version_number(connection))
        connection.rollback()
        yield connection


def server_version_number(connection: Connection) -> int:
    """Return the server's version as a number, 150004 for 15.4."""
    return int(connection.execute(text("SHOW server_version_num")).scalar_one())


def require_supported_server(version_number: int) -> None:
    """Refuse a server whose version IntoWork does not support.

    Args:
        version_number: PostgreSQL's server_version_num, such as 150004.

    Raises:
        DatabaseUnavailable: the server is older than PostgreSQL 15.
    """
    major, minor = divmod(version_number, 10_000)
    if major < MINIMUM_SERVER_VERSION:
        raise DatabaseUnavailable(
            f"the server is PostgreSQL {major}.{minor}, and IntoWork needs {MINIMUM_SERVER_VERSION} or newer: "
            "upgrade the server"
        )


def explain_connection_failure(url: URL, error: Exception) -> DatabaseUnavailable:
    """Return what kept a connection from coming about, where, and what to do.

    Args:
        url: where it was meant to lead.
        error: what SQLAlchemy raised.
    """
    words = _first_line(error)
    remedy = next((remedy for sign, remedy in _REMEDIES if re.search(sign, words)), None)
    target = describe_target(url)
    if remedy is None:
        password = url.password
        said = words.replace(password, "***") if password else words
        return DatabaseUnavailable(f"no connection to {target}: {said}")
    return DatabaseUnavailable(f"no connection to {target}: {remedy}")


def explain_statement_failure(url: URL, error: DBAPIError) -> Exception:
    """Return a failure of the database for a person, or the error itself where it is about the statement's rows.

    Args:
        url: where the statement was sent.
        error: what SQLAlchemy raised.
    """
    sqlstate = getattr(error.orig, "sqlstate", None)
    if sqlstate == _QUERY_CANCELED:
        return StatementTimeout(
            "the server cancelled a statement that ran longer than STATEMENT_TIMEOUT: ask for less, or try later"
        )
    if sqlstate == _LOCK_NOT_AVAILABLE:
        return DatabaseBusy("another transaction held what this one needs for LOCK_TIMEOUT: try again", retry_after=1)
    # On a standby: the rows it read were removed on the primary, and replay waited for max_standby_streaming_delay
    # (PostgreSQL documentation, section 26.4.2).
    if sqlstate == _SERIALIZATION_FAILURE:
        return DatabaseBusy(
            "the server cancelled a statement that later changes got in the way of: try again", retry_after=1
        )
    if sqlstate in _SCHEMA_MISMATCHES:
        return IntoWorkError(f"{describe_target(url)} lacks a table or column of this version: run intowork migrate")
    if error.connection_invalidated or (sqlstate is not None and sqlstate.startswith(_CONNECTION_FAILURES)):
        return DatabaseUnavailable(f"the connection to {describe_target(url)} was lost: try again")
    if isinstance(error, OperationalError) and sqlstate is None:
        return explain_connection_failure(url, error)
    return error


def _first_line(error: Exception) -> str:
    """Return the driver's first line; SQLAlchemy adds the statement and a link."""
    original = error.orig if isinstance(error, DBAPIError) else error
    return str(original).partition("\n")[0].strip()
