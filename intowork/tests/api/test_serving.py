from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import NullPool, create_engine
from sqlalchemy.orm import Session

from intowork.database.engine import direct_engine
from intowork.database.url import parse_url
from intowork.models import JobLocation
from intowork.operations.migrate import upgrade
from intowork.settings import Settings
from intowork.testing import Factory, ago
from pgproof.server import Server

from .web import PASSWORD


@pytest.fixture(scope="module")
def migrated(embedded_server: Server) -> Iterator[str]:
    """The URL of a database that the platform's own migrations made."""
    with embedded_server.scratch_database() as url:
        upgrade(direct_engine(Settings(database_url=url)))
        yield url


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def command(port: int) -> list[str]:
    return [sys.executable, "-m", "intowork", "serve", "--port", str(port)]


def environment(**settings: str) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if name.upper() not in map(str.upper, Settings.model_fields)
    }
    return kept | settings


@contextmanager
def served(url: str, **settings: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Yield the process of `intowork serve` and where it answers."""
    port = free_port()
    process = subprocess.Popen(
        command(port), env=environment(DATABASE_URL=url, **settings), stderr=subprocess.PIPE, text=True
    )
    base = f"http://127.0.0.1:{port}"
    try:
        while True:
            assert process.poll() is None, process.stderr and process.stderr.read()
            try:
                httpx.get(f"{base}/health/ready", timeout=10).raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield process, base
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.asyncio
@pytest.mark.parametrize("processes", ["1", "2"])
async def test_what_is_being_answered_is_finished_when_the_server_is_told_to_stop(
    migrated: str, processes: str
) -> None:
    with served(migrated, WEB_PROCESSES=processes) as (process, base), psycopg.connect(migrated) as other:
        async with httpx.AsyncClient(base_url=base, timeout=60) as http:
            assert (await http.get("/api/jobs")).json()["items"] == []
            other.execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
            answering = asyncio.ensure_future(http.get("/api/jobs"))
            waiting = (
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            while not other.execute(waiting).fetchall()[0][0]:
                other.execute("SELECT pg_stat_clear_snapshot()")
                await asyncio.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.5)
            other.rollback()
            assert (await answering).status_code == 200
        assert await asyncio.to_thread(process.wait, 60) == 0
        with psycopg.connect(migrated) as left:
            sessions = left.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'intowork-web'")
            assert sessions.fetchall() == [(0,)]


def code(language: str) -> str:
    """Return the README's first block of a language."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    return readme.partition(f"```{language}\n")[2].partition("```")[0]


def test_the_session_of_the_readme_goes_as_it_says(migrated: str) -> None:
    if missing := [tool for tool in ("curl", "jq") if shutil.which(tool) is None]:
        pytest.skip(f"{' and '.join(missing)} not installed: make system-packages installs jq")
    with Session(create_engine(parse_url("the test's URL", migrated), poolclass=NullPool)) as session:
        factory = Factory(session)
        employer = factory.employer()
        for number in range(101):
            factory.job(employer, location_type=JobLocation.REMOTE, posted_at=ago(minutes=number))
        session.commit()
    with served(migrated) as (_, base):
        shown = subprocess.run(
            ("bash", "-euc", code("sh").replace("http://127.0.0.1:8000", base)),
            capture_output=True, text=True, check=True, timeout=60,
        ).stdout  # fmt: skip
        count, _, rest = shown.partition("}\n")
        assert json.loads(count + "}") == {"value": 101, "exact": True}
        assert rest == "applied\nYou have applied to this job already\n1\n"
        names: dict[str, Any] = {}
        exec(code("python").replace("http://127.0.0.1:8000", base), names)
        assert len(names["titles"]) == 101


def test_the_first_administrator_is_made_once_and_signs_in(migrated: str) -> None:
    def init(email: str, password: str) -> subprocess.CompletedProcess[str]:
        variables = environment(DATABASE_URL=migrated, INTOWORK_INIT_PASSWORD=password)
        words = (sys.executable, "-m", "intowork", "init", "--email", email)
        return subprocess.run(words, env=variables, capture_output=True, text=True, timeout=60, check=False)

    weak, nobody = init("root@example.com", "short"), init("nobody", PASSWORD)
    assert (weak.returncode, nobody.returncode) == (3, 3)
    assert weak.stderr.strip() == "error: the password must have at least 12 characters"
    made, again = init("Root@example.com", PASSWORD), init("other@example.com", PASSWORD)
    assert (made.returncode, made.stdout.strip()) == (0, "root@example.com can sign in as administrator")
    assert (again.returncode, "already" in again.stderr) == (3, True)
    with served(migrated) as (_, base), httpx.Client(base_url=base) as http:
        account = {"email": "root@example.com", "password": PASSWORD}
        assert http.post("/api/auth/sign-in", json=account).json()["user"]["role"] == "admin"
        assert http.get("/api/admin/stats").status_code == 200


def test_a_start_that_cannot_work_is_refused_in_one_line(migrated: str, embedded_database: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wrong = {
            "DATABASE_URL is not set": environment(),
            "run intowork migrate": environment(DATABASE_URL=embedded_database),
            "lower POOL_SIZE": environment(DATABASE_URL=migrated, POOL_SIZE="900"),
            "choose another --port": environment(DATABASE_URL=migrated),
        }
        for words, variables in wrong.items():
            answer = subprocess.run(
                command(taken.getsockname()[1]),
                env=variables,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            *_, last = answer.stderr.strip().splitlines()
            assert answer.returncode == 3, answer.stderr
            assert words in last, answer.stderr
            assert "Traceback" not in answer.stderr
