"""`pgproof fix` on the analysed platform: its models, its faults and its rows, mended and brought back."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import NullPool, create_engine

from intowork.demo.mending import make_project, patch_models
from intowork.demo.mending import run as run_in
from intowork.operations.migrate import PHASE_2, upgrade
from intowork.seed import Scale, load
from pgproof.proof.fingerprint import CatalogFingerprint, read_fingerprint
from pgproof.proof.rows import TableRows, hash_rows
from pgproof.server import Server

MENDED = "INT01,INT02,INT14,INT23,IDX01,IDX02"
"""Rules whose findings the schema alone can mend here, every one of them."""


@pytest.fixture
def platform(embedded_server: Server) -> Iterator[str]:
    """The URL of phase 2 with a small data set and its faults."""
    with embedded_server.scratch_database() as url:
        upgrade(create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1), poolclass=NullPool), PHASE_2)
        load(url, Scale.of_jobs(100), faults=True, reference=date(2026, 1, 1))
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ANALYZE")
        yield url


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the models of phase 2 and a chain that has come that far."""
    make_project(tmp_path)
    return tmp_path


def state(url: str) -> tuple[CatalogFingerprint, tuple[TableRows, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        exclude = ["public.alembic_version"]
        return read_fingerprint(connection, exclude=exclude), hash_rows(connection, exclude=exclude)


def run(project: Path, url: str, *command: str) -> str:
    """Run a command in the project, which has to end well; return what it wrote."""
    pgproof = ("-c", "from pgproof.cli import main; main()")
    program = pgproof if command[0] == "pgproof" else ("-m", command[0])
    return run_in(project, url, (sys.executable, *program, *command[1:]))


@pytest.mark.skipif(not (shutil.which("patch") or shutil.which("git")), reason="needs the program patch or git")
def test_it_is_mended_and_brought_back_and_its_models_say_so(platform: str, project: Path) -> None:
    options = ("--alembic", "alembic.ini", "--models", "models:Base", "--select", MENDED)
    before = state(platform)
    told = run(project, platform, "pgproof", "fix", platform, *options, "--patch", "models.patch")
    assert "; 0 are left to people." in told
    assert state(platform)[0] == before[0]
    run(project, platform, "alembic", "upgrade", "head")
    upper = state(platform)
    assert "Nothing to mend." in run(project, platform, "pgproof", "fix", platform, *options)
    patch_models(project)
    assert "No new upgrade operations detected." in run(project, platform, "alembic", "check")
    assert "No drift" in run(project, platform, "pgproof", "drift", platform, "--models", "models:Base")
    run(project, platform, "alembic", "downgrade", PHASE_2)
    down = state(platform)
    assert (before[0].difference(down[0]), down[1]) == ((), before[1])
    run(project, platform, "alembic", "upgrade", "head")
    assert state(platform) == upper
