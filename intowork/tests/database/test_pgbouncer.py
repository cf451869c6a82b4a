"""Behind the real PgBouncer in transaction mode, where a server connection is lent for one transaction."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from sqlalchemy import make_url, text

from intowork.database.engine import direct_engine, sync_engine
from intowork.database.failures import connect_or_explain
from intowork.database.sessions import Database
from intowork.errors import DatabaseUnavailable, StatementTimeout
from intowork.settings import Settings
from pgproof.server import Server

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed; make system-packages installs it"),
]

CONFIGURATION = """
[databases]
* = host={host} port={port} user=postgres
[pgbouncer]
listen_port = 6432
unix_socket_dir = {folder}
auth_type = any
pool_mode = transaction
default_pool_size = 2
logfile = {folder}/log
"""


@pytest.fixture(scope="module")
def bouncer(server: Server) -> Iterator[Path]:
    """The socket directory of a PgBouncer in front of the server, with two connections per database."""
    assert PROGRAM is not None
    query = make_url(server.url()).query
    # PgBouncer refuses to run as root; the server's own user may enter the server's socket directory.
    owner = server.data_directory.stat().st_uid
    with tempfile.TemporaryDirectory(prefix="pgb") as name:
        folder = Path(name)
        configuration = folder / "pgbouncer.ini"
        configuration.write_text(
            CONFIGURATION.format(host=query["host"], port=query["port"], folder=folder), encoding="utf-8"
        )
        if os.geteuid() == 0:
            os.chown(folder, owner, -1)
        process = subprocess.Popen(
            [PROGRAM, "-q", configuration],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=owner if os.geteuid() == 0 else None,
            group=pwd.getpwuid(owner).pw_gid if os.geteuid() == 0 else None,
            extra_groups=[] if os.geteuid() == 0 else None,
        )
        try:
            wait_until_it_listens(folder, process)
            yield folder
        finally:
            process.terminate()
            process.wait()


def wait_until_it_listens(folder: Path, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(through(folder, "postgres")).close()
            return
        time.sleep(0.01)
    raise AssertionError((folder / "log").read_text(encoding="utf-8"))


def through(folder: Path, database: str) -> str:
    return f"postgresql://postgres@/{database}?host={quote(str(folder), safe='')}&port=6432"


@pytest.fixture
def url(bouncer: Path, database: str) -> str:
    """A fresh database, through PgBouncer."""
    name = make_url(database).database
    assert name is not None
    return through(bouncer, name)


def behind(url: str, database: str, **values: object) -> Settings:
    return Settings(database_url=url, direct_database_url=database, pgbouncer=True, **values)


SHOWN = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "TimeZone", "application_name")


@pytest.mark.asyncio
async def test_every_transaction_has_the_timeouts_and_leaves_none_behind(url: str, database: str) -> None:
    web = Database(behind(url, database, statement_timeout=1300, lock_timeout=1700, idle_in_transaction_timeout=1900))
    for _ in range(3):
        async with web.session() as session:
            found = [(await session.execute(text(f"SHOW {name}"))).scalar_one() for name in SHOWN]
            assert found == ["1300ms", "1700ms", "1900ms", "UTC", "intowork-web"]
            await session.commit()
    await web.dispose()
    with psycopg.connect(url) as other:
        assert other.execute("SHOW statement_timeout").fetchone() == ("0",)


@pytest.mark.asyncio
async def test_a_runaway_statement_is_cancelled_through_pgbouncer(url: str, database: str) -> None:
    web = Database(behind(url, database, statement_timeout=400))
    with pytest.raises(StatementTimeout):
        async with web.session() as session:
            await session.execute(text("SELECT pg_sleep(60)"))
    async with web.session() as session:
        assert (await session.execute(text("SELECT 1"))).scalar_one() == 1
    assert web.pool_statistics().checked_out == 0
    await web.dispose()


@pytest.mark.asyncio
async def test_more_clients_than_server_connections_repeat_one_statement(url: str, database: str) -> None:
    web = Database(behind(url, database, pool_size=10, max_overflow=0))

    async def request(number: int) -> None:
        for _ in range(8):
            async with web.session() as session:
                found = await session.execute(text("SELECT CAST(:number AS int)"), {"number": number})
                assert found.scalar_one() == number

    await asyncio.gather(*(request(number) for number in range(10)))
    assert web.pool_statistics().connects == 10
    await web.dispose()


@pytest.mark.asyncio
async def test_readiness_is_told_through_pgbouncer(url: str, database: str) -> None:
    web = Database(behind(url, database))
    assert (await web.readiness()).ok
    await web.dispose()


def test_without_the_setting_the_message_names_it(url: str) -> None:
    engine = sync_engine(Settings(database_url=url))
    with (
        pytest.raises(DatabaseUnavailable, match="PgBouncer is in between: set PGBOUNCER=1"),
        connect_or_explain(engine),
    ):
        pass


def test_the_direct_engine_goes_round_it(url: str, database: str) -> None:
    with direct_engine(behind(url, database, lock_timeout=1700)).connect() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        # PgBouncer tells its clients a process id of its own making.
        assert driver.info.backend_pid == pid
        assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "0"
        assert connection.execute(text("SHOW lock_timeout")).scalar_one() == "1700ms"
