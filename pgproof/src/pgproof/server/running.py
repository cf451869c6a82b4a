"""A PostgreSQL server of our own, started and stopped."""

from __future__ import annotations

import contextlib
import secrets
import socket
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from psycopg import sql

from pgproof.server.account import Account, account_for
from pgproof.server.binaries import Binaries, find_binaries
from pgproof.server.cluster import prepare_data_directory
from pgproof.server.copies import runnable_binaries
from pgproof.server.errors import ServerError
from pgproof.server.folders import run_folder
from pgproof.server.postmaster import PortTakenError, Postmaster, StopMode
from pgproof.server.scratch import ScratchDatabases, connected

_LOOPBACK = "127.0.0.1"
_PORT_ATTEMPTS = 10
_HBA_SOCKET = "local all all trust\nlocal replication all trust\n"
_HBA_LOOPBACK = f"host all all {_LOOPBACK}/32 scram-sha-256\nhost replication all {_LOOPBACK}/32 scram-sha-256\n"
_OURS = frozenset(("config_file", "data_directory", "hba_file", "listen_addresses", "port", "unix_socket_directories"))


class Server:
    """A running PostgreSQL server of our own.

    Its socket lies in a folder that is closed to other users, who therefore need no password there; on the
    loopback address, which every user of the machine can reach, a generated password is required.
    """

    def __init__(
        self,
        binaries: Binaries,
        account: Account,
        data_directory: Path,
        folder: Path,
        settings: Mapping[str, str],
        *,
        tcp: bool,
    ) -> None:
        self.binaries = binaries
        self.data_directory = data_directory
        self.account = account
        self.settings = dict(settings)
        self._folder = folder
        self._socket_directory = folder / "socket"
        self._password = secrets.token_urlsafe(24) if tcp else None
        self._port = 5432
        self._postmaster: Postmaster | None = None
        self._write("postgresql.conf", _configuration(data_directory, settings))
        self._write("pg_hba.conf", _HBA_SOCKET + (_HBA_LOOPBACK if tcp else ""))

    @property
    def version(self) -> str:
        """The version of the server, for example `18.6`."""
        return self.binaries.version

    @property
    def major(self) -> int:
        """The major version of the server, for example 18."""
        return self.binaries.major

    def url(self, database: str = "postgres") -> str:
        """The libpq URL of a database of this server, for its superuser."""
        if self._password is None:
            return self.socket_url(database)
        return f"postgresql://postgres:{self._password}@{_LOOPBACK}:{self._port}/{quote(database, safe='')}"

    def socket_url(self, database: str) -> str:
        """The same over the socket, which needs no password and lets in root and the user of `account` alone."""
        host = quote(str(self._socket_directory), safe="")
        return f"postgresql://postgres@/{quote(database, safe='')}?host={host}&port={self._port}"

    def create_database(self, name: str, *, template: str | None = None) -> str:
        """Creates a database and returns its URL; see `ScratchDatabases.create_database`."""
        return self._databases().create_database(name, template=template)

    def drop_database(self, name: str) -> None:
        """Drops a database if it exists, and ends the sessions in it."""
        self._databases().drop_database(name)

    def scratch_database(self, *, template: str | None = None) -> contextlib.AbstractContextManager[str]:
        """A database dropped at the end; its URL; see `ScratchDatabases.scratch_database`."""
        return self._databases().scratch_database(template=template)

    def start(self) -> None:
        """Starts the server again after `stop`, under the same URL.

        Raises:
            ServerError: it runs already, or does not start.
        """
        self._start_on([self._port])

    def stop(self, mode: StopMode = "fast") -> None:
        """Stops the server; `immediate` is what a crash would leave behind."""
        if self._postmaster is not None:
            self._postmaster.stop(mode)
            self._postmaster = None

    def restart(self, mode: StopMode = "fast") -> None:
        """Stops the server and starts it again under the same URL."""
        self.stop(mode)
        self.start()

    def _start_first(self) -> None:
        """Starts the server, on the first free port where it needs one, and sets its password.

        Raises:
            ServerError: it does not start.
        """
        if self._password is None:
            self.start()
            return
        self._start_on(free_ports())
        with connected(self.socket_url("postgres")) as connection:
            connection.execute(sql.SQL("ALTER ROLE postgres PASSWORD {}").format(sql.Literal(self._password)))

    def _start_on(self, ports: Iterable[int]) -> None:
        if self._postmaster is not None:
            raise ServerError(f"the server on {self.data_directory} runs already: stop it first, or restart it")
        taken: PortTakenError | None = None
        for port in ports:
            try:
                self._postmaster = Postmaster(
                    self._command(port), self.account, self.data_directory, self._folder / "log"
                )
            except PortTakenError as error:
                taken = error
            else:
                self._port = port
                return
        assert taken is not None
        raise taken

    def _command(self, port: int) -> list[str | Path]:
        listen_addresses = "" if self._password is None else _LOOPBACK
        return [
            self.binaries.directory / "postgres",
            "-D",
            self.data_directory,
            *("-c", f"config_file={self._folder / 'postgresql.conf'}"),
            *("-c", f"hba_file={self._folder / 'pg_hba.conf'}"),
            *("-c", f"unix_socket_directories={_list_item(str(self._socket_directory))}"),
            *("-c", f"listen_addresses={listen_addresses}"),
            *("-c", f"port={port}"),
        ]

    def _databases(self) -> ScratchDatabases:
        return ScratchDatabases(self.url())

    def _write(self, name: str, text: str) -> None:
        file = self._folder / name
        file.touch(mode=0o600)
        file.write_text(text, encoding="utf-8")
        self.account.take(file)


@contextlib.contextmanager
def running_server(
    *,
    binaries: str = "embedded",
    data_directory: Path | None = None,
    settings: Mapping[str, str] | None = None,
    tcp: bool = False,
) -> Iterator[Server]:
    """A PostgreSQL server of our own, stopped at the end.

    A server whose owner died without stopping it is stopped here first, whatever its data directory, and its
    temporary folder removed. Nobody else's server is touched.

    Args:
        binaries: which programs, see `find_binaries`.
        data_directory: where the data are kept; None for a temporary one, removed at the end. A cluster is
            made there if the folder is empty or missing.
        settings: PostgreSQL settings by name. pg_stat_statements is preloaded where it is installed, unless
            they say otherwise.
        tcp: whether to listen on a free port of the loopback address, with a generated password for the role
            postgres, rather than on a socket alone.

    Raises:
        ServerError: no binaries, a data directory that is not fit, a full disk, or a server that does not
            start; in every case with what to do.
    """
    chosen = settings or {}
    require_free(chosen)
    kept = data_directory.expanduser().resolve() if data_directory is not None else None
    account = account_for(kept)
    runnable = runnable_binaries(find_binaries(binaries), account)
    defaults = {"shared_preload_libraries": "pg_stat_statements"} if runnable.has_library("pg_stat_statements") else {}
    with run_folder(account, kept) as folder:
        data = kept or folder / "data"
        prepare_data_directory(data, runnable, account, kept=kept is not None)
        server = Server(runnable, account, data, folder, defaults | dict(chosen), tcp=tcp)
        try:
            server._start_first()
            yield server
        finally:
            # A checkpoint of data about to be removed would only cost time.
            server.stop("fast" if kept is not None else "immediate")


def require_free(settings: Mapping[str, str]) -> None:
    """Refuses settings that a server of our own needs for itself.

    Raises:
        ServerError: one of them is such a setting.
    """
    for name in settings:
        if name.lower() in _OURS:
            raise ServerError(f"the setting {name} is not free in a server of our own: leave it out")


def free_ports() -> Iterator[int]:
    """Ports of the loopback address that nobody listened on a moment ago; a few, since that may change."""
    for _ in range(_PORT_ATTEMPTS):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((_LOOPBACK, 0))
            port: int = probe.getsockname()[1]
        yield port


def _configuration(data_directory: Path, settings: Mapping[str, str]) -> str:
    """A configuration file outside the data directory, so that nothing of a kept one is rewritten."""
    lines = [f"include_if_exists {_quoted(str(data_directory / 'postgresql.conf'))}"]
    lines += [f"{name} = {_quoted(value)}" for name, value in settings.items()]
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    """A value as PostgreSQL's configuration files write it (Setting Parameters, section 19.1.2)."""
    escaped = value.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n")
    return f"'{escaped}'"


def _list_item(value: str) -> str:
    """One item of a setting that is a list, in which a comma would begin the next."""
    return '"' + value.replace('"', '""') + '"'
