"""A server of its own for the pages, as a reader's is: with the settings that PostgreSQL comes with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from pgproof.server import Server, running_server

from .written import DOCS

EXAMPLES = DOCS / "examples"
LOAD = "createdb shop && psql -q -d shop -f shop.sql"
"""What the first page does, and the others start from."""
_END = "\x01"
_AFTER = f"\ncode=$?; printf '\\n{_END}%s{_END}' $code; (exit $code)\n"
"""Tells the code, and leaves it to a following `echo $?`."""


@dataclass(frozen=True)
class Reader:
    """Somebody who follows a page in an empty folder.

    Attributes:
        folder: with the examples in it.
        environment: finds the commands, and the server without saying where it is.
    """

    folder: Path
    environment: dict[str, str]

    def follow(self, commands: list[str]) -> list[tuple[int, str]]:
        """Run commands one after the other in one shell; return code and output of each."""
        script = "".join(
            f"{command}\ncode=$?; printf '\\n{_END}%s{_END}' $code; (exit $code)\n" for command in commands
        )
        ran = subprocess.run(
            ["bash", "--noprofile", "--norc", "-c", script],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        parts = ran.stdout.split(_END)
        return [(int(code), output) for output, code in zip(parts[:-1:2], parts[1::2], strict=True)]


@pytest.fixture(scope="session")
def pages_server() -> Iterator[Server]:
    """The server that every page is followed on."""
    with running_server(binaries="embedded") as server:
        yield server


@pytest.fixture
def reader(pages_server: Server, tmp_path: Path) -> Iterator[Reader]:
    """A reader with the examples; what the page made on the server goes with the test."""
    place = conninfo_to_dict(pages_server.socket_url("shop"))
    shutil.copytree(EXAMPLES, tmp_path, dirs_exist_ok=True)
    yield Reader(
        tmp_path,
        {
            "PATH": f"{Path(sys.executable).parent}:{pages_server.binaries.directory}:{os.defpath}",
            "HOME": str(tmp_path),
            "LANG": "C.UTF-8",
            "PGHOST": str(place["host"]),
            "PGPORT": str(place["port"]),
            "PGUSER": "postgres",
            "DATABASE_URL": "postgresql:///shop",
        },
    )
    pages_server.drop_database("shop")
    with psycopg.connect(pages_server.url(), autocommit=True) as connection:
        made = connection.execute("SELECT rolname FROM pg_roles WHERE oid >= 16384").fetchall()
        for (role,) in made:
            name = sql.Identifier(role)
            connection.execute(sql.SQL("DROP OWNED BY {}; DROP ROLE {}").format(name, name))
