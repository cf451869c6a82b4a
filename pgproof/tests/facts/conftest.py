from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import psycopg
import pytest
from psycopg import sql

Connection: TypeAlias = psycopg.Connection[Any]


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    """A session of a superuser in an empty database, on each server."""
    with psycopg.connect(database, autocommit=True, prepare_threshold=None) as opened:
        yield opened


@pytest.fixture
def as_role(database: str, connection: Connection) -> Iterator[Callable[..., Connection]]:
    """Opens sessions of new roles with the attributes and memberships asked for; the roles go with the test."""
    made: list[tuple[str, Connection]] = []

    def open_as(*member_of: str, attributes: str = "") -> Connection:
        name = f"reader_{connection.info.dbname}_{len(made)}"
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN {}").format(sql.Identifier(name), sql.SQL(attributes)),
        )
        for role in member_of:
            connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(name)))
        opened = psycopg.connect(database, user=name, autocommit=True, prepare_threshold=None)
        made.append((name, opened))
        return opened

    yield open_as
    for name, opened in made:
        opened.close()
        connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.fixture
def held(database: str) -> Callable[[str], Any]:
    """Runs a statement in another session's transaction, which stays open inside the block."""

    @contextmanager
    def hold(statement: str) -> Iterator[Connection]:
        with psycopg.connect(database) as other:
            other.execute(statement.encode())
            yield other
            other.rollback()

    return hold
