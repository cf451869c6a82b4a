"""`pgproof prove` as people run it: formats, exit codes, bad input, and an interrupt."""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from pgproof.server import Server

from .conftest import Run
from .processes import DEADLINE, started

_SCRIPT = """import time
from pathlib import Path
from alembic import op

revision, down_revision = {name!r}, {after!r}


def upgrade():
    {up}


def downgrade():
    {down}
"""
_ENV = """from alembic import context
from sqlalchemy import create_engine

with create_engine(context.config.get_main_option("sqlalchemy.url")).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""


@pytest.fixture
def shop(embedded_server: Server) -> Iterator[str]:
    """A database with a few orders, at revision a1 of its chain."""
    with embedded_server.scratch_database() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE orders (id int PRIMARY KEY, note text);"
            "INSERT INTO orders SELECT n, 'x' FROM generate_series(1, 200) n;"
            "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);"
            "INSERT INTO alembic_version VALUES ('a1'); ANALYZE"
        )
        yield url


def project(folder: Path, up: str, down: str) -> None:
    """A chain of two revisions, of which the second does what is given."""
    versions = folder / "alembic/versions"
    versions.mkdir(parents=True)
    (folder / "alembic.ini").write_text(
        "[alembic]\nscript_location = alembic\nsqlalchemy.url = postgresql+psycopg://db.example/shop\n"
    )
    (folder / "alembic/env.py").write_text(_ENV)
    first = "op.execute('CREATE TABLE orders (id int PRIMARY KEY, note text)')"
    (versions / "a1.py").write_text(_SCRIPT.format(name="a1", after=None, up=first, down="pass"))
    (versions / "a2.py").write_text(_SCRIPT.format(name="a2", after="a1", up=up, down=down))


def test_a_proof_that_fails_says_why_and_exits_with_1(run: Run, shop: str, tmp_path: Path) -> None:
    project(tmp_path, "op.execute('ALTER TABLE orders ADD COLUMN paid bool')", "pass")
    ran = run("prove", shop, "--alembic", "alembic.ini", "--data", "copy")
    assert ran.code == 1
    assert "The migration does not hold: a2" in ran.out
    assert "1. no-op downgrade (MIG08)" in ran.out
    assert ran.err == ""
    assert not list(tmp_path.glob("**/__pycache__"))


def test_rows_that_are_made_keep_what_those_of_the_source_keep(run: Run, shop: str, tmp_path: Path) -> None:
    with psycopg.connect(shop, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE jobs (id int PRIMARY KEY, salary_min int, salary_max int);"
            "INSERT INTO jobs SELECT n, n % 97, n % 97 + n % 11 FROM generate_series(1, 2000) n; ANALYZE jobs"
        )
    checked = "ALTER TABLE jobs ADD CONSTRAINT ordered CHECK (salary_min <= salary_max)"
    project(tmp_path, f"op.execute('{checked}')", "op.execute('ALTER TABLE jobs DROP CONSTRAINT ordered')")
    ran = run("prove", shop, "--alembic", "alembic.ini", "--scale", "1", "--format", "json")
    document = json.loads(ran.out)
    assert (document["verdict"], document["problems"]) == ("holds", [])
    with psycopg.connect(shop, autocommit=True) as connection:
        connection.execute("UPDATE jobs SET salary_max = -1 WHERE id = 7; ANALYZE jobs")
    ran = run("prove", shop, "--alembic", "alembic.ini", "--scale", "1", "--format", "json")
    document = json.loads(ran.out)
    assert (ran.code, document["verdict"]) == (1, "fails")
    assert "ordered" in document["problems"][0]["what"]


def test_a_proof_as_json_in_a_file_of_its_owner(run: Run, shop: str, tmp_path: Path) -> None:
    project(tmp_path, "op.execute('CREATE INDEX orders_note ON orders (note)')", "op.execute('DROP INDEX orders_note')")
    (tmp_path / "shop_pool.py").write_text(
        "from sqlalchemy import create_engine\nengine = create_engine('postgresql+psycopg://shop@127.0.0.1:1/shop')\n"
    )
    engine = ("--engine", "shop_pool:engine", "--processes", "5")
    ran = run("prove", shop, "--alembic", "alembic.ini", *engine, "--format", "json", "--output", "proof.json")
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    file = tmp_path / "proof.json"
    assert file.stat().st_mode & 0o777 == 0o600
    document = json.loads(file.read_text())
    assert (document["version"], document["verdict"], document["revisions"]) == (1, "holds", ["a2"])
    (pool,) = document["demonstrations"]
    assert (pool["rule"], pool["mended_by"]) == ("CFG01", "engine_config.py")
    audited = run(
        "audit", shop, "--alembic", "alembic.ini", "--proof", "proof.json", "--select", "MIG", "--format", "json"
    )
    told = json.loads(audited.out)
    assert "MIG03" in {each["rule"] for each in told["findings"]}
    assert told["not_checked"] == []
    (tmp_path / "alembic/versions/a2.py").rename(tmp_path / "a2.py")
    foreign = run("audit", shop, "--alembic", "alembic.ini", "--proof", "proof.json", "--select", "MIG13")
    line = "experiments: proof.json proves a2, which the chain does not have: give this project's proof"
    assert f"pgproof: {line}\n" in foreign.err
    assert foreign.out.count("which the chain does not have") == 1
    damaged = tmp_path / "damaged.json"
    damaged.write_text("{")
    for name, said in (("nowhere.json", "No such file"), ("damaged.json", "is not JSON")):
        refused = run("audit", shop, "--alembic", "alembic.ini", "--proof", name, "--select", "MIG")
        assert (refused.code, refused.out, said in refused.err) == (2, "", True)
        assert refused.err.count("\n") == 1
    assert "postgres@" not in document["source"]
    assert (document["data"]["mode"], document["data"]["scale"], document["data"]["rows"]) == ("synthetic", 10, 2001)


def test_a_branch_is_proven_for_a_comment(run: Run, shop: str, tmp_path: Path) -> None:
    project(tmp_path, "op.execute('ALTER TABLE orders ADD COLUMN paid bool')", "op.drop_column('orders', 'paid')")
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org", "-c", "init.defaultBranch=main")
    for arguments in (("init",), ("add", "."), ("commit", "-m", "shop")):
        subprocess.run(("git", *who, *arguments), cwd=tmp_path, check=True, capture_output=True)
    third = _SCRIPT.format(name="a3", after="a2", up="op.execute('CREATE INDEX p ON orders (paid)')", down="pass")
    (tmp_path / "alembic/versions/a3.py").write_text(third)
    options = ("--alembic", "alembic.ini", "--data", "copy", "--changed", "main", "--format", "markdown")
    ran = run("prove", shop, *options)
    assert ran.code == 1
    assert ran.out.startswith("## The migration does not hold: a3\n")
    assert "**no-op downgrade** (MIG08): the downgrade leaves everything that the upgrade made: index" in ran.out
    assert "Up, down, up: catalog **not equal**, rows equal" in ran.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give --alembic alembic.ini"),
        (("--alembic", "alembic.ini", "--data", "copy", "--scale", "3"), "leave out --scale"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], said: str, run: Run, shop: str) -> None:
    ran = run("prove", shop, *arguments)
    assert ran.code == 2
    assert said in ran.err


def test_a_chain_that_is_not_there(run: Run, shop: str) -> None:
    ran = run("prove", shop, "--alembic", "alembic.ini")
    assert ran.code == 3
    assert "there is no such file" in ran.err


def test_an_interrupt_removes_everything(shop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = tmp_path / "here"
    project(tmp_path, f"Path({str(marker)!r}).write_text('x'); time.sleep(600)", "pass")
    monkeypatch.chdir(tmp_path)
    with tempfile.TemporaryDirectory(prefix="pgt") as short:
        monkeypatch.setenv("TMPDIR", short)
        with started("prove", shop, "--alembic", "alembic.ini", "--data", "copy") as process:
            try:
                until = time.monotonic() + DEADLINE
                while not marker.exists():
                    assert time.monotonic() < until
                    assert process.poll() is None, process.communicate()
                    time.sleep(0.05)
                inside = psutil.Process(process.pid).children(recursive=True)
                assert any(each.name() == "postgres" for each in inside)
                process.send_signal(signal.SIGINT)
                _, err = process.communicate(timeout=DEADLINE)
            finally:
                process.kill()
        assert (process.returncode, err) == (130, "pgproof: interrupted\n")
        assert psutil.wait_procs(inside, timeout=10)[1] == []
        # The folder that servers of one user share stays, with what makes starting the next one quick.
        assert [each.name for each in Path(short).iterdir() if not each.name.startswith("pgproof-")] == []
        assert not list(Path(short).glob("pgproof-*/run-*"))
