"""Refuses connections that the project's own code opens, to anything but what was allowed.

Two levels, since neither sees all: the drivers that connect inside libpq are wrapped, and Python's audit hook sees
every socket that Python code itself connects (asyncpg, pg8000, HTTP clients).
https://docs.python.org/3/library/audit_events.html
"""

from __future__ import annotations

import importlib
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import generators
from psycopg.conninfo import conninfo_to_dict

DEFAULT_PORT = "5432"


class ConnectionRefusedByGuard(psycopg.OperationalError):
    """The project's code tried to reach a server that it may not."""


@dataclass(frozen=True)
class Target:
    """A database as a driver is told it.

    Attributes:
        host: a name, an address or the folder of a socket; empty for libpq's default.
    """

    host: str
    port: str
    database: str

    def __str__(self) -> str:
        """The target without user and password."""
        return f"{self.host or 'the default host'}:{self.port}/{self.database}"


class Guard:
    """What may be reached from this process; nothing until `allow`."""

    def __init__(self) -> None:
        self._allowed: set[Target] = set()
        self.refused: set[Target] = set()
        """Databases that drivers on libpq were kept from, by what they said."""

    def allow(self, target: Target) -> None:
        """Let connections to one database through from now on."""
        self._allowed.add(target)

    def install(self) -> None:
        """Wrap the drivers and hook the sockets; there is no way back in this process."""
        _wrap_psycopg(self._check_conninfo)
        _wrap_psycopg2(self._check_conninfo)
        sys.addaudithook(self._audit)

    def _check_conninfo(self, conninfo: str) -> None:
        for target in targets_of(conninfo):
            if target not in self._allowed:
                self.refused.add(target)
                raise ConnectionRefusedByGuard(f"pgproof lets this code reach no database: {target} was refused")

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "socket.connect":
            return
        address = arguments[1]
        if not any(_leads_to(address, target) for target in self._allowed):
            where = ":".join(map(str, address[:2])) if isinstance(address, tuple) else str(address)
            raise ConnectionRefusedByGuard(f"pgproof lets this code reach no server: {where} was refused")


guard = Guard()


def targets_of(conninfo: str) -> tuple[Target, ...]:
    """Return every database that libpq would try for a conninfo, the defaults of its environment included.

    A service stands for what its file says: the same service is the same target.
    """
    told = conninfo_to_dict(conninfo)

    def value(name: str, variable: str) -> str:
        return str(told.get(name) or os.environ.get(variable) or "")

    service = value("service", "PGSERVICE")
    hosts = (value("host", "PGHOST") or value("hostaddr", "PGHOSTADDR")).split(",")
    ports = (value("port", "PGPORT") or DEFAULT_PORT).split(",")
    database = value("dbname", "PGDATABASE") or value("user", "PGUSER")
    return tuple(
        Target(host or (f"service {service}" if service else ""), port or DEFAULT_PORT, database)
        for host, port in zip(hosts, ports * len(hosts) if len(ports) == 1 else ports, strict=False)
    )


def _leads_to(address: Any, target: Target) -> bool:
    """Whether a socket address is that of a target's server."""
    if isinstance(address, tuple):
        if str(address[1]) != target.port:
            return False
        try:
            found = socket.getaddrinfo(target.host or "localhost", None)
        except OSError:
            return False
        return any(each[4][0] == address[0] for each in found) or address[0] == target.host
    return str(address) == f"{target.host}/.s.PGSQL.{target.port}"


def _wrap_psycopg(check: Callable[[str], None]) -> None:
    original = generators.connect

    # psycopg 3.2 also tells it how long it may take.
    def checked(conninfo: str, **told: Any) -> Any:
        check(conninfo)
        return original(conninfo, **told)

    # Both kinds of connection look it up here when they connect.
    setattr(generators, "connect", checked)  # noqa: B010


def _wrap_psycopg2(check: Callable[[str], None]) -> None:
    try:
        psycopg2: Any = importlib.import_module("psycopg2")
    except ImportError:
        return
    original = psycopg2._connect

    def checked(dsn: str, *args: Any, **kwargs: Any) -> Any:
        check(dsn)
        return original(dsn, *args, **kwargs)

    psycopg2._connect = checked
