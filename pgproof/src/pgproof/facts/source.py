"""SOURCE, as every command takes it: a URL of any driver, a service, a variable that holds one, or a snapshot file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgproof.errors import PgproofError
from pgproof.server import OLDEST_MAJOR

CONNECT_SECONDS = 10

_URL = re.compile(r"(?P<scheme>postgres(?:ql)?)(?:\+(?P<driver>\w+))?://(?P<rest>.*)", re.DOTALL)
_NO_URL = (
    "SOURCE is neither a URL of PostgreSQL nor a file: write postgresql://user@host:5432/database, service=NAME, "
    "env:VARIABLE, or the path of a snapshot; @ : / in a password are percent-encoded (%40 %3A %2F)"
)

# What libpq says when no connection comes about; it hands on no SQLSTATE for it (libpq documentation, 34.1), so the
# words decide, and a server that speaks another language falls through to its own sentence. The first found decides.
_REMEDIES = (
    ("password authentication failed", "the password or user is wrong"),
    ("no password supplied", "a password is needed: put it into the URL, PGPASSWORD or ~/.pgpass"),
    ("no pg_hba.conf entry", "the server does not admit this user from here: allow it in pg_hba.conf"),
    ("permission denied for database", "that user may not connect to it: GRANT CONNECT ON DATABASE"),
    ("does not support SSL", "the server offers no TLS: turn ssl on there, or ask for none with sslmode"),
    (
        "certificate verify failed|root certificate|server certificate",
        "the server's certificate was not accepted: check sslmode and sslrootcert",
    ),
    ("has group or world access", "others may read the client's key: chmod 600 the file of sslkey"),
    (
        "certificate|private key|alert unknown ca",
        "the server wants another client certificate: check sslcert and sslkey",
    ),
    ("too many clients|remaining connection slots|too many connections", "the server has no connection left"),
    ("unsupported startup parameter", "PgBouncer refuses a parameter: take options out of the URL"),
    ("starting up", "the server is starting: try again in a moment"),
    ("Connection refused|No such file or directory", "no server listens there: correct host and port"),
    (
        "failed to resolve host|could not translate host name|name or service not known|nodename nor servname",
        "nobody knows that host: correct it",
    ),
    ("timeout expired", f"no answer within {CONNECT_SECONDS} s: check host, port and firewall"),
    ('role ".*" does not exist', "that user does not exist: create it, or correct the URL"),
    ('database ".*" does not exist', "that database does not exist: correct the URL"),
    (
        "invalid response|expected authentication request|server closed the connection unexpectedly",
        "what listens there does not speak as PostgreSQL does: correct host and port",
    ),
    ("definition of service", "no service file defines that service: see pg_service.conf"),
)


@dataclass(frozen=True)
class ServerSource:
    """A database on a server; its conninfo may hold a password and is never shown."""

    conninfo: str = field(repr=False)

    def __str__(self) -> str:
        """Database and place, without user and password."""
        parts = conninfo_to_dict(self.conninfo)
        if "service" in parts:
            return f"service {parts['service']}"
        place = parts.get("host") or os.environ.get("PGHOST") or "the default socket"
        return f"database {parts.get('dbname') or parts.get('user') or ''} at {place}:{parts.get('port', 5432)}"


@dataclass(frozen=True)
class SnapshotSource:
    """A file that pgproof snapshot wrote."""

    path: Path


def parse_source(text: str) -> ServerSource | SnapshotSource:
    """Return what a SOURCE means; nothing is connected to.

    A message never repeats the text: it may hold a password.

    Args:
        text: as the command line says it.

    Raises:
        PgproofError: it is nothing of that kind.
    """
    if text.startswith("env:"):
        name = text.removeprefix("env:")
        if not os.environ.get(name):
            raise PgproofError(f"the environment has no variable {name}: set it to the URL of the database")
        return parse_source(os.environ[name])
    url = _URL.fullmatch(text)
    if url is not None:
        return ServerSource(_conninfo(url["scheme"], url["rest"]))
    if re.match(r"\s*\w+\s*=", text):
        return ServerSource(_checked(text))
    path = Path(text).expanduser()
    if path.is_file():
        return SnapshotSource(path)
    raise PgproofError(_NO_URL)


@contextmanager
def connect(source: ServerSource) -> Iterator[psycopg.Connection[Any]]:
    """Yield a connection in autocommit to a server that pgproof supports; the failure to get one is explained.

    Nothing is prepared and no option is sent at the start, so that PgBouncer in transaction mode is no obstacle.

    Raises:
        PgproofError: no server, a refused sign-in, no PostgreSQL, or one that is too old; in one line.
    """
    try:
        connection = psycopg.connect(
            source.conninfo,
            autocommit=True,
            prepare_threshold=None,
            connect_timeout=CONNECT_SECONDS,
            # Each transaction names itself: PgBouncer would hand a name of ours on to the next client that has none.
            application_name="",
            client_encoding="utf8",
        )
    except psycopg.Error as error:
        raise PgproofError(f"{source} cannot be reached: {why_not_connected(error)}") from None
    with connection:
        version = connection.info.server_version
        if version < OLDEST_MAJOR * 10_000:
            found = f"{version // 10_000}.{version % 10_000}"
            raise PgproofError(f"{source} runs PostgreSQL {found}, and pgproof reads {OLDEST_MAJOR} and newer")
        yield connection


def _conninfo(scheme: str, rest: str) -> str:
    """The conninfo of a URL whose parameters may be another driver's."""
    place, _, query = rest.partition("?")
    known = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
    parameters: dict[str, list[str]] = {}
    for name, value in map(_libpq_parameter, parse_qsl(query, keep_blank_values=True)):
        if name in known:
            parameters.setdefault(name, []).append(value)
    # SQLAlchemy writes several hosts as several parameters, each with its port; libpq wants lists.
    pairs = [host.rpartition(":") for host in parameters.get("host", []) if not host.startswith(("/", "@", "["))]
    if len(pairs) > 1 and all(mark for _, mark, _ in pairs):
        parameters["host"] = [host for host, _, _ in pairs]
        parameters["port"] = [port for _, _, port in pairs]
    joined = urlencode({name: ",".join(values) for name, values in parameters.items()}).replace("+", "%20")
    return _checked(f"{scheme}://{place}{'?' if joined else ''}{joined}")


def _libpq_parameter(given: tuple[str, str]) -> tuple[str, str]:
    """Asyncpg's ssl is libpq's sslmode; its true means what libpq calls require."""
    name, value = given
    return ("sslmode", {"true": "require", "false": "disable"}.get(value, value)) if name == "ssl" else given


def _checked(text: str) -> str:
    try:
        parts = {name: value for name, value in conninfo_to_dict(text).items() if value is not None}
    except psycopg.Error:
        raise PgproofError(_NO_URL) from None
    if "@" in unquote(str(parts.get("host", ""))).lstrip("@"):
        # A password with a bare @ in it: what follows the first one would be taken for the host.
        raise PgproofError(_NO_URL)
    parts.pop("application_name", None)
    parts.pop("client_encoding", None)
    return make_conninfo("", **parts)


def why_not_connected(error: Exception) -> str:
    """Return what helps where a driver gives that error instead of a connection, or else its last line."""
    text = str(error).strip()
    remedy = next((advice for words, advice in _REMEDIES if re.search(words, text, re.IGNORECASE)), None)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return remedy or (lines[-1] if lines else type(error).__name__)
