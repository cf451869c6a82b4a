"""Reads the catalog, the settings and the statistics of a database in one short read-only transaction.

Thirty statements whatever the number of tables. Raw catalog columns come first and need no lock on any
relation; definitions and sizes, which do, come apart and leave out relations that a session keeps locked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from pgproof.facts import server_state
from pgproof.facts.assemble import Rows, assemble_catalog
from pgproof.facts.model import Facts
from pgproof.facts.sql import load

SNAPSHOT_VERSION = 1

_CATALOG = (
    "schemas",
    "relations",
    "columns",
    "column_statistics",
    "constraints",
    "indexes",
    "sequences",
    "types",
    "extensions",
    "roles",
    "grants",
    "policies",
    "functions",
    "triggers",
    "extended_statistics",
)
_APART = ("definitions", "sizes", "sequence_values")
_ATTEMPTS = 3

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class ReadOptions:
    """How a server is read.

    Attributes:
        statement_timeout: milliseconds a catalog statement may run.
        ours: the server was started by pgproof itself, so server-wide facts say nothing about the project.
    """

    statement_timeout: int = 30_000
    ours: bool = False


def read_facts(connection: Connection, options: ReadOptions | None = None) -> Facts:
    """Return what the catalog, the settings and the statistics of a database say.

    Args:
        connection: outside a transaction.
        options: how to read.

    Raises:
        psycopg.Error: the server went away, or refuses what every role may read.
    """
    reader = _Reader(options or ReadOptions())
    with _reading(connection, reader.options) as cursor:
        return reader.read(cursor)


@contextmanager
def _reading(connection: Connection, options: ReadOptions) -> Iterator[psycopg.Cursor[dict[str, Any]]]:
    with connection.transaction(force_rollback=True), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute(load("safe_reading"), {"statement_timeout": f"{options.statement_timeout}ms"})
        yield cursor


class _Reader:
    def __init__(self, options: ReadOptions) -> None:
        self.options = options
        self._missing: list[str] = []

    def read(self, cursor: psycopg.Cursor[dict[str, Any]]) -> Facts:
        database = server_state.Database(**self._rows(cursor, "server/database")[0])
        rights = server_state.Rights(**self._rows(cursor, "server/rights")[0])
        raw = {name: self._rows(cursor, f"catalog/{name}") for name in _CATALOG}
        raw["table_statistics"] = self._rows(cursor, "server/table_statistics")
        raw["index_statistics"] = self._rows(cursor, "server/index_statistics")
        server = self._server(cursor, database, rights)
        locked = self._read_apart(cursor, raw)
        return Facts(
            version=SNAPSHOT_VERSION,
            database=database,
            rights=rights,
            catalog=assemble_catalog(raw, locked),
            server=server,
            missing=tuple(self._missing),
        )

    def _server(
        self, cursor: psycopg.Cursor[dict[str, Any]], database: server_state.Database, rights: server_state.Rights
    ) -> server_state.Server:
        authentication = None
        if rights.read_authentication_rules:
            authentication = tuple(
                server_state.AuthenticationRule(**_tuples(row)) for row in self._rows(cursor, "server/authentication")
            )
        else:
            self._missing.append("pg_hba.conf: the role may not execute pg_hba_file_rules()")
        activity = "activity_17" if database.server_version_num >= 170000 else "activity_15"
        return server_state.Server(
            settings=tuple(server_state.Setting(**row) for row in self._rows(cursor, "server/settings")),
            role_settings=tuple(server_state.RoleSetting(**row) for row in self._rows(cursor, "server/role_settings")),
            authentication=authentication,
            activity=next((server_state.Activity(**row) for row in self._rows(cursor, f"server/{activity}")), None),
            sessions=tuple(server_state.Session(**_tuples(row)) for row in self._rows(cursor, "server/sessions")),
            replication_slots=tuple(
                server_state.ReplicationSlot(**row) for row in self._rows(cursor, "server/replication_slots")
            ),
            statements=self._statements(cursor, rights),
            ours=self.options.ours,
        )

    def _statements(
        self, cursor: psycopg.Cursor[dict[str, Any]], rights: server_state.Rights
    ) -> tuple[server_state.Statement, ...] | None:
        extension = self._rows(cursor, "statistics/statements_extension")
        if not extension:
            self._missing.append("statements: pg_stat_statements is not created in this database")
            return None
        if not rights.read_all_stats:
            self._missing.append("statements: the role is not a member of pg_read_all_stats")
            return None
        query = sql.SQL(load("server/statements")).format(schema=sql.Identifier(extension[0]["nspname"]))
        rows = self._optional(cursor, query, "statements: the server does not load pg_stat_statements")
        return None if rows is None else tuple(server_state.Statement(**row) for row in rows)

    def _read_apart(self, cursor: psycopg.Cursor[dict[str, Any]], raw: Rows) -> frozenset[int]:
        """Read what may lock relations; return those left out, after as many attempts as new locks come in between."""
        locked: frozenset[int] = frozenset()
        for _ in range(_ATTEMPTS):
            locked |= {row["oid"] for row in self._rows(cursor, "catalog/locked")}
            parameters = {"locked": list(locked)}
            try:
                with cursor.connection.transaction():
                    for name in _APART:
                        raw[name] = self._rows(cursor, f"catalog/{name}", parameters)
            except psycopg.errors.LockNotAvailable:
                continue
            return locked
        self._missing.append("definitions and sizes: relations were being locked while they were read")
        for name in _APART:
            raw[name] = []
        return frozenset(row["oid"] for row in raw["relations"])

    def _optional(
        self, cursor: psycopg.Cursor[dict[str, Any]], query: sql.Composed, otherwise: str
    ) -> list[dict[str, Any]] | None:
        try:
            with cursor.connection.transaction():
                return cursor.execute(query).fetchall()
        except (psycopg.errors.ObjectNotInPrerequisiteState, psycopg.errors.InsufficientPrivilege):
            self._missing.append(otherwise)
            return None

    def _rows(
        self, cursor: psycopg.Cursor[dict[str, Any]], name: str, parameters: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        return cursor.execute(load(name), parameters or {}).fetchall()


def _tuples(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else () if value is None and name in _LISTS else value
        for name, value in row.items()
    }


_LISTS = frozenset(("databases", "roles", "blocked_by"))
