"""From a program to a finding: recorded by the one command, judged by the other, shown on a copy by a third."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from pgproof.facts.model import Facts
from pgproof.facts.read import read_facts
from pgproof.facts.snapshot import from_json, to_json
from pgproof.facts.source import connect, parse_source

Record = Callable[..., Any]
PGPROOF = (sys.executable, "-c", "from pgproof.cli import main; main()")

PROGRAM = """
    from models import *

    def titles(session):
        return [book.title for author in session.scalars(select(Author)) for book in author.books]

    def add(session, name):
        if session.scalar(select(Author.id).where(Author.name == name)) is None:
            session.add(Author(name=name))

    with Session(filled()) as session:
        titles(session)
        add(session, "new")
        session.commit()
        for number in range(10):
            session.add(Book(title=str(number), author_id=1))
            session.flush()
        session.commit()
"""


def run(programs: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PGPROOF, *arguments],
        cwd=programs.folder,
        env=programs.environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def audited(programs: Any, *arguments: str) -> tuple[dict[str, Any], str]:
    select = ("--select", "workload", "--fail-on", "never", "--format", "json", "--workload", "workload.jsonl")
    ended = run(programs, "audit", programs.url, *select, *arguments)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout), ended.stderr


def test_what_a_program_does_is_found_at_its_line(record: Record, programs: Any) -> None:
    record(PROGRAM)
    lines = (programs.folder / "program.py").read_text().splitlines()
    document, _ = audited(programs)
    found = {finding["rule"]: finding for finding in document["findings"]}
    assert set(found) == {"WRK02", "WRK08", "WRK14"}
    for rule, words in (
        ("WRK02", "for book in author.books"),
        ("WRK08", "select(Author.id).where(Author.name == name)"),
        ("WRK14", "session.flush()"),
    ):
        location = found[rule]["location"]
        assert location["file"] == "program.py"
        assert words in lines[location["line"] - 1]
        assert found[rule]["confidence"] == "measured"
    assert "selectinload(Author.books)" in found["WRK02"]["remedy"]["summary"]
    shown = run(programs, "reproduce", programs.url, found["WRK08"]["fingerprint"][:12], "--workload", "workload.jsonl")
    assert shown.returncode == 0, shown.stderr + shown.stdout


def test_a_recording_is_part_of_a_snapshot(record: Record, programs: Any) -> None:
    ran = record(PROGRAM)
    ended = run(programs, "snapshot", programs.url, "--workload", "workload.jsonl", "--output", "facts.json")
    assert ended.returncode == 0, ended.stderr
    facts: Facts = from_json((programs.folder / "facts.json").read_bytes(), "facts.json")
    assert facts.recording is not None
    assert facts.recording.loops == ran.recording.loops
    assert facts.recording.statements == ran.recording.statements
    assert facts.recording.handed == ran.recording.handed
    with connect(parse_source(programs.url)) as connection:  # type: ignore[arg-type]
        assert from_json(to_json(read_facts(connection)), "x").recording is None


def test_a_recording_that_is_cut_off_counts_and_is_told_of(record: Record, programs: Any) -> None:
    ran = record(PROGRAM)
    lines = ran.file.read_bytes().splitlines(keepends=True)
    ran.file.write_bytes(b"".join(lines[:-1]) + lines[-1][:10])
    document, err = audited(programs)
    assert {finding["rule"] for finding in document["findings"]} == {"WRK02", "WRK08", "WRK14"}
    assert "pgproof: recording: workload.jsonl has no end, so pgproof record was killed or still runs" in err


def test_what_is_no_recording_is_one_line_and_the_rules_say_so(record: Record, programs: Any) -> None:
    record(PROGRAM).file.write_text("no recording\n")
    document, err = audited(programs)
    assert document["findings"] == []
    assert "pgproof: recording: workload.jsonl is not a recording: make one with pgproof record" in err
    unchecked = {each["rule"]: each["needs"] for each in document["not_checked"]}
    assert unchecked["WRK02"].startswith("recording: workload.jsonl is not a recording")
