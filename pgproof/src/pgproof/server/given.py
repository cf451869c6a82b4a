"""A server that somebody gave for scratch databases, in the place of one of our own."""

from __future__ import annotations

import tempfile
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from pgproof.server.binaries import Binaries
from pgproof.server.errors import ServerError
from pgproof.server.scratch import ScratchDatabases, connected


class ScratchServer(Protocol):
    """What a scratch copy is made on: a server of our own, or a given one."""

    @property
    def version(self) -> str:
        """The version of the server, for example `18.6`."""

    @property
    def binaries(self) -> Binaries:
        """The programs that dump and restore."""

    @property
    def data_directory(self) -> Path:
        """Where its data are, to see whether there is room."""

    def socket_url(self, database: str) -> str:
        """The URL of a database for the role that made it."""

    def scratch_database(self, *, template: str | None = None) -> AbstractContextManager[str]:
        """A database with a name of its own, dropped at the end; its URL."""


class GivenServer:
    """A server behind a URL whose role makes the databases, owns them, and is no superuser.

    What a project's own code runs there runs as that role, so it must have no right that reaches further.
    """

    def __init__(self, url: str, binaries: Binaries) -> None:
        """Take the URL of a database on that server, which is connected to and never changed.

        Args:
            url: a libpq URL; its role needs LOGIN and CREATEDB and nothing else.
            binaries: the programs that dump and restore, of the server's version or an older one.

        Raises:
            ServerError: there is no connection to be had, or the role may do too little or too much.
        """
        self._databases = ScratchDatabases(url)
        self.binaries = binaries
        # Nobody can look at the disk of a server elsewhere; the one here is needed for the archive.
        self.data_directory = Path(tempfile.gettempdir(), "data")
        with connected(url) as connection:
            self.version = str(connection.info.parameter_status("server_version") or "").split()[0]
            row = connection.execute(
                "SELECT rolname, rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
        assert row is not None
        role, superuser, creates = row
        if superuser:
            raise ServerError(
                f"{role} is a superuser of the scratch server, and the project's code would run as one: give a role "
                "with LOGIN and CREATEDB and nothing else"
            )
        if not creates:
            raise ServerError(f"{role} may make no database on the scratch server: ALTER ROLE {role} CREATEDB")

    def socket_url(self, database: str) -> str:
        """The URL of a database for the role."""
        return self._databases.url(database)

    def scratch_database(self, *, template: str | None = None) -> AbstractContextManager[str]:
        """A database dropped at the end; its URL; see `ScratchDatabases.scratch_database`."""
        return self._databases.scratch_database(template=template)
