"""Fixtures for tests on a real PostgreSQL: every server there is, a fresh database for each test, PgBouncer and TLS.

A test session starts each server once, when the first test needs it, and stops all of them at its end.

And a budget of statements, for tests of an application with SQLAlchemy: `@pytest.mark.statement_budget(10)` on a test,
or `with pgproof_statements(max=3):` around a part of it. `pytest_plugins = ["pgproof.testing"]` in the conftest.py of
the project's root gives all of them; they are not there by themselves, since their names are common ones.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from pgproof.server import Server, ServerError, find_binaries, running_server

if TYPE_CHECKING:
    from pgproof.recorder.budget import Sent

_FAST_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""Durability that data with a life of seconds do not need: only a crash of the machine could lose them."""


@pytest.fixture(scope="session")
def _server_of() -> Iterator[Callable[[str], Server]]:
    """Gives the session's server for a source of binaries."""
    servers: dict[str, Server] = {}
    with contextlib.ExitStack() as stack:

        def server_of(binaries: str) -> Server:
            if binaries not in servers:
                servers[binaries] = stack.enter_context(running_server(binaries=binaries, settings=_FAST_SETTINGS))
            return servers[binaries]

        yield server_of


@pytest.fixture(scope="session", params=["embedded", "system"])
def server(request: pytest.FixtureRequest, _server_of: Callable[[str], Server]) -> Server:
    """Every PostgreSQL there is: the embedded one, and the system's where it is installed."""
    binaries: str = request.param
    if binaries == "system":
        try:
            find_binaries(binaries)
        except ServerError as error:
            pytest.skip(str(error))
    return _server_of(binaries)


@pytest.fixture(scope="session")
def embedded_server(_server_of: Callable[[str], Server]) -> Server:
    """The embedded PostgreSQL alone, for what does not depend on the version."""
    return _server_of("embedded")


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """The URL of an empty scratch database on each server."""
    with server.scratch_database() as url:
        yield url


@pytest.fixture
def embedded_database(embedded_server: Server) -> Iterator[str]:
    """The URL of an empty scratch database on the embedded server."""
    with embedded_server.scratch_database() as url:
        yield url


_PGBOUNCER = """
[databases]
* = host={host} port={port} user=postgres
[pgbouncer]
listen_port = 6432
unix_socket_dir = {folder}
auth_type = any
pool_mode = transaction
default_pool_size = {connections}
logfile = {folder}/log
"""


@dataclass(frozen=True)
class PgBouncer:
    """A PgBouncer in transaction mode, in front of a server of our own.

    Attributes:
        folder: of its socket and its log.
    """

    folder: Path

    def url(self, database: str) -> str:
        """The libpq URL of a database of the server, through PgBouncer."""
        return f"postgresql://postgres@/{quote(database, safe='')}?host={quote(str(self.folder), safe='')}&port=6432"


@contextlib.contextmanager
def running_pgbouncer(server: Server, *, connections: int) -> Iterator[PgBouncer]:
    """The real PgBouncer in front of a server, stopped at the end; the test is skipped where it is not installed.

    Args:
        server: behind it, a standby as well.
        connections: to the server that it keeps for each database: with one, every transaction of every client has
            the same.
    """
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None:
        pytest.skip("pgbouncer is not installed; make system-packages installs it")
    socket = conninfo_to_dict(server.socket_url("postgres"))
    with tempfile.TemporaryDirectory(prefix="pgb") as name:
        folder = Path(name)
        configuration = folder / "pgbouncer.ini"
        configuration.write_text(
            _PGBOUNCER.format(host=socket["host"], port=socket["port"], folder=folder, connections=connections),
            encoding="utf-8",
        )
        # PgBouncer refuses to run as root; the server's own user may enter the server's socket directory.
        account = server.account
        account.take(folder)
        process = subprocess.Popen(
            [program, "-q", configuration],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=account.user,
            group=account.group,
            extra_groups=account.extra_groups,
        )
        try:
            bouncer = PgBouncer(folder)
            _wait_until_it_listens(bouncer, process)
            yield bouncer
        finally:
            process.terminate()
            process.wait()


def _wait_until_it_listens(bouncer: PgBouncer, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(bouncer.url("postgres")).close()
            return
        time.sleep(0.01)
    raise AssertionError((bouncer.folder / "log").read_text(encoding="utf-8"))


def self_signed(folder: Path, name: str, subject: str) -> tuple[Path, Path]:
    """Make a certificate that signed itself, valid for a day, and its key; the test is skipped without openssl.

    Args:
        folder: of the files `name.crt` and `name.key`.
        name: of both files.
        subject: the common name: a user's role, or the address of a server, which is its alternative name as well.

    Returns:
        The certificate and the key.
    """
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed; make system-packages installs it")
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", f"/CN={subject}", *(["-addext", f"subjectAltName=IP:{subject}"] if subject[0].isdigit() else [])]
    subprocess.run(
        [program, "req", "-x509", *curve, *names, "-days", "1", "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    key.chmod(0o600)
    return certificate, key


@contextlib.contextmanager
def running_tls_server() -> Iterator[Server]:
    """The system's server with a certificate that signed itself, `server.crt` in its data directory.

    The embedded server is built without OpenSSL; where there is no other the test is skipped.
    """
    try:
        find_binaries("system")
    except ServerError as missing:
        pytest.skip(f"no server with TLS: {missing}")
    with running_server(binaries="system", tcp=True) as server:
        for file in self_signed(server.data_directory, "server", "127.0.0.1"):
            server.account.take(file)
        with psycopg.connect(server.url(), autocommit=True) as administrator:
            administrator.execute("ALTER SYSTEM SET ssl = on")
        server.restart()
        yield server


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, so that --strict-markers takes it."""
    config.addinivalue_line(
        "markers", "statement_budget(max): fail if the test sends more statements than this through SQLAlchemy"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Hold a test with the marker to its budget; what its fixtures send does not count."""
    marker = item.get_closest_marker("statement_budget")
    if marker is None:
        return (yield)
    most = marker.kwargs.get("max", marker.args[0] if marker.args else None)
    if not isinstance(most, int):
        raise pytest.UsageError(f"{item.nodeid}: write @pytest.mark.statement_budget(10), with the most statements")
    from pgproof.recorder.budget import statement_budget

    with statement_budget(most, item.config.rootpath):
        return (yield)


@pytest.fixture
def pgproof_statements(pytestconfig: pytest.Config) -> Callable[..., AbstractContextManager[list[Sent]]]:
    """Fails a part of a test that sends too many statements.

    Used as `with pgproof_statements(max=3) as sent:`. What SQLAlchemy sends from any thread of the process counts; the
    list has each statement with the line that sent it.
    """
    from pgproof.recorder.budget import statement_budget

    def statements(max: int) -> AbstractContextManager[list[Sent]]:
        return statement_budget(max, pytestconfig.rootpath)

    return statements
