"""A pool that runs dry beside one that fits, both SQLAlchemy's own before a server with the source's limits."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest

from pgproof.facts.engine import Engine, Pool
from pgproof.facts.model import Facts
from pgproof.facts.read import read_facts
from pgproof.proving.pools import filled_pools

Given = Callable[..., Facts]
RESERVED = {"superuser_reserved_connections": "3", "reserved_connections": "0"}


@pytest.fixture
def facts(embedded_database: str) -> Given:
    """Facts of a server that grants so many connections, and an engine with such a pool."""
    with psycopg.connect(embedded_database, autocommit=True) as connection:
        read = read_facts(connection)

    def given(
        size: int, overflow: int, timeout: float, processes: int, kind: str = "queue", connections: int = 30
    ) -> Facts:
        values = {"max_connections": str(connections)} | RESERVED
        settings = tuple(replace(each, value=values.get(each.name, each.value)) for each in read.server.settings)
        assert kind in ("queue", "driver")
        pool = Pool("queue" if kind == "queue" else "driver", "QueuePool", size, overflow, timeout)
        engine = Engine("shop:engine", "psycopg", False, None, None, pool, (), None, processes, False, None)
        return replace(read, server=replace(read.server, settings=settings), engine=engine)

    return given


def test_requests_beyond_the_default_pool_fail_and_do_not_with_one_that_fits(facts: Given) -> None:
    (shown,) = filled_pools(facts(5, 10, 30.0, 1))
    assert (shown.rule, shown.mended_by) == ("CFG01", "engine_config.py")
    # 30 less 3 reserved, less 3 for everybody else: 24 for the one process.
    assert "of 24 clients that asked for a connection at once, 15 got one and 9 failed: 9 times TimeoutError: " in (
        shown.before
    )
    assert "pool_timeout=1, pool_timeout shortened from 30 s" in shown.before
    assert "(pool_size=16, max_overflow=8, pool_timeout=10) all 24 got one" in shown.after
    assert "gave theirs back" not in shown.after


def test_pools_that_the_server_refuses_wait_for_each_other_where_they_fit(facts: Given) -> None:
    (shown,) = filled_pools(facts(10, 5, 5.0, 4))
    assert shown.rule == "CFG02"
    # A refused client has its place at the server until it is gone, so one or another more is refused.
    seen = re.search(
        r"^of 47 clients that asked for a connection at once, (\d+) got one and (\d+) failed: ", shown.before
    )
    assert seen is not None
    served, failed = int(seen[1]), int(seen[2])
    assert served + failed == 47
    assert 20 <= served <= 27
    assert "OperationalError: FATAL" in shown.before
    assert "in each of 4 processes: pool_size=10, max_overflow=5, pool_timeout=5)" in shown.before
    assert "in each of 4 processes) all 47 got one, 23 of them when others gave theirs back" in shown.after


@pytest.mark.parametrize(
    ("size", "overflow", "processes", "kind", "connections", "shown"),
    [
        # Nobody is refused.
        (10, 5, 1, "queue", 30, []),
        # A share of the server is less than the pool has, so larger sizes are no way out for CFG01.
        (5, 10, 2, "queue", 30, ["CFG02"]),
        # The driver's own pool is another one.
        (20, 20, 4, "driver", 30, []),
        # One connection for each process is more than the server grants.
        (5, 10, 20_000, "queue", 30, []),
        # So many are not opened on one machine.
        (1000, 0, 1, "queue", 900, []),
    ],
)
def test_nothing_is_shown_where_it_would_not_be_true(
    size: int, overflow: int, processes: int, kind: str, connections: int, shown: list[str], facts: Given
) -> None:
    found = filled_pools(facts(size, overflow, 30.0, processes, kind, connections))
    assert [each.rule for each in found] == shown


def test_nothing_is_shown_without_an_engine(facts: Given) -> None:
    assert list(filled_pools(replace(facts(5, 10, 30.0, 1), engine=None))) == []
