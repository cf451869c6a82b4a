from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import TimeoutError as PoolTimeout
from structlog.testing import capture_logs

from intowork.database.engine import sync_engine
from intowork.database.pool import PoolObserver
from intowork.settings import Settings


@pytest.fixture
def engine(embedded_database: str) -> Iterator[Engine]:
    engine = sync_engine(Settings(database_url=embedded_database, pool_size=1, max_overflow=1, pool_timeout=0.05))
    yield engine
    engine.dispose()


@pytest.fixture
def observer(engine: Engine) -> PoolObserver:
    return PoolObserver(engine, max_overflow=1)


def test_an_unused_pool_has_no_negative_overflow(observer: PoolObserver) -> None:
    statistics = observer.statistics()
    assert (statistics.size, statistics.max_overflow) == (1, 1)
    assert (statistics.checked_out, statistics.overflow, statistics.waiting) == (0, 0, 0)


def test_connections_checkouts_and_overflow_are_counted(engine: Engine, observer: PoolObserver) -> None:
    with engine.connect(), engine.connect():
        statistics = observer.statistics()
        assert (statistics.checked_out, statistics.overflow) == (2, 1)
    with engine.connect():
        statistics = observer.statistics()
    assert (statistics.connects, statistics.checkouts, statistics.overflow_checkouts) == (2, 3, 1)
    assert (statistics.checked_out, statistics.overflow, statistics.closes) == (1, 0, 1)


def test_overflow_is_news_once(engine: Engine, observer: PoolObserver) -> None:
    with capture_logs() as logs:
        for _ in range(3):
            with engine.connect(), engine.connect():
                pass
    levels = [log["log_level"] for log in logs if log["event"].startswith("overflow")]
    assert levels == ["info", "debug", "debug"]
    assert observer.statistics().overflow_checkouts == 3


def test_a_thread_that_waits_in_vain_is_counted_and_logged(engine: Engine, observer: PoolObserver) -> None:
    with engine.connect(), engine.connect(), capture_logs() as logs, pytest.raises(PoolTimeout):
        engine.connect()
    statistics = observer.statistics()
    assert (statistics.waits, statistics.waiting, statistics.checked_out) == (1, 0, 0)
    assert [log["log_level"] for log in logs] == ["warning"]


def test_a_waiting_thread_is_seen_while_it_waits(embedded_database: str) -> None:
    engine = sync_engine(Settings(database_url=embedded_database, pool_size=1, max_overflow=0))
    observer = PoolObserver(engine, max_overflow=0)
    served = threading.Event()

    def work() -> None:
        with engine.connect():
            served.set()

    with ThreadPoolExecutor(1) as threads:
        with engine.connect():
            waiting = threads.submit(work)
            while observer.statistics().waiting == 0:
                assert not waiting.done()
        waiting.result(timeout=10)
    assert served.is_set()
    assert (observer.statistics().waits, observer.statistics().waiting) == (1, 0)
    engine.dispose()


def test_a_lost_connection_is_counted_and_logged_as_a_warning(
    engine: Engine, observer: PoolObserver, embedded_database: str
) -> None:
    with engine.connect() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with psycopg.connect(embedded_database, autocommit=True) as administrator:
        administrator.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    with capture_logs() as logs, engine.connect():
        assert observer.statistics().invalidated == 1
    assert "warning" in [log["log_level"] for log in logs if log["event"] == "connection lost"]


def test_a_connection_marked_for_replacement_is_counted(engine: Engine, observer: PoolObserver) -> None:
    with engine.connect() as connection:
        connection.connection.invalidate(soft=True)
    with engine.connect():
        statistics = observer.statistics()
    assert (statistics.soft_invalidated, statistics.invalidated, statistics.connects) == (1, 0, 2)


def test_the_counts_survive_disposal(engine: Engine, observer: PoolObserver) -> None:
    with engine.connect():
        pass
    engine.dispose()
    assert (observer.statistics().disposals, observer.statistics().closes) == (1, 1)
    with engine.connect(), engine.connect(), pytest.raises(PoolTimeout):
        engine.connect()
    statistics = observer.statistics()
    assert (statistics.connects, statistics.waits) == (3, 1)
