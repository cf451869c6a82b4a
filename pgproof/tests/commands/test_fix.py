"""`pgproof fix`: what it writes, what it leaves to people, and what it refuses in a line."""

from __future__ import annotations

import json
import stat
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

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
    assert "down_revision: Union[str, Sequence[str], None] = 'a1'" in text
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
