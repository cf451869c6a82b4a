"""`pgproof report`: its folder, its exit codes, and that it reads what an audit reads."""

from __future__ import annotations

import json
import re
import signal
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from pgproof.facts.source import parse_source
from pgproof.proving.document import (
    DataDocument,
    Document,
    OperationDocument,
    RoundTripDocument,
    ScratchDocument,
    to_json,
)

from .conftest import Run
from .processes import DEADLINE, SLOW_SCHEMA, held_catalog, started, wait_for_catalog, wait_for_question

FILES = {
    *("analysis.md", "summary.txt", "checklist.md", "report.html", "findings.json", "findings.sarif"),
    *("engine_config.py", "performance_test.py"),
}
TIMES = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::[\d.]+Z?)?)?|\"(?:facts|rules)\": [\d.e-]+")


def texts(folder: Path) -> dict[str, str]:
    """The files without their times."""
    return {file.name: TIMES.sub("TIME", file.read_text(encoding="utf-8")) for file in folder.iterdir()}


def test_it_writes_eight_files_into_a_folder_of_its_own(run: Run, bad_database: str, tmp_path: Path) -> None:
    ran = run("report", bad_database, "--output", tmp_path / "dossier")
    assert (ran.code, ran.out) == (0, "")
    assert {Path(name).name for name in re.findall(r"wrote (.*)", ran.err)} == FILES
    assert {file.name for file in (tmp_path / "dossier").iterdir()} == FILES
    assert stat.S_IMODE((tmp_path / "dossier").stat().st_mode) == 0o700
    assert "public.enrolments may hold the same" in (tmp_path / "dossier" / "summary.txt").read_text()


def test_a_folder_that_is_there_keeps_what_else_is_in_it(run: Run, bad_database: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "summary.txt").write_text("of yesterday")
    assert run("report", bad_database, "--output", tmp_path).code == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert "DATABASE ANALYSIS" in (tmp_path / "summary.txt").read_text()
    assert stat.S_IMODE((tmp_path / "summary.txt").stat().st_mode) == 0o600
    assert {file.name for file in tmp_path.iterdir()} == {*FILES, "notes.txt"}


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("file", r"pgproof: --output file is a file: name a folder"),
        ("no/where", r"pgproof: --output no/where: there is no folder no: make it, or choose another"),
    ],
)
def test_a_folder_that_cannot_be_is_wrong_usage(name: str, line: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    # Nobody is asked: there is no server there.
    ran = run("report", "postgresql://127.0.0.1:1/shop", "--output", name)
    assert (ran.code, ran.out, ran.err) == (2, "", f"{line}\n")
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_a_server_that_is_not_there_leaves_no_folder(run: Run, tmp_path: Path) -> None:
    ran = run("report", "postgresql://127.0.0.1:1/shop", "--output", tmp_path / "dossier")
    assert (ran.code, ran.out) == (3, "")
    assert len(ran.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_report_of_a_snapshot_is_the_one_of_the_server(run: Run, bad_database: str, tmp_path: Path) -> None:
    file, live, offline = (tmp_path / name for name in ("facts.json", "live", "offline"))
    assert run("snapshot", bad_database, "--output", file).code == 0
    for source, folder in ((bad_database, live), (file, offline)):
        assert run("report", source, "-q", "--output", folder).code == 0
    first, second = texts(live), texts(offline)
    assert set(first) == FILES
    for name in FILES:
        # The server's counters went on between the two.
        assert _without_counters(first[name]) == _without_counters(second[name]), name


def _without_counters(text: str) -> str:
    return re.sub(r"\d[\d.,]*", "N", text)


def test_the_options_of_an_audit_pass_through(run: Run, bad_database: str, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(
        "from sqlalchemy import Column, Integer, MetaData, Table\n"
        "metadata = MetaData()\nTable('courses', metadata, Column('id', Integer, primary_key=True))\n"
    )
    given = ("--models", "shop:metadata", "--processes", "7", "--select", "INT01,INT21,INT22", "--schema", "public")
    ran = run("report", bad_database, "--output", tmp_path / "dossier", *given)
    assert ran.code == 0
    document = json.loads((tmp_path / "dossier" / "findings.json").read_text())
    assert document["inputs"]["options"] == {
        **document["inputs"]["options"],
        "models": "shop:metadata",
        "processes": "7",
        "select": "INT01, INT21, INT22",
        "schema": "public",
    }
    assert {each["rule"] for each in document["findings"]} <= {"INT01", "INT21", "INT22"}
    assert "INT21" not in {each["rule"] for each in document["not_checked"]}
    assert '"WEB_CONCURRENCY", "7"' in (tmp_path / "dossier" / "engine_config.py").read_text()
    assert "staging" not in (tmp_path / "dossier" / "analysis.md").read_text()


def test_a_baseline_tells_what_was_mended(run: Run, bad_database: str, tmp_path: Path) -> None:
    assert run("baseline", bad_database, "--output", tmp_path / "known.json").code == 0
    known = json.loads((tmp_path / "known.json").read_text())
    (one, *_) = [each for each in known["findings"] if each["rule"] == "INT01"]
    known["findings"].append({**one, "fingerprint": "0" * 64, "message": "this one is gone"})
    (tmp_path / "known.json").write_text(json.dumps(known))
    given = ("--baseline", tmp_path / "known.json")
    assert run("report", bad_database, "--output", tmp_path / "dossier", *given).code == 0
    assert "[x] **INT01** this one is gone" in (tmp_path / "dossier" / "checklist.md").read_text()


@pytest.mark.parametrize("when", ["catalog", "questions"])
def test_an_interrupt_leaves_no_file(when: str, embedded_database: str, tmp_path: Path) -> None:
    given = ("report", embedded_database, "--question-timeout", "60s", "--output", str(tmp_path / "dossier"))
    if when == "questions":
        with psycopg.connect(embedded_database, autocommit=True) as connection:
            connection.execute(SLOW_SCHEMA)
        with started(*given) as process:
            try:
                wait_for_question(process, embedded_database)
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=DEADLINE)
            finally:
                process.kill()
    else:
        with held_catalog(embedded_database) as holder, started(*given) as process:
            try:
                wait_for_catalog(process, holder)
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=DEADLINE)
            finally:
                process.kill()
    assert (process.returncode, out, err) == (130, "", "pgproof: interrupted\n")
    assert list(tmp_path.iterdir()) == []


ENV = """
from alembic import context
from sqlalchemy import create_engine

with create_engine(context.config.get_main_option("sqlalchemy.url")).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
REVISION = """
from alembic import op

revision, down_revision, branch_labels, depends_on = "b1", None, None, None


def upgrade():
    with op.get_context().autocommit_block():
        op.create_index("mine", "enrolments", ["course_id"], postgresql_concurrently=True)


def downgrade():
    op.drop_index("mine")
"""


def test_a_proof_shows_what_mends_each_finding(run: Run, bad_database: str, tmp_path: Path) -> None:
    versions = tmp_path / "migrations" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = migrations\nsqlalchemy.url = postgresql://\n")
    (tmp_path / "migrations" / "env.py").write_text(ENV)
    (versions / "b1.py").write_text(REVISION)
    index = OperationDocument("create index public.mine on public.enrolments", 0.07, 8192, (), "integrity", "a key")
    proof = Document(
        version=1,
        taken_at=datetime.now(UTC),
        source=str(parse_source(bad_database)),
        scratch=ScratchDocument("18.6"),
        data=DataDocument("copy", 1, 100, "every row", ()),
        revisions=("b1",),
        round_trip=RoundTripDocument(True, True, (0.1, 0.1, 0.1)),
        from_empty=None,
        kills=(),
        kills_left_out=None,
        operations=(index,),
        statements=(),
        not_measured=(),
        writes=(),
        traffic=None,
        scans=(),
        demonstrations=(),
        problems=(),
        stopped=None,
        stages=(),
        verdict="holds",
    )
    given = ("report", bad_database, "--alembic", "alembic.ini", "--output", "dossier")
    # By its script, which can be read.
    assert (run(*given).code, status_of_index(tmp_path)) == (0, "in migration")
    proving = (*given, "--proof", "proof.json")
    (tmp_path / "proof.json").write_text(to_json(proof))
    ran = run(*proving)
    assert (ran.code, status_of_index(tmp_path)) == (0, "proven")
    assert "the proof" not in ran.err.lower()
    (tmp_path / "proof.json").write_text(to_json(replace(proof, verdict="fails", source="database shop at x")))
    ran = run(*proving)
    assert (ran.code, status_of_index(tmp_path)) == (0, "in migration")
    assert "pgproof: The proof FAILS: b1 of database shop at x" in ran.err
    assert "pgproof: the proof is of database shop at x, and this report of" in ran.err


def status_of_index(folder: Path) -> str:
    """The one status that is not open: of the foreign key without an index."""
    text = (folder / "dossier" / "report.html").read_text()
    (found,) = re.findall(r"foreign-key-without-index, [^<]*?, (proven|in migration), fingerprint", text)
    return str(found)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (None, r"pgproof: --proof proof.json cannot be read: No such file or directory"),
        (b"", r"is no proof of this version of pgproof \(Invalid JSON: EOF.*\): write it with pgproof prove"),
        (b"\xff\xfe{", r"is no proof of this version of pgproof \(Invalid JSON.*\)"),
        (b'{"version": 2}', r"is no proof of this version of pgproof \(version: Input should be 1\)"),
        (b'{"version": 1}', r"is no proof of this version of pgproof \(taken_at: Field required\)"),
    ],
)
def test_a_file_that_holds_no_proof_is_wrong_usage(text: bytes | None, line: str, run: Run, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "proof.json").write_bytes(text)
    # Nobody is asked: there is no server there.
    ran = run("report", "postgresql://127.0.0.1:1/shop", "--output", "dossier", "--proof", "proof.json")
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1)
    assert re.search(line, ran.err)
    assert not (tmp_path / "dossier").exists()
