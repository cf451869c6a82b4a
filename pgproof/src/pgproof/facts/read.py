"""Reads the catalog, the settings and the statistics of a database in one short read-only transaction.

At most thirty statements whatever the number of tables. Raw catalog columns come first and need no lock on any
relation; definitions, sizes and the values of sequences, which do, come apart and leave out relations that a session
keeps locked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import psycopg
from psycopg import sql
from psycopg.rows import dict_row, tuple_row

from pgproof.facts import server_state
from pgproof.facts.assemble import assemble_catalog
from pgproof.facts.failures import explained, reason
from pgproof.facts.fetched import NOTHING, Fetched, Row
from pgproof.facts.garbage import without_collection
from pgproof.facts.model import Facts
from pgproof.facts.server_settings import settings_of
from pgproof.facts.sql import load
from pgproof.facts.statement_text import without_comments

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
_LOCKS_LEFT_TO_OTHERS = 4
"""Of the server's room for locks, at most one part in so many is taken: a sequence stays locked until the end."""

_LISTS = frozenset(("databases", "roles", "blocked_by"))

Raw: TypeAlias = dict[str, Fetched]
Connection = psycopg.Connection[Any]
Cursor = psycopg.Cursor[dict[str, Any]]


@dataclass(frozen=True)
class ReadOptions:
    """How a server is read.

    Attributes:
        statement_timeout: milliseconds a catalog statement may run.
        ours: the server was started by pgproof itself, so server-wide facts say nothing about the project.
        identify: read which cluster this is, so that an engine can be seen to lead to it.
    """

    statement_timeout: int = 30_000
    ours: bool = False
    identify: bool = False


def read_facts(connection: Connection, options: ReadOptions | None = None) -> Facts:
    """Return what the catalog, the settings and the statistics of a database say.

    Args:
        connection: outside a transaction.
        options: how to read.

    Raises:
        PgproofError: the server went away, a session locks the catalog itself, or it did not answer in time.
    """
    reader = _Reader(options or ReadOptions())
    with (
        explained("The catalog could not be read"),
        without_collection(),
        connection.transaction(force_rollback=True),
        connection.cursor(row_factory=dict_row) as cursor,
    ):
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return reader.read(cursor)


@contextmanager
def bounded_reading(connection: Connection, statement_timeout: int) -> Iterator[Cursor]:
    """Yield a cursor in a read-only transaction with the settings of safe reading, rolled back at the end.

    Args:
        connection: outside a transaction.
        statement_timeout: milliseconds a statement may run.
    """
    with connection.transaction(force_rollback=True), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        _set_bounds(cursor, statement_timeout)
        yield cursor


def _set_bounds(cursor: Cursor, statement_timeout: int) -> None:
    cursor.execute(load("safe_reading"), {"statement_timeout": f"{statement_timeout}ms"})


class _Reader:
    def __init__(self, options: ReadOptions) -> None:
        self.options = options
        self._missing: list[str] = []

    def read(self, cursor: Cursor) -> Facts:
        settings = cursor.execute(load("server/settings")).fetchall()
        _set_bounds(cursor, self.options.statement_timeout)
        row = self._rows(cursor, "server/database")[0]
        rights = server_state.Rights(**row.pop("rights"))
        if row.pop("may_identify") and self.options.identify:
            row |= self._rows(cursor, "server/system_identifier")[0]
        database = server_state.Database(**row)
        raw = {name: self._fetched(cursor, f"catalog/{name}") for name in _CATALOG}
        raw["table_statistics"] = self._fetched(cursor, "server/table_statistics")
        server = self._server(cursor, database, rights, settings, raw)
        locked = self._read_apart(cursor, raw, server)
        return Facts(
            version=SNAPSHOT_VERSION,
            database=database,
            rights=rights,
            catalog=assemble_catalog(raw, locked),
            server=server,
            missing=tuple(self._missing),
        )

    def _server(
        self,
        cursor: Cursor,
        database: server_state.Database,
        rights: server_state.Rights,
        settings: list[dict[str, Any]],
        raw: Raw,
    ) -> server_state.Server:
        authentication = None
        if rights.read_authentication_rules:
            authentication = tuple(
                server_state.AuthenticationRule(**_tuples(row)) for row in self._rows(cursor, "server/authentication")
            )
        else:
            self._missing.append("pg_hba.conf: the role may not execute pg_hba_file_rules()")
        if not rights.read_all_stats:
            self._missing.append("sessions of other roles: the role is not a member of pg_read_all_stats")
        activity = "activity_17" if database.server_version_num >= 170000 else "activity_15"
        role_settings = tuple(server_state.RoleSetting(**row) for row in self._rows(cursor, "server/role_settings"))
        return server_state.Server(
            settings=settings_of(settings, role_settings, database.name),
            role_settings=role_settings,
            authentication=authentication,
            activity=next((server_state.Activity(**row) for row in self._rows(cursor, f"server/{activity}")), None),
            sessions=tuple(server_state.Session(**_tuples(row)) for row in self._rows(cursor, "server/sessions")),
            replication_slots=tuple(
                server_state.ReplicationSlot(**row) for row in self._rows(cursor, "server/replication_slots")
            ),
            statements=self._statements(cursor, rights, raw),
            ours=self.options.ours,
        )

    def _statements(
        self, cursor: Cursor, rights: server_state.Rights, raw: Raw
    ) -> tuple[server_state.Statement, ...] | None:
        schema = next((row["schema"] for row in raw["extensions"] if row["name"] == "pg_stat_statements"), None)
        if schema is None:
            self._missing.append("statements: pg_stat_statements is not created in this database")
            return None
        if not rights.read_all_stats:
            self._missing.append("statements: the role is not a member of pg_read_all_stats")
            return None
        query = sql.SQL(load("server/statements")).format(schema=sql.Identifier(schema))
        try:
            with cursor.connection.transaction():
                rows = cursor.execute(query).fetchall()
        except psycopg.errors.ObjectNotInPrerequisiteState:
            self._missing.append("statements: the server does not load pg_stat_statements")
        except psycopg.errors.InsufficientPrivilege as error:
            self._missing.append(f"statements: {reason(error)}")
        except psycopg.errors.QueryCanceled:
            self._missing.append("statements: pg_stat_statements did not answer in time")
        else:
            return tuple(server_state.Statement(**{**row, "query": without_comments(row["query"])}) for row in rows)
        return None

    def _read_apart(self, cursor: Cursor, raw: Raw, server: server_state.Server) -> frozenset[int]:
        """Read what may lock relations; return those left out, after as many attempts as new locks come in between."""
        locked: frozenset[int] = frozenset()
        for _ in range(_ATTEMPTS):
            locked |= {row["oid"] for row in self._rows(cursor, "catalog/locked")}
            parameters = {"locked": list(locked)}
            try:
                with cursor.connection.transaction():
                    raw["definitions"] = self._fetched(cursor, "catalog/definitions", parameters)
                    raw["sizes"] = self._fetched(cursor, "catalog/sizes", parameters)
                    raw["sequence_values"] = self._sequence_values(cursor, raw["sequences"], locked, server)
            except _CHANGED_MEANWHILE:
                continue
            except psycopg.errors.QueryCanceled:
                break
            return locked
        self._missing.append("definitions and sizes: relations were being locked or changed while they were read")
        for name in _APART:
            raw[name] = NOTHING
        return frozenset(row["oid"] for row in raw["relations"])

    def _sequence_values(
        self, cursor: Cursor, sequences: Fetched, locked: frozenset[int], server: server_state.Server
    ) -> Fetched:
        """Read the sequences as relations: pg_sequence_last_value() would lock them as a writer does."""
        readable = [row for row in sequences if row["readable"] and row["oid"] not in locked]
        # Those that can run out first, where there are too many to lock at once.
        chosen = sorted(readable, key=lambda row: row["maximum"])[: _lock_budget(server)]
        if len(chosen) < len(readable):
            self._missing.append(
                f"values of {len(readable) - len(chosen)} sequences: reading all {len(readable)} at once would take "
                "too much of the server's room for locks"
            )
        if not chosen:
            return NOTHING
        # As one array of subqueries, thousands of them would take thrice the time to plan.
        values = sql.SQL(" UNION ALL ").join(
            sql.SQL(
                "SELECT /* pgproof */ {}::bigint AS oid, CASE WHEN is_called THEN last_value END AS last_value FROM {}"
            ).format(sql.Literal(row["oid"]), sql.Identifier(row["schema"], row["name"]))
            for row in chosen
        )
        with cursor.connection.cursor(row_factory=tuple_row) as bulk:
            found = bulk.execute(values).fetchall()
        return Fetched(("oid", "last_value"), found)

    def _fetched(self, cursor: Cursor, name: str, parameters: Mapping[str, Any] | None = None) -> Fetched:
        with cursor.connection.cursor(row_factory=tuple_row) as bulk:
            rows = bulk.execute(load(name), parameters or {}).fetchall()
            return Fetched(tuple(column.name for column in bulk.description or ()), rows)

    def _rows(self, cursor: Cursor, name: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        return cursor.execute(load(name), parameters or {}).fetchall()


_CHANGED_MEANWHILE = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedObject,
    # "could not open relation with OID", of a relation that was dropped a moment ago.
    psycopg.errors.InternalError_,
)


def _lock_budget(server: server_state.Server) -> int:
    """How many relations may be locked at once; the room is max_locks_per_transaction for each connection."""
    room = 1
    for name in ("max_locks_per_transaction", "max_connections"):
        setting = server.setting(name)
        room *= int(setting.value) if setting is not None and setting.value else 1
    return max(room // _LOCKS_LEFT_TO_OTHERS, 1)


def _tuples(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else () if value is None and name in _LISTS else value
        for name, value in row.items()
    }
