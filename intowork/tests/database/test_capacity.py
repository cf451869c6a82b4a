from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy import make_url

from intowork.database.capacity import ConnectionLimits, read_connection_limits, require_capacity
from intowork.database.engine import direct_engine
from intowork.errors import IntoWorkError
from intowork.settings import Settings

MakeSettings = Callable[..., Settings]


def limits(
    max_connections: int = 100, reserved: int = 0, database: int | None = None, role: int | None = None
) -> ConnectionLimits:
    return ConnectionLimits(
        max_connections=max_connections,
        superuser_reserved=3,
        reserved=reserved,
        database_limit=database,
        role_limit=role,
    )


def pools(size: int, overflow: int, processes: int, **more: object) -> Settings:
    return Settings(pool_size=size, max_overflow=overflow, web_processes=processes, **more)


def test_pools_that_just_fit_are_accepted_and_one_more_connection_is_not() -> None:
    require_capacity(limits(100), pools(20, 26, 2))
    with pytest.raises(IntoWorkError, match=r"^\(20 \+ 27\) connections x 2 processes are 94, and .* 92 for them"):
        require_capacity(limits(100), pools(20, 27, 2))


def test_the_refusal_shows_the_numbers_and_the_remedy() -> None:
    with pytest.raises(IntoWorkError) as refused:
        require_capacity(limits(100, reserved=2), pools(20, 40, 2))
    assert str(refused.value) == (
        "(20 + 40) connections x 2 processes are 120, and the server has 90 for them "
        "(max_connections 100, less 5 reserved and 5 for tools): "
        "lower POOL_SIZE + MAX_OVERFLOW to 45, raise the limit, or put PgBouncer in front"
    )


def test_too_many_processes_are_told_to_become_fewer() -> None:
    with pytest.raises(IntoWorkError, match="lower WEB_PROCESSES, raise the limit"):
        require_capacity(limits(20), pools(1, 0, 50))


@pytest.mark.parametrize("tight", [limits(database=20), limits(role=20)])
def test_the_limits_of_database_and_role_count(tight: ConnectionLimits) -> None:
    require_capacity(tight, pools(15, 0, 1))
    with pytest.raises(IntoWorkError, match="limit 20"):
        require_capacity(tight, pools(16, 0, 1))


def test_behind_pgbouncer_the_servers_limits_say_nothing_about_the_pools() -> None:
    require_capacity(limits(10), pools(20, 40, 8, pgbouncer=True))


def test_the_look_of_each_process_at_a_standby_counts() -> None:
    require_capacity(limits(100), pools(20, 25, 2), looks=1)
    with pytest.raises(IntoWorkError, match=r"^\(20 \+ 26 \+ 1\) connections x 2 processes are 94, .* to 45, raise"):
        require_capacity(limits(100), pools(20, 26, 2), looks=1)


def test_the_limits_are_read_from_the_server(settings: MakeSettings, database: str) -> None:
    with direct_engine(settings()).connect() as connection:
        read = read_connection_limits(connection)
        assert read.max_connections == int(connection.exec_driver_sql("SHOW max_connections").scalar_one())
    assert (read.superuser_reserved, read.reserved, read.database_limit, read.role_limit) == (3, 0, None, None)
    name = make_url(database).database
    with psycopg.connect(database, autocommit=True) as administrator:
        administrator.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT 12')
    with direct_engine(settings()).connect() as connection:
        limited = read_connection_limits(connection)
    assert limited.database_limit == 12
    assert limited.for_pools == 7
