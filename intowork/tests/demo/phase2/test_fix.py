"""`pgproof fix` on the analysed platform: its models, its faults and its rows, mended and brought back."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import alembic
import psycopg
import pytest
from sqlalchemy import NullPool, create_engine

from intowork.demo.phase2 import models
from intowork.operations.migrate import PHASE_2, upgrade
from intowork.seed import Scale, load
from pgproof.proof.fingerprint import CatalogFingerprint, read_fingerprint
from pgproof.proof.rows import TableRows, hash_rows
from pgproof.server import Server

ENVIRONMENT = """
import os
from alembic import context
from sqlalchemy import create_engine, pool
from models import Base

url = os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:", 1)
with create_engine(url, poolclass=pool.NullPool).connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata, compare_server_default=True)
    with context.begin_transaction():
        context.run_migrations()
"""
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
    versions = tmp_path / "alembic/versions"
    versions.mkdir(parents=True)
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = alembic\n", encoding="utf-8")
    (tmp_path / "alembic/env.py").write_text(ENVIRONMENT, encoding="utf-8")
    shutil.copy(Path(alembic.__file__).parent / "templates/generic/script.py.mako", tmp_path / "alembic")
    (versions / "phase_2.py").write_text(f"revision = {PHASE_2!r}\ndown_revision = None\n", encoding="utf-8")
    shutil.copy(models.__file__, tmp_path / "models.py")
    return tmp_path


def state(url: str) -> tuple[CatalogFingerprint, tuple[TableRows, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        exclude = ["public.alembic_version"]
        return read_fingerprint(connection, exclude=exclude), hash_rows(connection, exclude=exclude)


def run(project: Path, url: str, *command: str) -> str:
    """Run a command in the project, which has to end well; return what it wrote."""
    pgproof = ["-c", "from pgproof.cli import main; main()"]
    ended = subprocess.run(
        [sys.executable, *(pgproof if command[0] == "pgproof" else ["-m", command[0]]), *command[1:]],
        cwd=project,
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.skipif(shutil.which("patch") is None, reason="needs the program patch")
def test_it_is_mended_and_brought_back_and_its_models_say_so(platform: str, project: Path) -> None:
    options = ("--alembic", "alembic.ini", "--models", "models:Base", "--select", MENDED)
    before = state(platform)
    told = run(project, platform, "pgproof", "fix", platform, *options, "--patch", "models.patch")
    assert "; 0 are left to people." in told
    assert state(platform)[0] == before[0]
    run(project, platform, "alembic", "upgrade", "head")
    upper = state(platform)
    assert "Nothing to mend." in run(project, platform, "pgproof", "fix", platform, *options)
    subprocess.run(["patch", "-p1", "--input", "models.patch"], cwd=project, check=True, capture_output=True)
    assert "No new upgrade operations detected." in run(project, platform, "alembic", "check")
    assert "No drift" in run(project, platform, "pgproof", "drift", platform, "--models", "models:Base")
    run(project, platform, "alembic", "downgrade", PHASE_2)
    down = state(platform)
    assert (before[0].difference(down[0]), down[1]) == ((), before[1])
    run(project, platform, "alembic", "upgrade", "head")
    assert state(platform) == upper
