"""Small Alembic projects, and steps written into them as `pgproof fix` does."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import alembic
import psycopg
from alembic import command
from alembic.config import Config
from pydantic import TypeAdapter

from pgproof.migration.revision import revision_parts
from pgproof.migration.write_revisions import Request, collect
from pgproof.proof.fingerprint import CatalogFingerprint, read_fingerprint
from pgproof.proof.rows import TableRows, hash_rows
from pgproof.remedy.operation import Operation
from pgproof.remedy.plan_values import Reason, Step

BASE = "a1"
VERSIONS = ("public.alembic_version",)
NUMBERS = ("quarantine.public_tags_post_tag.quarantine_number",)
"""Differ where a move was interrupted: a sequence never gives a number twice."""
REASON = Reason("INT01", "association-without-unique", "high", "what is wrong", ("SELECT 1 -> 1",), "0" * 64)

_LOGGING = """
[loggers]
keys = root
[handlers]
keys =
[formatters]
keys =
[logger_root]
handlers =
"""
GENERIC = """
from alembic import context
from sqlalchemy import create_engine, pool
import os

url = os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:", 1)
if context.is_offline_mode():
    context.configure(url=url, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    with create_engine(url, poolclass=pool.NullPool).connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
"""


@dataclass(frozen=True)
class Ended:
    """How a run of Alembic's command line ended."""

    code: int
    text: str


def make_project(folder: Path, env: str = GENERIC, *, template: str | None = None, ini: str = "") -> Path:
    """A project with a chain of one empty revision."""
    versions = folder / "alembic/versions"
    versions.mkdir(parents=True)
    (folder / "alembic.ini").write_text(f"[alembic]\nscript_location = alembic\n{ini}{_LOGGING}", encoding="utf-8")
    (folder / "alembic/env.py").write_text(env, encoding="utf-8")
    standard = Path(alembic.__file__).parent / "templates/generic/script.py.mako"
    (folder / "alembic/script.py.mako").write_text(template or standard.read_text(encoding="utf-8"), encoding="utf-8")
    (versions / "a1_base.py").write_text(
        f'"""Base."""\nrevision = {BASE!r}\ndown_revision = None\n\n\ndef upgrade():\n    pass\n\n\ndef downgrade():\n'
        "    pass\n",
        encoding="utf-8",
    )
    return folder


def write_steps(folder: Path, operations: Sequence[Operation], message: str = "mend it") -> Path:
    """Write operations as one revision, and return its file; in this process, which is quicker."""
    return write_beside(folder, "alembic.ini", operations, message)


def write_beside(
    folder: Path, ini: str, operations: Sequence[Operation], message: str = "mend it", reason: Reason = REASON
) -> Path:
    """Write operations as one revision of a chain whose ini file is somewhere in a project."""
    steps = [Step(operation, (reason,)) for operation in operations]
    request = Request(ini, None, (revision_parts(steps, message),))
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(folder):
        file = Path(name) / "request.json"
        file.write_bytes(TypeAdapter(Request).dump_json(request))
        (written,) = collect(str(file)).files
    return folder / written.file


def upgrade(folder: Path, url: str, revision: str = "head") -> None:
    """Upgrade in this process."""
    with _environment(url):
        command.upgrade(_config(folder), revision)


def downgrade(folder: Path, url: str, revision: str = BASE) -> None:
    """Downgrade in this process."""
    with _environment(url):
        command.downgrade(_config(folder), revision)


def _config(folder: Path) -> Config:
    config = Config(folder / "alembic.ini")
    config.set_main_option("script_location", str(folder / "alembic"))
    return config


@contextlib.contextmanager
def _environment(url: str) -> Iterator[None]:
    before = os.environ.get("DATABASE_URL")
    os.environ["DATABASE_URL"] = url
    try:
        yield
    finally:
        if before is None:
            del os.environ["DATABASE_URL"]
        else:
            os.environ["DATABASE_URL"] = before


def run_alembic(folder: Path, url: str, *arguments: str) -> Ended:
    """Run Alembic's own command line in a project."""
    ended = subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=folder,
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return Ended(ended.returncode, ended.stdout + ended.stderr)


def catalog(url: str) -> CatalogFingerprint:
    """The catalog without Alembic's own table."""
    with psycopg.connect(url) as connection:
        return read_fingerprint(connection, exclude=VERSIONS)


def rows(url: str) -> tuple[TableRows, ...]:
    """The rows of every schema, those of the quarantine without what differs from run to run."""
    with psycopg.connect(url, autocommit=True) as connection:
        names = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_|^information_schema$'")
        return hash_rows(
            connection, schemas=[name for (name,) in names.fetchall()], exclude=VERSIONS, exclude_columns=NUMBERS
        )
