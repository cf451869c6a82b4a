"""What the application's engine is: its pool, its timeouts, and what a live connection of it has set."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from pgproof.facts.source_line import SourceLine

PoolKind: TypeAlias = Literal["queue", "none", "single", "driver", "other"]


@dataclass(frozen=True)
class Pool:
    """A pool of connections; what a kind of pool has no notion of is None.

    Attributes:
        kind: `queue` keeps and limits connections; `none` opens one for each use; `single` has one for everybody;
            `driver` is the driver's own pool behind the engine (psycopg_pool); `other` is not known.
        class_name: of the pool's class.
        size: connections that are kept.
        max_overflow: connections beyond `size` that are opened at a peak; None beside a size for any number.
        timeout: seconds a request waits for a connection before it fails.
        recycle: seconds after which a connection is replaced at its next use; None for never.
        pre_ping: each connection is tried before it is handed out.
        use_lifo: the connection used last is handed out first.
        reset_on_return: `rollback`, `commit`, or None for neither.
        checked: the project listens to checkouts, and may try connections itself there.
    """

    kind: PoolKind
    class_name: str
    size: int | None = None
    max_overflow: int | None = None
    timeout: float | None = None
    recycle: float | None = None
    pre_ping: bool = False
    use_lifo: bool = False
    reset_on_return: str | None = None
    checked: bool = False

    @property
    def most(self) -> int | None:
        """Connections that a process opens at most; None where nothing says so."""
        if self.size is None or self.max_overflow is None:
            return None
        return self.size + self.max_overflow


@dataclass(frozen=True)
class Argument:
    """What the driver is told at connect.

    Attributes:
        value: None for what may be a secret, or is no plain value.
    """

    name: str
    value: str | None


@dataclass(frozen=True)
class LiveSetting:
    """A setting of PostgreSQL as `current_setting()` prints it inside a transaction of the engine."""

    name: str
    value: str


@dataclass(frozen=True)
class Pooler:
    """A connection pooler between the engine and the server, such as PgBouncer.

    Attributes:
        shares: two connections that were open at the same time had the same server process one after the other, as
            with transaction pooling; None where it could not be tried.
        renames: it follows prepared statements and gives them names of its own; None where it could not be tried.
    """

    shares: bool | None
    renames: bool | None


@dataclass(frozen=True)
class Live:
    """What a connection of the engine has, read in one read-only transaction.

    Attributes:
        database: its name.
        database_oid: pg_database.oid.
        system_identifier: of the cluster; None where the role may not see it.
        started_at: pg_postmaster_start_time().
        role: session_user: with which it signed in.
        current_role: current_user: after a SET ROLE of the project.
        superuser: whether `role` is one.
        tls: whether the connection is encrypted; None where a pooler is in between, or that could not be told.
        settings: those that rules look at and the server has.
        pooler: None where the connection leads to the server itself, or that could not be told.
    """

    database: str
    database_oid: int
    system_identifier: int | None
    started_at: datetime
    role: str
    current_role: str
    superuser: bool
    tls: bool | None
    settings: tuple[LiveSetting, ...]
    pooler: Pooler | None = None

    def setting(self, name: str) -> str | None:
        """Return the value of a setting; None where it was not read."""
        return next((setting.value for setting in self.settings if setting.name == name), None)


@dataclass(frozen=True)
class Engine:
    """An engine as the application makes it.

    Attributes:
        name: by which it was given, `package.module:engine`.
        driver: `psycopg`, `psycopg2`, `asyncpg`, `pg8000` ...
        is_async: it is used with asyncio.
        target: host, port and database, without user and password; None where a function of the project connects.
        local: the target is a socket or a loopback address; None where the target is not known.
        pool: as made.
        arguments: of the driver's connect, without those that name the target; None where a function of the project
            connects.
        prepares: the driver gives statements names at the server, sooner or later; None where that is not known.
        processes: of the application that each have such an engine; None if nobody said.
        echo: SQL is logged by the engine.
        isolation_level: that the engine was made with; None for the server's.
        location: where it is made, if that was found.
        live: what a connection has; None where there was none, or it led to another database.
        live_missing: why `live` is None.
    """

    name: str
    driver: str
    is_async: bool
    target: str | None
    local: bool | None
    pool: Pool
    arguments: tuple[Argument, ...] | None
    prepares: bool | None
    processes: int | None
    echo: bool
    isolation_level: str | None
    location: SourceLine | None = None
    live: Live | None = None
    live_missing: str | None = None

    def argument(self, name: str) -> Argument | None:
        """Return what the driver is told under a name."""
        return next((each for each in self.arguments or () if each.name == name), None)
