"""A database or a server that goes away under a command: exit code 3, one line, and no file touched."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from pgproof.server import Server, ServerError, find_binaries, running_server

from .processes import DEADLINE, SLOW_SCHEMA, held_catalog, started, wait_for_catalog, wait_for_question

YESTERDAY = "the audit of yesterday"

Ending = Callable[[Server], None]


def sessions_ended(server: Server) -> None:
    with psycopg.connect(server.url(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'doomed'")


def database_dropped(server: Server) -> None:
    with psycopg.connect(server.url(), autocommit=True) as other:
        other.execute("DROP DATABASE doomed WITH (FORCE)")


def crashed(server: Server) -> None:
    server.stop("immediate")


def killed(server: Server) -> None:
    postmaster = psutil.Process(int((server.data_directory / "postmaster.pid").read_text().split()[0]))
    family = postmaster.children()
    postmaster.kill()
    server.stop()
    # They end by themselves when they see it; until then no other server starts on their data.
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            while process.status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.01)


@pytest.fixture(scope="module", params=["embedded", "system"])
def mortal_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server of this module's own, since it is killed."""
    try:
        find_binaries(request.param)
    except ServerError as error:
        pytest.skip(str(error))
    with running_server(binaries=request.param, settings={"fsync": "off"}) as server:
        yield server


@pytest.fixture
def doomed(mortal_server: Server) -> Iterator[str]:
    """A database to lose."""
    yield mortal_server.create_database("doomed")
    mortal_server.restart("immediate")
    mortal_server.drop_database("doomed")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A file that the command is to replace, and does not."""
    file = tmp_path / "audit.json"
    file.write_text(YESTERDAY)
    return file


def last_words(process: subprocess.Popen[str], output: Path) -> str:
    """The one line that a command says when it has lost its server; the file of yesterday is as it was."""
    out, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, out, err.count("\n")) == (3, "", 1), err
    assert {file: file.read_text() for file in output.parent.iterdir()} == {output: YESTERDAY}
    return err


@pytest.mark.parametrize("ending", [database_dropped, crashed])
def test_in_the_middle_of_the_questions(ending: Ending, mortal_server: Server, doomed: str, output: Path) -> None:
    with psycopg.connect(doomed, autocommit=True) as connection:
        connection.execute(SLOW_SCHEMA)
        connection.execute("CHECKPOINT")
    options = ("-q", "--question-timeout", "60s", "--select", "SEC02", "--output", str(output))
    with started("audit", doomed, *options) as process:
        try:
            wait_for_question(process, doomed)
            ending(mortal_server)
            line = last_words(process, output)
        finally:
            process.kill()
    assert line.startswith("pgproof: The questions to the data could not be answered: the connection was lost (")


@pytest.mark.parametrize(
    ("command", "ending"),
    [("audit", sessions_ended), ("snapshot", database_dropped), ("baseline", crashed), ("audit", killed)],
)
def test_while_the_catalog_is_read(
    ending: Ending, command: str, mortal_server: Server, doomed: str, output: Path
) -> None:
    with held_catalog(doomed) as holder, started(command, doomed, "--output", str(output)) as process:
        try:
            wait_for_catalog(process, holder)
            ending(mortal_server)
            line = last_words(process, output)
        finally:
            process.kill()
    assert line.startswith("pgproof: The catalog could not be read: the connection was lost (")
