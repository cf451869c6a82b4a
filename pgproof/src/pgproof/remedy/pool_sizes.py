"""Sizes of a pool that fits the server: what is left of its connections, shared among the application's processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pgproof.facts.server_state import Setting

HEADROOM = 0.1
"""Of the connections, left to people, monitoring and migrations."""
DEFAULT_CONNECTIONS, DEFAULT_RESERVED = 100, 3
"""PostgreSQL's own defaults, where the settings could not be read (section 20.3.1)."""
KEPT_OPEN = 2 / 3
"""Of a process's share is its pool; the rest opens under load and closes again."""
TIMEOUT = 10
"""Seconds to wait for a connection: a gateway gives up after 30 or 60."""


@dataclass(frozen=True)
class PoolSizes:
    """What one process may have open.

    Attributes:
        max_connections: of the server.
        reserved: of them, for superusers and reserved roles.
        headroom: of them, for everybody but the application.
        processes: of the application.
        known: whether the server's setting was read and the processes were told.
    """

    max_connections: int
    reserved: int
    headroom: int
    processes: int
    pool_size: int
    max_overflow: int
    known: bool

    @property
    def most(self) -> int:
        """Connections that a process opens at most."""
        return self.pool_size + self.max_overflow


def pool_sizes(setting: Callable[[str], Setting | None], told: int | None) -> PoolSizes:
    """Return sizes with which all processes together cannot ask for more connections than the server has.

    Args:
        setting: of the server, by its name.
        told: processes of the application; None where nobody told, which counts as 1.
    """
    read = _number(setting("max_connections"))
    connections = read if read is not None else DEFAULT_CONNECTIONS
    superusers = _number(setting("superuser_reserved_connections"))
    reserved = (DEFAULT_RESERVED if superusers is None else superusers) + (
        _number(setting("reserved_connections")) or 0
    )
    headroom = max(round(connections * HEADROOM), 1)
    processes = told or 1
    share = max((connections - reserved - headroom) // processes, 1)
    pool_size = max(int(share * KEPT_OPEN), 1)
    return PoolSizes(
        max_connections=connections,
        reserved=reserved,
        headroom=headroom,
        processes=processes,
        pool_size=pool_size,
        max_overflow=share - pool_size,
        known=read is not None and told is not None,
    )


def _number(setting: Setting | None) -> int | None:
    return (
        int(setting.value) if setting is not None and setting.value is not None and setting.value.isdecimal() else None
    )
