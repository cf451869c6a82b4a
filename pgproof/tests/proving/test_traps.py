"""Traps that need a place of their own: a disk that really is full while the migration runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from pgproof.facts.read import read_facts
from pgproof.facts.source import ServerSource, connect, parse_source
from pgproof.proving.run import Wanted, prove
from pgproof.report.proof_text import proof_as_text
from pgproof.server import running_server

from .conftest import Project

DISK_MEGABYTES = 8


@pytest.fixture
def disk(small_disk: Callable[[int], AbstractContextManager[Path]]) -> Iterator[Path]:
    with small_disk(DISK_MEGABYTES) as directory:
        yield directory


@pytest.fixture
def small(disk: Path) -> Iterator[str]:
    """The URL of a scratch server that keeps what a migration makes on it, and its own log and catalog elsewhere."""
    with running_server(settings={"fsync": "off"}) as server:
        (disk / "tables").mkdir()
        server.account.take(disk / "tables")
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{disk / 'tables'}'")
            connection.execute("CREATE ROLE prover LOGIN CREATEDB; GRANT CREATE ON TABLESPACE small TO prover")
            connection.execute("ALTER ROLE prover SET default_tablespace = small")
        yield server.url().replace("postgres@", "prover@")


def test_a_disk_that_fills_up_ends_the_proof_and_is_no_fault_of_the_revision(
    project: Project, embedded_source: str, small: str
) -> None:
    project.revision(
        """
        op.execute("CREATE TABLE note (id int)")
        op.execute("INSERT INTO note SELECT n FROM generate_series(1, 1000000) n")
        """,
        'op.execute("DROP TABLE note")',
    )
    parsed = parse_source(embedded_source)
    assert isinstance(parsed, ServerSource)
    with connect(parsed) as connection:
        facts = read_facts(connection)
    wanted = Wanted(parsed, facts, project.root, Path("alembic.ini"), data="copy", scale=1, kill_budget=0)
    proof = prove(replace(wanted, scratch_url=small))
    assert proof.verdict == "incomplete"
    assert proof.problems == ()
    assert proof.stopped is not None
    assert "the disk of the scratch server is full" in proof.stopped
    assert "what was proven until then stands" in proof.stopped
    assert proof.data.rows > 0
    assert proof.stages[0].name == "scratch copy"
    assert "the disk of the scratch server is full" in proof_as_text(proof)
    with psycopg.connect(small.replace("prover@", "postgres@")) as connection:
        left = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'pgproof%'").fetchall()
    assert left == []
