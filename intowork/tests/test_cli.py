"""The command as a user runs it: exit codes, one line for what went wrong, nothing half done."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from intowork.seed import Scale, load
from pgproof.server import Server, running_server


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    return subprocess.run(
        (sys.executable, "-m", "intowork", *arguments),
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def only_line(ran: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in ran.stderr.splitlines() if line and not line.startswith("backup first:")]
    assert len(lines) == 1, ran.stderr
    assert lines[0].startswith("error: ")
    assert "Traceback" not in ran.stdout
    return lines[0]


def tables(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        assert row is not None
        return int(row[0])


Ran = subprocess.CompletedProcess[str]


def copy_of(server: Server, url: str) -> contextlib.AbstractContextManager[str]:
    return server.scratch_database(template=str(psycopg.conninfo.conninfo_to_dict(url)["dbname"]))


@pytest.fixture(scope="module")
def head(embedded_server: Server) -> Iterator[str]:
    """A database that `intowork migrate` brought to head."""
    with embedded_server.scratch_database() as url:
        ran = run("migrate", DATABASE_URL=url)
        assert ran.returncode == 0, ran.stderr
        yield url


@pytest.fixture
def head_of_its_own(embedded_server: Server, head: str) -> Iterator[str]:
    """A copy of it that a test may change."""
    with copy_of(embedded_server, head) as url:
        yield url


@pytest.fixture(scope="module")
def migrated(embedded_server: Server) -> Iterator[tuple[str, Ran]]:
    """A database that `intowork migrate` brought to the analysed revision, and what it said."""
    with embedded_server.scratch_database() as url:
        yield url, run("migrate", "--to", "g7b1c5d4e3f2", DATABASE_URL=url)


@pytest.fixture
def analysed(embedded_server: Server, migrated: tuple[str, Ran]) -> Iterator[str]:
    """A copy of it that a test may change."""
    with copy_of(embedded_server, migrated[0]) as url:
        yield url


def test_migrate_names_the_backup_first_and_says_where_the_database_is(migrated: tuple[str, Ran]) -> None:
    _, ran = migrated
    assert ran.returncode == 0
    assert ran.stderr.splitlines()[0].startswith("backup first: pg_dump --format=custom")
    assert ran.stdout == "the database is at g7b1c5d4e3f2\n"


def test_rolling_back_is_one_command(head_of_its_own: str) -> None:
    ran = run("migrate", "--down-to", "g7b1c5d4e3f2", DATABASE_URL=head_of_its_own)
    assert ran.returncode == 0
    assert ran.stdout == "the database is at g7b1c5d4e3f2\n"


def test_an_unknown_revision_is_one_line(embedded_database: str) -> None:
    ran = run("migrate", "--to", "nonsense", DATABASE_URL=embedded_database)
    assert ran.returncode == 3
    assert "no revision 'nonsense'" in only_line(ran)
    assert tables(embedded_database) == 0


def test_a_server_that_is_not_there_is_one_line() -> None:
    ran = run("migrate", DATABASE_URL="postgresql://postgres@127.0.0.1:1/nowhere")
    assert ran.returncode == 3
    assert "no server listens there" in only_line(ran)


def test_a_wrong_password_is_one_line_without_the_password() -> None:
    with running_server(tcp=True, settings={"fsync": "off"}) as server:
        wrong = server.url().replace("postgres:", "postgres:not-the-", 1)
        ran = run("seed", DATABASE_URL=wrong)
    assert ran.returncode == 3
    assert "the password or user is wrong" in only_line(ran)
    assert "not-the-" not in ran.stderr + ran.stdout


def test_a_missing_database_url_is_one_line() -> None:
    ran = run("check")
    assert ran.returncode == 3
    assert "DATABASE_URL is not set" in only_line(ran)


def test_an_unknown_command_is_wrong_usage() -> None:
    assert run("improve").returncode == 2


@pytest.mark.parametrize("command", ["seed", "demo"])
def test_seed_and_demo_refuse_a_remote_host(command: str) -> None:
    ran = run(command, DATABASE_URL="postgresql://app:secret@db.example.org/intowork")
    assert ran.returncode == 3
    assert "never runs on production" in only_line(ran)
    assert "secret" not in ran.stderr


@pytest.mark.parametrize("command", ["seed", "demo"])
def test_seed_and_demo_refuse_the_environment_production(command: str, head: str) -> None:
    ran = run(command, DATABASE_URL=head, ENVIRONMENT="production")
    assert ran.returncode == 3
    assert "never runs on production" in only_line(ran)


def test_seed_refuses_a_database_that_holds_rows(head_of_its_own: str) -> None:
    with psycopg.connect(head_of_its_own) as connection:
        connection.execute("INSERT INTO companies (name) VALUES ('Analytical Engines')")
    ran = run("seed", DATABASE_URL=head_of_its_own)
    assert ran.returncode == 3
    assert "--replace" in only_line(ran)
    with psycopg.connect(head_of_its_own) as connection:
        assert connection.execute("SELECT name FROM companies").fetchall() == [("Analytical Engines",)]


def test_seed_refuses_a_database_without_tables(embedded_database: str) -> None:
    ran = run("seed", DATABASE_URL=embedded_database)
    assert ran.returncode == 3
    assert "intowork migrate" in only_line(ran)


def test_production_is_not_migrated_without_a_backup(embedded_database: str, tmp_path: Path) -> None:
    production = {"DATABASE_URL": embedded_database, "ENVIRONMENT": "production", "BACKUP_DIRECTORY": str(tmp_path)}
    (tmp_path / "empty.dump").touch()
    ran = run("migrate", **production)
    assert ran.returncode == 3
    assert "without a backup of the last 24 hours" in only_line(ran)
    assert tables(embedded_database) == 0


@pytest.mark.parametrize("how", ["--backup-taken", "a fresh dump"])
def test_production_is_migrated_with_a_backup(how: str, embedded_database: str, tmp_path: Path) -> None:
    production = {"DATABASE_URL": embedded_database, "ENVIRONMENT": "production", "BACKUP_DIRECTORY": str(tmp_path)}
    if how == "--backup-taken":
        ran = run("migrate", how, **production)
    else:
        (tmp_path / "intowork.dump").write_bytes(b"PGDMP and the rest of an archive")
        ran = run("migrate", **production)
    assert ran.returncode == 0, ran.stderr


def test_a_dump_of_yesterday_is_not_a_fresh_backup(embedded_database: str, tmp_path: Path) -> None:
    dump = tmp_path / "intowork.dump"
    dump.write_bytes(b"PGDMP and the rest of an archive")
    os.utime(dump, (dump.stat().st_atime, dump.stat().st_mtime - 25 * 3600))
    ran = run("migrate", DATABASE_URL=embedded_database, ENVIRONMENT="production", BACKUP_DIRECTORY=str(tmp_path))
    assert ran.returncode == 3


def test_check_is_content_with_head(head: str) -> None:
    ran = run("check", DATABASE_URL=head)
    assert ran.returncode == 0, ran.stdout
    assert all(line.startswith("ok") for line in ran.stdout.splitlines())
    assert len(ran.stdout.splitlines()) == 4


def test_check_finds_an_old_revision_and_its_missing_indexes(analysed: str) -> None:
    ran = run("check", DATABASE_URL=analysed)
    assert ran.returncode == 1
    assert "WRONG  revision: at g7b1c5d4e3f2" in ran.stdout
    assert "unique_candidate_job_application is missing" in ran.stdout


def test_check_finds_a_pool_that_is_larger_than_the_server_allows(head: str) -> None:
    ran = run("check", DATABASE_URL=head, POOL_SIZE="200", WEB_PROCESSES="4")
    assert ran.returncode == 1
    assert "WRONG  connections: (200 + 10) connections x 4 processes are 840" in ran.stdout


def test_the_performance_test_refuses_an_empty_table(head: str) -> None:
    ran = run("performance-test", DATABASE_URL=head)
    assert ran.returncode == 3
    assert "would measure the empty table jobs" in only_line(ran)


def test_cleanup_says_what_it_deleted(head: str) -> None:
    with psycopg.connect(head) as connection:
        connection.execute(
            "INSERT INTO verification_tokens (identifier, token, expires) VALUES ('a@example.org', 't', '2020-01-01')"
        )
    ran = run("cleanup", DATABASE_URL=head)
    assert ran.returncode == 0
    assert "1 rows in" in ran.stdout


@pytest.mark.parametrize("command", ["migrate", "seed", "cleanup", "performance-test", "check", "demo"])
def test_every_command_and_option_is_explained(command: str) -> None:
    ran = run(command, "--help", COLUMNS="200")
    assert ran.returncode == 0
    assert "Usage" in ran.stdout
    options = [line for line in ran.stdout.splitlines() if "--" in line and "│" in line]
    assert options
    assert all(len(line.strip("│ ").split("  ")) > 1 for line in options)


def test_an_interrupted_migration_goes_on_when_run_again(analysed: str) -> None:
    with psycopg.connect(analysed) as holder:
        # Reading keeps the constraint out, for which the migration then asks again and again.
        holder.execute("LOCK TABLE accounts IN ACCESS SHARE MODE")
        migration = subprocess.Popen(
            (sys.executable, "-m", "intowork", "migrate"),
            env={**os.environ, "DATABASE_URL": analysed},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert migration.stderr is not None
        for line in migration.stderr:
            if "add constraint unique_user_provider_account" in line:
                break
        migration.send_signal(signal.SIGINT)
        _, told = migration.communicate(timeout=60)
    assert migration.returncode == 130, told
    assert "Traceback" not in told
    ran = run("migrate", DATABASE_URL=analysed)
    assert ran.returncode == 0, ran.stderr
    assert run("check", DATABASE_URL=analysed).returncode == 0


def test_the_performance_test_writes_its_documents(head_of_its_own: str, tmp_path: Path) -> None:
    load(head_of_its_own, Scale.of_jobs(500), faults=False)
    report = tmp_path / "report"
    ran = run(
        "performance-test", "--iterations", "1", "--concurrency", "5", "--against", head_of_its_own,
        "--output", str(report), "--format", "json", DATABASE_URL=head_of_its_own,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == json.loads((report / "performance.json").read_text())
    assert json.loads(ran.stdout)["concurrency"]["requests"] > 0
    assert {path.suffix for path in report.iterdir()} == {".json", ".md", ".svg"}
