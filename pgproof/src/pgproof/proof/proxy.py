"""A proxy between a client and PostgreSQL that counts the statements as they pass, whatever the driver."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import threading
from asyncio import IncompleteReadError, StreamReader, StreamWriter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from pgproof.errors import PgproofError

# Codes in the place of the protocol version (PostgreSQL documentation, 54.7 Message Formats).
_CANCEL_REQUEST = (80877102).to_bytes(4)
_ENCRYPTION_REQUESTS = ((80877103).to_bytes(4), (80877104).to_bytes(4))

_PORT = 5432
_ADDRESS = ("host", "hostaddr", "port")


@dataclass(frozen=True)
class ProxiedStatement:
    """A statement that was handed to the server.

    Attributes:
        number: counted from 1 over all connections of the proxy.
        sql: its text; a simple query with several statements is one.
        backend_pid: process id of the backend that runs it.
    """

    number: int
    sql: str
    backend_pid: int


class StatementProxy:
    """A Unix socket that passes everything on to a server and counts the statements.

    A statement is a simple query or an Execute message of the extended protocol; both are complete when they
    are counted: an Execute together with the Sync that commits it. Encryption is refused on the socket.

    Args:
        host: the server's host name, or the directory of its socket.
        port: the server's port.
        on_statement: called after each statement was handed over, before anything later passes on its
            connection, in the proxy's thread; returns whether the connection goes on.

    Raises:
        PgproofError: on entering, when no socket can be made in the directory for temporary files.
    """

    def __init__(self, host: str, port: int, on_statement: Callable[[ProxiedStatement], bool]) -> None:
        self._host = host
        self._port = port
        self._on_statement = on_statement
        self._statements: list[ProxiedStatement] = []
        self._connections: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="pgproof proxy")

    @property
    def statements(self) -> tuple[ProxiedStatement, ...]:
        """The statements so far, in the order in which they came."""
        return tuple(self._statements)

    def url(self, server_url: str) -> str:
        """Return the server's URL with the proxy in the place of its host and port."""
        parts = urlsplit(server_url)
        account, at, _ = parts.netloc.rpartition("@")
        query = [(name, value) for name, value in parse_qsl(parts.query) if name not in _ADDRESS]
        query += [("host", self._directory.name), ("port", str(_PORT))]
        return f"{parts.scheme}://{account}{at}{parts.path}?{urlencode(query, quote_via=quote)}"

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory(prefix="pgproof-")
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.bind(f"{self._directory.name}/.s.PGSQL.{_PORT}")
        except OSError as error:
            self._socket.close()
            self._directory.cleanup()
            raise PgproofError(
                f"The statements cannot be counted: no socket in {self._directory.name} ({error}); "
                "set TMPDIR to a directory with a short name and room"
            ) from error
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._directory.cleanup()
        if self._failure is not None:
            raise self._failure

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await asyncio.start_unix_server(self._accept, sock=self._socket)
        self._started.set()
        await self._stop.wait()
        server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.create_task(self._connection(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, connection: asyncio.Task[None]) -> None:
        self._connections.discard(connection)
        if not connection.cancelled() and connection.exception() is not None:
            self._failure = connection.exception()

    async def _connection(self, client_reader: StreamReader, client_writer: StreamWriter) -> None:
        writers = [client_writer]
        try:
            startup = await _read_startup(client_reader, client_writer)
            server_reader, server_writer = await self._connect()
            writers.append(server_writer)
            await _send(server_writer, startup)
            if startup[4:8] == _CANCEL_REQUEST:
                # The server closes the connection when it has sent the signal; the client waits for that.
                await server_reader.read()
                return
            session = _Session()
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._to_server(session, client_reader, server_writer))
                pumps.create_task(_to_client(session, server_reader, client_writer))
        except* (OSError, IncompleteReadError):
            pass  # one side has gone, which the other side learns from the closed connection
        finally:
            for writer in writers:
                # What was sent is with the kernel already; a side that has gone will not read the rest.
                writer.transport.abort()

    async def _connect(self) -> tuple[StreamReader, StreamWriter]:
        if self._host.startswith("/"):
            reader, writer = await asyncio.open_unix_connection(f"{self._host}/.s.PGSQL.{self._port}")
        else:
            reader, writer = await asyncio.open_connection(self._host, self._port)
        return reader, writer

    async def _to_server(self, session: _Session, reader: StreamReader, writer: StreamWriter) -> None:
        handed_over: list[str] = []
        try:
            while True:
                kind, message = await _read_message(reader)
                if kind != b"S":
                    self._count(handed_over, session)
                await _send(writer, message)
                if kind == b"E":
                    # A Sync that follows commits it, and has usually been sent together with it.
                    handed_over.append(session.sql_of(message))
                elif kind == b"Q":
                    handed_over.append(_text(message[5:]))
                    self._count(handed_over, session)
                elif kind == b"S":
                    self._count(handed_over, session)
                else:
                    session.remember(kind, message)
        finally:
            self._count(handed_over, session)

    def _count(self, handed_over: list[str], session: _Session) -> None:
        while handed_over:
            statement = ProxiedStatement(len(self._statements) + 1, handed_over.pop(), session.backend_pid)
            self._statements.append(statement)
            if not self._on_statement(statement):
                raise ConnectionAbortedError("the connection ends with this statement")


@dataclass
class _Session:
    """What the messages of one connection have said so far."""

    backend_pid: int = 0
    statements: dict[bytes, str] = field(default_factory=dict)
    portals: dict[bytes, str] = field(default_factory=dict)

    def remember(self, kind: bytes, message: bytes) -> None:
        if kind == b"P":
            name, text, _ = message[5:].split(b"\0", 2)
            self.statements[name] = _text(text)
        elif kind == b"B":
            portal, name, _ = message[5:].split(b"\0", 2)
            self.portals[portal] = self.statements.get(name, _text(name))

    def sql_of(self, execute: bytes) -> str:
        portal = execute[5:].split(b"\0", 1)[0]
        return self.portals.get(portal, _text(portal))


async def _read_startup(reader: StreamReader, writer: StreamWriter) -> bytes:
    """Return the first packet that is no request for encryption, which is refused."""
    while True:
        length = await reader.readexactly(4)
        body = await reader.readexactly(int.from_bytes(length) - 4)
        if body[:4] not in _ENCRYPTION_REQUESTS:
            return length + body
        await _send(writer, b"N")


async def _read_message(reader: StreamReader) -> tuple[bytes, bytes]:
    """Return the type of a message and the whole message: type, length, body."""
    header = await reader.readexactly(5)
    return header[:1], header + await reader.readexactly(int.from_bytes(header[1:]) - 4)


async def _to_client(session: _Session, reader: StreamReader, writer: StreamWriter) -> None:
    kind = b""
    while kind != b"K":
        kind, message = await _read_message(reader)
        if kind == b"K":
            session.backend_pid = int.from_bytes(message[5:9])
        await _send(writer, message)
    while data := await reader.read(65536):
        await _send(writer, data)
    raise ConnectionResetError("the server has closed the connection")


async def _send(writer: StreamWriter, data: bytes) -> None:
    """Return when the kernel has all of the data."""
    writer.transport.set_write_buffer_limits(high=0)
    writer.write(data)
    await writer.drain()


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode(errors="replace")
