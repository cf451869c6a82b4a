"""What the platform's own tests send is recorded by the one command, and the other finds nothing wrong in it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine

from intowork.database.url import parse_url
from intowork.models import Base
from pgproof.facts.recording import Recording
from pgproof.facts.recording_file import read_recording
from pgproof.server import Server

ROOT = Path(__file__).parents[2]
PGPROOF = (sys.executable, "-c", "from pgproof.cli import main; main()")
TESTS = ("intowork/tests/operations/test_cleanup.py", "intowork/tests/performance/test_runner.py")
CHOSEN = "embedded and (_goes_ or a_batch or more_users_than_connections)"
"""Those in which the platform itself sends its hot statements: the clean-up, and many users at a time."""


@dataclass(frozen=True)
class Recorded:
    """A recording of the platform's tests, and what an audit of an empty database of head says of it."""

    recording: Recording
    document: dict[str, Any]


@pytest.fixture(scope="module")
def recorded(embedded_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    file = tmp_path_factory.mktemp("recorded") / "workload.jsonl"
    tests = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS, "-k", CHOSEN)
    ran = subprocess.run(
        [*PGPROOF, "record", "--output", str(file), "--", *tests], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout
    with embedded_server.scratch_database() as url:
        Base.metadata.create_all(create_engine(parse_url("the test's URL", url), poolclass=NullPool))
        audit = ("audit", url, "--workload", str(file), "--models", "intowork.models:Base", "--select", "workload")
        audited = subprocess.run(
            [*PGPROOF, *audit, "-q", "--format", "json"], cwd=ROOT, capture_output=True, text=True, check=False
        )
    assert audited.returncode == 0, audited.stderr + audited.stdout
    return Recorded(read_recording(file), json.loads(audited.stdout))


def test_the_recording_is_whole_and_holds_the_hot_statements_by_line_of_the_platform(recorded: Recorded) -> None:
    recording = recorded.recording
    assert recording.incomplete is None
    assert recording.from_tests > 0, "what the tests themselves send is left out"
    calls = {site.line.file for statement in recording.statements for site in statement.sites}
    assert calls == {
        "intowork/src/intowork/operations/cleanup.py",
        "intowork/src/intowork/performance/concurrency.py",
    }
    for part in ("FROM jobs", "FROM job_applications", "FROM notifications", "FROM sessions", "DELETE FROM sessions"):
        assert any(part in statement.text for statement in recording.statements), part


def test_nothing_is_wrong_with_what_the_platform_sends(recorded: Recorded) -> None:
    assert [f"{each['rule']}: {each['message']}" for each in recorded.document["findings"]] == []
    unchecked = {each["rule"] for each in recorded.document["not_checked"]}
    assert unchecked == {"WRK01", "WRK11"}, "those that only the server's own statistics tell"
