"""Fills a pool, or a server of our own, as an application at its peak would: who comes next is seen to fail.

No schema is needed, so nothing of the source is copied: only sizes and limits are its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from pgproof.errors import PgproofError
from pgproof.facts.amounts import amount
from pgproof.rules.counter_examples import FullPool, RefusedClients, Saturation
from pgproof.server import running_server

WAIT_SECONDS = 1.0
"""What the pool's timeout is shortened to, so that nobody sits it out."""
MOST_CONNECTIONS = 1_000
"""Each is a process of the server, on this machine."""
_ROLE = "pgproof_application"


@dataclass(frozen=True)
class Saturated:
    """What came of filling it.

    Attributes:
        lines: Python that was run, with what came of it as comments.
        shown: the failure was seen.
        verdict: what was seen, in a sentence.
    """

    lines: tuple[str, ...]
    shown: bool
    verdict: str

    def script(self) -> str:
        """Return it as Python one can read."""
        return "\n".join((*self.lines, "", f"# {self.verdict}"))


def saturate(example: Saturation) -> Saturated:
    """Fill a pool or a server of our own, and say what the next one met.

    Args:
        example: the sizes.

    Raises:
        PgproofError: SQLAlchemy is not installed, or so many connections would be too much for this machine.
    """
    return _full_pool(example) if isinstance(example, FullPool) else _refused_clients(example)


def _full_pool(example: FullPool) -> Saturated:
    try:
        from sqlalchemy.exc import TimeoutError as PoolTimeout
        from sqlalchemy.pool import QueuePool
    except ImportError:
        raise PgproofError("the pool is SQLAlchemy's, which is not installed here: install it") from None
    wait = min(example.timeout, WAIT_SECONDS)
    most = example.size + example.overflow
    with running_server(settings={"fsync": "off", "max_connections": str(most + 10)}) as server:

        def connect() -> Any:
            return psycopg.connect(server.url())

        pool = QueuePool(connect, pool_size=example.size, max_overflow=example.overflow, timeout=wait)
        held = [pool.connect() for _ in range(most)]
        try:
            held.append(pool.connect())
            met = "a connection"
        except PoolTimeout as refused:
            met = f"TimeoutError: {str(refused).splitlines()[0]}"
        for connection in held:
            connection.close()
        pool.dispose()
    shown = len(held) == most
    shortened = f"shortened from {example.timeout:g} s" if wait < example.timeout else "as the engine has it"
    return Saturated(
        (
            f"# The pool of the engine against a server of our own; its timeout is {wait:g} s, {shortened}.",
            f"pool = QueuePool(connect, pool_size={example.size}, max_overflow={example.overflow}, timeout={wait:g})",
            f"held = [pool.connect() for _ in range({most})]",
            "pool.connect()",
            f"# {met}",
        ),
        shown,
        f"request {most + 1} at a time waits {example.timeout:g} s for a connection, and then fails"
        if shown
        else f"request {most + 1} at a time got a connection",
    )


def _refused_clients(example: RefusedClients) -> Saturated:
    needed = example.processes * example.most
    refused_at = granted(example) + 1
    if min(needed, refused_at) > MOST_CONNECTIONS:
        raise PgproofError(
            f"It would take {amount(refused_at, 'connection')} to be refused, and pgproof opens {MOST_CONNECTIONS} at"
            " most on this machine: the numbers of the finding are all there is to show"
        )
    held: list[psycopg.Connection[Any]] = []
    met = "all of them got in"
    with limited_server(example) as url:
        try:
            while len(held) < needed:
                held.append(psycopg.connect(url))
        except psycopg.OperationalError as refused:
            met = str(refused).strip().splitlines()[-1].rpartition("failed: ")[2]
        for connection in held:
            connection.close()
    shown = len(held) < needed
    return Saturated(
        (
            f"# A server of our own with max_connections {example.maximum}, {example.reserved} of them reserved;",
            f"# its database has {_word(example.database)}, the role {_word(example.role)}.",
            f"held = [connect() for _ in range({example.processes} * {example.most})]",
            f"# number {len(held) + 1}: {met}" if shown else f"# {met}",
        ),
        shown,
        f"{len(held)} of {needed} connections got in, and the next was refused"
        if shown
        else f"all {needed} connections got in",
    )


def granted(example: RefusedClients) -> int:
    """Return how many connections a server with these limits grants an ordinary role."""
    return min(
        limit for limit in (example.maximum - example.reserved, example.database, example.role) if limit is not None
    )


@contextmanager
def limited_server(example: RefusedClients) -> Iterator[str]:
    """Yield where a role without special rights connects to a server of our own with these limits."""
    settings = {
        "fsync": "off",
        "max_connections": str(example.maximum),
        "superuser_reserved_connections": str(example.reserved),
    }
    with running_server(settings=settings) as server:
        _make_role(server.url(), example)
        yield make_conninfo(server.url(), user=_ROLE)


def _make_role(url: str, example: RefusedClients) -> None:
    """A role without special rights, with the limits that hold for the engine's."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN CONNECTION LIMIT {}").format(
                sql.Identifier(_ROLE), sql.Literal(-1 if example.role is None else example.role)
            )
        )
        connection.execute(
            sql.SQL("ALTER DATABASE postgres CONNECTION LIMIT {}").format(
                sql.Literal(-1 if example.database is None else example.database)
            )
        )


def _word(limit: int | None) -> str:
    return "no limit" if limit is None else f"CONNECTION LIMIT {limit}"
