"""`pgproof fix`: what it writes, what it leaves to people, and what it refuses in a line."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from pgproof.proof.timing import Sample
from pgproof.proving import document
from pgproof.proving.verdicts import Word
from pgproof.server import Server

from ..migration.projects import (  # noqa: TID252 - the folder above is in no package with a name
    catalog,
    downgrade,
    make_project,
    rows,
    upgrade,
)
from .conftest import Ran, Run

SCHEMA = """
    CREATE TABLE people (id int PRIMARY KEY);
    CREATE TABLE jobs (id int PRIMARY KEY);
    CREATE TABLE applications (
        id int PRIMARY KEY, person int NOT NULL REFERENCES people, job int NOT NULL REFERENCES jobs
    );
    CREATE INDEX again ON people (id);
    INSERT INTO people SELECT n FROM generate_series(1, 200) AS n;
    INSERT INTO jobs SELECT n FROM generate_series(1, 200) AS n;
    INSERT INTO applications SELECT n, n, n FROM generate_series(1, 200) AS n;
    INSERT INTO applications VALUES (201, 1, 1);
    CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
    INSERT INTO alembic_version VALUES ('a1');
    ANALYZE;
"""
SELECTED = ("--select", "INT01,IDX01,IDX02")


@pytest.fixture
def database(embedded_server: Server) -> Iterator[str]:
    with embedded_server.scratch_database() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SCHEMA)
        yield url


def revisions(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "alembic/versions").glob("*.py") if path.name != "a1_base.py")


def line(ran: Ran) -> str:
    """The only line on standard error that is not the warning about superusers."""
    (said,) = [each for each in ran.err.splitlines() if "is a superuser" not in each]
    return said


def test_it_writes_two_revisions_that_mend_what_was_found(run: Run, database: str, tmp_path: Path) -> None:
    make_project(tmp_path, ini="file_template = %%(year)d_%%(slug)s\n")
    before = catalog(database), rows(database)
    ran = run("fix", database, "--alembic", "alembic.ini", *SELECTED, "--message", "Mend the applications")
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[-1] == "4 steps mend 4 findings; 0 are left to people."
    additions, drops = revisions(tmp_path)
    assert (additions.name[4:], drops.name[4:]) == ("_mend_the_applications.py", "_mend_the_applications_drops.py")
    text = additions.read_text()
    assert "INT01 association-without-unique (critical): public.applications may hold the same" in text
    assert re.search(r"^down_revision: Union\[str, .*None\] = 'a1'$", text, re.MULTILINE)
    assert catalog(database) == before[0]
    upgrade(tmp_path, database)
    again = run("fix", database, "--alembic", "alembic.ini", *SELECTED)
    assert (again.code, again.out.splitlines()[-1]) == (0, "Nothing to mend.")
    assert len(revisions(tmp_path)) == 2
    downgrade(tmp_path, database)
    assert (catalog(database), rows(database)) == before


def test_what_is_left_to_people_makes_it_end_with_1(run: Run, database: str, tmp_path: Path) -> None:
    make_project(tmp_path)
    ran = run("fix", database, "--alembic", "alembic.ini", "--select", "IDX02,CFG03")
    assert ran.code == 1
    assert "SET statement_timeout = '30s';" in ran.out
    assert "a setting belongs to one database of one server" in ran.out
    assert len(revisions(tmp_path)) == 1


def test_a_dry_run_writes_nothing_but_decisions(run: Run, database: str, tmp_path: Path) -> None:
    make_project(tmp_path)
    decisions = tmp_path / "decisions.toml"
    ran = run("fix", database, "--alembic", "alembic.ini", *SELECTED, "--dry-run", "--decisions", "decisions.toml")
    assert (ran.code, revisions(tmp_path)) == (0, [])
    (entry,) = tomllib.loads(decisions.read_text())["duplicates"]
    assert entry == {
        "schema": "public",
        "table": "applications",
        "same": ["person", "job"],
        "keep": ["id"],
        "descending": [],
    }
    decisions.write_text(decisions.read_text().replace("descending = []", 'descending = ["id"]'))
    ran = run("fix", database, "--alembic", "alembic.ini", *SELECTED, "--decisions", "decisions.toml")
    assert ran.code == 0, ran.err
    upgrade(tmp_path, database)
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT id FROM applications WHERE job = 1").fetchall() == [(201,)]


def test_a_decision_about_nothing_is_refused(run: Run, database: str, tmp_path: Path) -> None:
    make_project(tmp_path)
    entry = {"schema": "public", "table": "jobs", "same": ["id"], "keep": ["id"]}
    (tmp_path / "d.json").write_text(json.dumps({"duplicates": [entry]}), encoding="utf-8")
    ran = run("fix", database, "--alembic", "alembic.ini", *SELECTED, "--decisions", "d.json")
    assert ran.code == 2
    assert "the decision duplicates 1 (public.jobs: id) is about nothing that is planned" in line(ran)
    assert revisions(tmp_path) == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DROP TABLE alembic_version", 'the database has no table "alembic_version"'),
        ("UPDATE alembic_version SET version_num = 'zz'", "the database is at zz, which alembic.ini does not have"),
    ],
)
def test_a_database_that_is_not_at_the_head_is_refused_in_a_line(
    run: Run, database: str, tmp_path: Path, statement: str, said: str
) -> None:
    make_project(tmp_path)
    with psycopg.connect(database) as connection:
        connection.execute(statement.encode())
    ran = run("fix", database, "--alembic", "alembic.ini", "--select", "IDX02")
    assert ran.code == 3
    assert said in line(ran)
    assert revisions(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give --alembic alembic.ini for a revision, --sql FILE for plain SQL, or --dry-run"),
        (("--sql", "x.sql", "--message", 'a"b'), "--message is a line"),
        (("--sql", "x.sql", "--patch", "x.patch"), "give --models package.module:Base"),
        (("--sql", "no/x.sql"), "--sql no/x.sql names no file in a folder that is there"),
        (("--sql", "x.sql", "--decisions", "none.toml"), "none.toml cannot be read: No such file"),
    ],
)
def test_wrong_usage_is_told_in_a_line(run: Run, database: str, arguments: tuple[str, ...], said: str) -> None:
    ran = run("fix", database, "--select", "IDX02", *arguments)
    assert ran.code == 2
    assert said in line(ran)


def test_plain_sql_goes_forward_and_back_by_psql(
    run: Run, embedded_server: Server, database: str, tmp_path: Path
) -> None:
    before = catalog(database), rows(database)
    ran = run("fix", database, *SELECTED, "--sql", "mend.sql")
    assert ran.code == 0, ran.err
    files = [tmp_path / "mend.sql", tmp_path / "mend.reverse.sql"]
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]
    program = embedded_server.binaries.directory / "psql"
    for file in files:
        subprocess.run([program, "-q", "--no-psqlrc", "-d", database, "-f", file], check=True, capture_output=True)
        changed = before[0].difference(catalog(database))
        assert bool(changed) == (file is files[0])
    assert rows(database) == before[1]


def test_a_snapshot_is_enough(run: Run, database: str, tmp_path: Path) -> None:
    make_project(tmp_path)
    assert run("snapshot", database, "--output", "s.json").code == 0
    ran = run("fix", tmp_path / "s.json", "--alembic", "alembic.ini", *SELECTED)
    assert (ran.code, len(revisions(tmp_path))) == (0, 2)
    assert "Note: a snapshot does not say at which revision its database is: make sure that it is the head" in ran.out


def proof(*verdicts: tuple[str, Word, str], measured: bool = True) -> str:
    """A proof.json with verdicts, and a statement that was measured."""
    sample = Sample(1.0, 1.0, 1.0)
    statement = document.StatementDocument("s", "SELECT 1", 1, 1, sample, sample, 1.0, 0.1, "", "")
    return document.to_json(
        document.Document(
            version=1,
            taken_at=datetime(2026, 1, 1, tzinfo=UTC),
            source="shop",
            scratch=document.ScratchDocument("18.0"),
            data=document.DataDocument("synthetic", 1.0, 1, "rows", ()),
            revisions=("b1",),
            round_trip=document.RoundTripDocument(catalog_equal=True, rows_equal=True, seconds=()),
            from_empty=None,
            kills=(),
            kills_left_out=None,
            operations=tuple(document.OperationDocument(name, 0.1, 1, (), word, why) for name, word, why in verdicts),
            statements=(statement,) if measured else (),
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
    )


AGAIN = "drop index public.again on public.people"
FOR_JOBS = "create index public.idx_applications_job on public.applications"


def test_a_proof_leaves_out_what_has_no_effect_unless_people_keep_it(run: Run, database: str, tmp_path: Path) -> None:
    make_project(tmp_path)
    text = proof((FOR_JOBS, "no-effect", "nobody reads it"), (AGAIN, "harms", "slower \x1b[31m without it"))
    (tmp_path / "proof.json").write_text(text, encoding="utf-8")
    fixing = ("fix", database, "--alembic", "alembic.ini", *SELECTED, "--proof", "proof.json")
    ran = run(*fixing, "--dry-run", "--decisions", "decisions.toml")
    assert ran.code == 1
    assert f"left out, as the proof says of it: no-effect, nobody reads it ({FOR_JOBS})" in ran.out
    assert "\x1b" not in ran.out
    assert ran.out.splitlines()[-1].startswith("2 steps mend ")
    text = (tmp_path / "decisions.toml").read_text()
    no_effect, harms = tomllib.loads(text)["left_out"]
    assert no_effect == {"operation": FOR_JOBS, "verdict": "no-effect", "why": "nobody reads it", "keep": False}
    assert harms["operation"] == AGAIN
    (tmp_path / "decisions.toml").write_text(text.replace("keep = false", "keep = true", 1), encoding="utf-8")
    ran = run(*fixing, "--decisions", "decisions.toml")
    assert (ran.code, len(revisions(tmp_path))) == (1, 1)
    assert 'INDEX CONCURRENTLY "idx_applications_job"' in ran.out
    ran = run(*fixing[:-2], "--decisions", "decisions.toml")
    assert ran.code == 2
    assert f"--decisions: the decision left_out 1 ({FOR_JOBS}) is about nothing that the proof leaves out" in line(ran)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "proof.json is no proof of this version of pgproof (Invalid JSON: "),
        ('{"version": 2}', "proof.json is no proof of this version of pgproof (version: Input should be 1)"),
        (proof(), "the proof has no verdict on any operation: prove the revision to its end first"),
    ],
)
def test_a_file_that_is_no_proof_is_refused_in_a_line(
    run: Run, database: str, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "proof.json").write_text(text, encoding="utf-8")
    ran = run("fix", database, "--dry-run", "--select", "IDX02", "--proof", "proof.json")
    assert ran.code == 2
    assert said in ran.err.splitlines()[-1]
    assert "Traceback" not in ran.err


def test_a_proof_that_measured_nothing_says_nothing_against_an_index(run: Run, database: str, tmp_path: Path) -> None:
    (tmp_path / "proof.json").write_text(proof((FOR_JOBS, "no-effect", "none seen"), measured=False), encoding="utf-8")
    ran = run("fix", database, "--dry-run", *SELECTED, "--proof", "proof.json")
    assert (ran.code, "Note: proof.json measured no statement" in ran.out) == (0, True)


ENDED = """
    CREATE TABLE kinds (kind varchar(9) PRIMARY KEY, n bigint UNIQUE);
    CREATE TABLE sessions (
        id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, expires_at timestamptz, seen timestamp, data json,
        kind varchar(5) REFERENCES kinds, label varchar(5) DEFAULT 'x', n int REFERENCES kinds (n)
    );
    INSERT INTO kinds VALUES ('a', 1);
    INSERT INTO sessions (expires_at, data, kind, n)
        SELECT now() - n % 40 * interval '2 days', '{"a": 1}', 'a', 1 FROM generate_series(1, 2400) AS n;
    ANALYZE;
"""
ENDED_MODELS = """
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Session(Base):
    __tablename__ = "sessions"
    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str | None] = mapped_column(String(40))
"""


def test_types_change_where_it_is_safe_and_ended_rows_move_where_people_say_so(
    run: Run, database: str, tmp_path: Path
) -> None:
    make_project(tmp_path)
    (tmp_path / "shop.py").write_text(ENDED_MODELS, encoding="utf-8")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(ENDED)
    before = catalog(database), rows(database)
    selected = ("--select", "OPS01,TYP02,TYP03,INT07,INT18", "--models", "shop:Base", "--decisions", "d.toml")
    ran = run("fix", database, "--alembic", "alembic.ini", *selected, "--dry-run")
    assert ran.code == 1
    assert ran.out.splitlines()[-1] == "3 steps mend 3 findings; 3 are left to people."
    assert "only people know which zone the values are of" in ran.out
    decisions = tomllib.loads((tmp_path / "d.toml").read_text())
    (ended,), (json_column,) = decisions["expired"], decisions["types"]
    assert ended == {"schema": "public", "table": "sessions", "column": "expires_at", "days": 30, "move": False}
    assert (json_column["column"], json_column["type"], json_column["change"]) == ("data", "jsonb", False)
    text = (tmp_path / "d.toml").read_text().replace("move = false", "move = true").replace("= 30", "= 50")
    (tmp_path / "d.toml").write_text(text.replace("change = false", "change = true"), encoding="utf-8")
    ran = run("fix", database, "--alembic", "alembic.ini", *selected)
    assert (ran.code, ran.out.splitlines()[-1]) == (1, "5 steps mend 5 findings; 1 are left to people.")
    upgrade(tmp_path, database)
    with psycopg.connect(database) as connection:
        types = connection.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'sessions'::regclass"
            " AND attname IN ('data', 'kind', 'label', 'n') ORDER BY attname"
        ).fetchall()
        known = connection.execute(
            "SELECT count(*) FROM pg_stats WHERE tablename = 'sessions' AND attname IN ('kind', 'label', 'n')"
        ).fetchone()
        moved = connection.execute(
            "SELECT count(*), max(expires_at) < now() - interval '50 days' FROM"
            " quarantine.public_sessions_expired_expires_at"
        ).fetchone()
    assert [kind for _, kind in types] == ["jsonb", "character varying(9)", "character varying(40)", "bigint"]
    assert (moved, known) == ((15 * 60, True), (3,))
    downgrade(tmp_path, database)
    assert (catalog(database), rows(database)) == before
