"""Databases made for a moment on any server, which are gone afterwards, after a crash too.

Whoever makes a scratch database holds an advisory lock named like it until the database is dropped. The lock
ends with the session that holds it, so a scratch database whose lock nobody holds has lost its owner.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from importlib import resources
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from pgproof.server.binaries import OLDEST_MAJOR
from pgproof.server.errors import ServerError

_PREFIX = "pgproof_scratch_"
_TOO_OLD = f"the scratch server is older than PostgreSQL {OLDEST_MAJOR}: use one of that version or newer"
_ORPHANS = resources.files(__package__).joinpath("orphan_scratch_databases.sql").read_text("utf-8")


class ScratchDatabases:
    """Makes and drops databases on the server behind a URL."""

    def __init__(self, url: str) -> None:
        """Takes the URL of a database on that server, which is connected to and never changed.

        Args:
            url: a libpq URL whose role may create databases. It must lead to the server itself: behind a
                pooler that shares sessions the locks mean nothing.

        Raises:
            ServerError: the URL is not one of PostgreSQL, or names its database as a parameter, which would
                win over the path and lead every statement to that database.
        """
        if not url.startswith(("postgresql://", "postgres://")):
            raise ServerError("the scratch server's URL is not one of PostgreSQL: it begins with postgresql://")
        self._url = url
        try:
            named = conninfo_to_dict(self.url("postgres"))["dbname"]
        except psycopg.ProgrammingError as error:
            raise ServerError(f"the scratch server's URL cannot be read ({_reason(error)}): correct it") from error
        if named != "postgres":
            raise ServerError(
                "the scratch server's URL names its database as dbname=: "
                "name it in the path, as in postgresql://host/name"
            )

    def url(self, database: str) -> str:
        """The URL of another database on the same server."""
        parts = urlsplit(self._url, allow_fragments=False)
        parameters = f"?{parts.query}" if parts.query else ""
        return f"{parts.scheme}://{parts.netloc}/{quote(database, safe='')}{parameters}"

    def create_database(self, name: str, *, template: str | None = None) -> str:
        """Creates a database and returns its URL.

        Args:
            name: its name.
            template: the database to copy, to which nobody may be connected; None for an empty one.

        Raises:
            ServerError: the name is taken, the template is missing or in use, or the disk is full.
        """
        with connected(self._url) as connection:
            return self._create(connection, name, template)

    def drop_database(self, name: str) -> None:
        """Drops a database if it exists, and ends the sessions in it.

        Raises:
            ServerError: it belongs to another role, or holds a prepared transaction or a replication slot.
        """
        with connected(self._url) as connection:
            _drop(connection, name)

    @contextlib.contextmanager
    def scratch_database(self, *, template: str | None = None) -> Iterator[str]:
        """A database with a name of its own, dropped at the end; its URL.

        Scratch databases that a crash left on the server are dropped first.

        Args:
            template: the database to copy, to which nobody may be connected; None for an empty one.

        Raises:
            ServerError: it cannot be created, or cannot be dropped.
        """
        name = _PREFIX + secrets.token_hex(8)
        with connected(self._url) as connection:
            _drop_orphans(connection)
            connection.execute("SELECT pg_advisory_lock(%s)", [_lock_key(name)])
            try:
                yield self._create(connection, name, template)
            finally:
                try:
                    _drop(connection, name)
                except ServerError:
                    if not connection.closed:
                        raise
                    # The server was restarted, or our session ended, while the database was in use.
                    self.drop_database(name)

    def drop_orphans(self) -> tuple[str, ...]:
        """Drops the scratch databases that lost their owner and returns their names."""
        with connected(self._url) as connection:
            return _drop_orphans(connection)

    def _create(self, connection: psycopg.Connection, name: str, template: str | None) -> str:
        # template1 may be in use, or hold what somebody put there.
        source = sql.Identifier(template or "template0")
        try:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), source))
        except psycopg.errors.DiskFull as error:
            raise ServerError(
                f"the disk of the server is full, so database {name} was not created: free some space"
            ) from error
        except psycopg.errors.ObjectInUse as error:
            raise ServerError(
                f"database {template} is in use, so it cannot be copied: close the connections to it first"
            ) from error
        except psycopg.DatabaseError as error:
            raise ServerError(f"database {name} was not created: {_reason(error)}") from error
        return self.url(name)


@contextlib.contextmanager
def connected(url: str) -> Iterator[psycopg.Connection]:
    """A session for statements about whole databases and roles, each in a transaction of its own.

    Raises:
        ServerError: there is no connection to be had, or the server is older than PostgreSQL 15.
    """
    try:
        connection = psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=10,
            # The limits of a role are for its statements; our session waits, idle, for the end.
            options=f"{conninfo_to_dict(url).get('options', '')} -c statement_timeout=0 -c idle_session_timeout=0",
        )
    except psycopg.OperationalError as error:
        reason = _reason(error)
        if "idle_session_timeout" in reason:  # known since PostgreSQL 14
            raise ServerError(_TOO_OLD) from error
        if "No space left on device" in reason:
            raise ServerError("the disk of the server is full, so nobody can connect: free some space") from error
        raise ServerError(f"no connection to the server: {reason}; check that it runs and the URL") from error
    with contextlib.closing(connection):
        if connection.info.server_version < OLDEST_MAJOR * 10000:
            raise ServerError(_TOO_OLD)
        yield connection


def _reason(error: psycopg.Error) -> str:
    """What the server or libpq says, in one line."""
    return error.diag.message_primary or " ".join(str(error).split())


def _lock_key(name: str) -> int:
    """The hexadecimal digits of a scratch database's name as PostgreSQL's signed 64-bit integer."""
    return int.from_bytes(bytes.fromhex(name.removeprefix(_PREFIX)), signed=True)


def _drop(connection: psycopg.Connection, name: str) -> None:
    try:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
    except psycopg.DatabaseError as error:
        raise ServerError(f"database {name} was not dropped: {_reason(error)}") from error


def _drop_orphans(connection: psycopg.Connection) -> tuple[str, ...]:
    dropped: list[str] = []
    for (name,) in connection.execute(_ORPHANS).fetchall():
        key = _lock_key(name)
        locked = connection.execute("SELECT pg_try_advisory_lock(%s)", [key]).fetchone()
        if locked == (True,):
            # One with a prepared transaction in it cannot be dropped; that must not stop anybody else.
            with contextlib.suppress(ServerError):
                _drop(connection, name)
                dropped.append(name)
            connection.execute("SELECT pg_advisory_unlock(%s)", [key])
    return tuple(dropped)
