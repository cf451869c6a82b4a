from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from intowork.database.engine import direct_engine
from intowork.database.monitoring import read_statistics
from intowork.errors import DatabaseUnavailable
from intowork.settings import Settings
from pgproof.server import running_server

MakeSettings = Callable[..., Settings]


def test_everything_is_read_from_a_database_with_statement_statistics(settings: MakeSettings, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as administrator:
        administrator.execute("CREATE EXTENSION pg_stat_statements")
        administrator.execute("CREATE TABLE jobs (id int PRIMARY KEY, title text)")
        administrator.execute("CREATE INDEX idx_jobs_title ON jobs (title)")
        administrator.execute("SELECT pg_sleep(0.15)")
    statistics = read_statistics(direct_engine(settings()))
    assert [size.table for size in statistics.table_sizes] == ["jobs"]
    assert {usage.index for usage in statistics.index_usage} == {"jobs_pkey", "idx_jobs_title"}
    assert [unused.index for unused in statistics.unused_indexes] == ["idx_jobs_title"]
    assert {ratio.kind for ratio in statistics.cache_hit_ratio} == {"tables", "indexes"}
    assert statistics.slow_statements is not None
    assert any("pg_sleep" in statement.query for statement in statistics.slow_statements)
    assert statistics.slow_statements_unknown is None
    assert "postgres" in {connections.user for connections in statistics.connections_by_user}
    assert statistics.blocking_locks == ()
    assert statistics.index_build_progress == ()


def test_without_statement_statistics_the_rest_is_still_read(settings: MakeSettings, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as administrator:
        administrator.execute("CREATE TABLE jobs (id int PRIMARY KEY)")
    statistics = read_statistics(direct_engine(settings()))
    assert statistics.slow_statements is None
    assert statistics.slow_statements_unknown is not None
    assert "CREATE EXTENSION pg_stat_statements" in statistics.slow_statements_unknown
    assert [size.table for size in statistics.table_sizes] == ["jobs"]


def test_a_server_that_does_not_load_statement_statistics_still_tells_the_rest() -> None:
    with running_server(settings={"shared_preload_libraries": ""}) as server:
        with psycopg.connect(server.url(), autocommit=True) as administrator:
            administrator.execute("CREATE EXTENSION pg_stat_statements")
        statistics = read_statistics(direct_engine(Settings(database_url=server.url())))
    assert statistics.slow_statements is None
    assert statistics.slow_statements_unknown is not None
    assert "shared_preload_libraries" in statistics.slow_statements_unknown
    assert {connections.user for connections in statistics.connections_by_user} == {"postgres"}


def test_without_a_server_there_is_one_line() -> None:
    with pytest.raises(DatabaseUnavailable, match="no server listens there"):
        read_statistics(direct_engine(Settings(database_url="postgresql:///app?host=/nowhere")))
