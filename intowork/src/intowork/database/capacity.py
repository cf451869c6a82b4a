"""The arithmetic of the pools against the server, done before the first request instead of at the peak."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

from sqlalchemy import Connection, text

from intowork.errors import IntoWorkError
from intowork.settings import Settings

# Migrations, backup, cleanup, the readiness checks and an administrator who looks for the cause.
TOOL_CONNECTIONS = 5

# What each process opens on a standby beside its pool, to look at the lag while the pool is full.
LOOK_CONNECTIONS = 1


@dataclass(frozen=True)
class ConnectionLimits:
    """How many connections a server grants an ordinary role.

    Attributes:
        max_connections: the server's setting.
        superuser_reserved: those of them for superusers (superuser_reserved_connections).
        reserved: those of them for pg_use_reserved_connections (reserved_connections, from PostgreSQL 16 on).
        database_limit: ALTER DATABASE ... CONNECTION LIMIT, None for none.
        role_limit: ALTER ROLE ... CONNECTION LIMIT, None for none.
    """

    max_connections: int
    superuser_reserved: int
    reserved: int
    database_limit: int | None
    role_limit: int | None

    @property
    def for_pools(self) -> int:
        """Connections that pools may use: the tightest limit less what tools need."""
        limits = [
            self.max_connections - self.superuser_reserved - self.reserved,
            self.database_limit,
            self.role_limit,
        ]
        return min(limit for limit in limits if limit is not None) - TOOL_CONNECTIONS


def read_connection_limits(connection: Connection) -> ConnectionLimits:
    """Return the limits that hold for the connection's role in its database."""
    sql = files("intowork.database").joinpath("connection_limits.sql").read_text(encoding="utf-8")
    row = connection.execute(text(sql)).one()
    return ConnectionLimits(
        max_connections=row.max_connections,
        superuser_reserved=row.superuser_reserved,
        reserved=row.reserved,
        database_limit=row.database_limit,
        role_limit=row.role_limit,
    )


def require_capacity(limits: ConnectionLimits, settings: Settings, *, looks: int = 0) -> None:
    """Refuse to start with pools that could ask the server for more connections than it grants.

    Behind PgBouncer the pools' connections end there, not at the server: how many it accepts is its
    max_client_conn, how many it opens its default_pool_size, and what is beyond waits instead of failing. So the
    server's limits say nothing about the pools then, and nothing is checked.

    Args:
        limits: what the server grants.
        settings: POOL_SIZE, MAX_OVERFLOW, WEB_PROCESSES and PGBOUNCER.
        looks: connections that each process holds beside, for looks at a standby's lag.

    Raises:
        IntoWorkError: the pools of all processes together exceed what the server grants.
    """
    per_process = settings.pool_size + settings.max_overflow + looks
    needed = per_process * settings.web_processes
    if settings.pgbouncer or needed <= limits.for_pools:
        return
    fits = limits.for_pools // settings.web_processes - looks
    beside = f" + {looks}" if looks else ""
    remedy = f"lower POOL_SIZE + MAX_OVERFLOW to {fits}" if fits > 0 else "lower WEB_PROCESSES"
    raise IntoWorkError(
        f"({settings.pool_size} + {settings.max_overflow}{beside}) connections x {settings.web_processes} processes "
        f"are {needed}, and the server has {max(0, limits.for_pools)} for them ({_explained(limits)}): "
        f"{remedy}, raise the limit, or put PgBouncer in front"
    )


def _explained(limits: ConnectionLimits) -> str:
    parts = [
        f"max_connections {limits.max_connections}",
        f"less {limits.superuser_reserved + limits.reserved} reserved and {TOOL_CONNECTIONS} for tools",
    ]
    if limits.database_limit is not None:
        parts.append(f"database limit {limits.database_limit}")
    if limits.role_limit is not None:
        parts.append(f"role limit {limits.role_limit}")
    return ", ".join(parts)
