"""`pgproof audit --alembic`: findings with file and line, and what could not be read beside what could."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgproof.server import Server

from .conftest import Ran, Run

_SCRIPT = """import sqlalchemy as sa
from alembic import op

revision = {name!r}
down_revision = {after!r}


def upgrade():
    {up}


def downgrade():
    raise NotImplementedError
"""


@pytest.fixture
def shop(embedded_server: Server) -> Iterator[str]:
    """A database with orders, at revision a1 of its chain."""
    with embedded_server.scratch_database() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE orders (id int PRIMARY KEY, note text);"
            "INSERT INTO orders SELECT n, 'x' FROM generate_series(1, 2000) n;"
            "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);"
            "INSERT INTO alembic_version VALUES ('a1'); ANALYZE"
        )
        yield url


def project(folder: Path, *ups: str) -> None:
    """A chain a1, a2 ... of what the upgrades do, in a folder."""
    versions = folder / "alembic/versions"
    versions.mkdir(parents=True)
    (folder / "alembic.ini").write_text("[alembic]\nscript_location = alembic\n", encoding="utf-8")
    for number, up in enumerate(ups, 1):
        after = f"a{number - 1}" if number > 1 else None
        (versions / f"{number}.py").write_text(_SCRIPT.format(name=f"a{number}", after=after, up=up), encoding="utf-8")


def found(ran: Ran) -> dict[str, Any]:
    """The document on standard output."""
    document: dict[str, Any] = json.loads(ran.out)
    return document


_BUILD = 'op.create_index("ix_note", "orders", ["note"])'
_DROP = 'op.drop_column("orders", "note")'
_ASKS = 'op.get_bind().scalar(sa.text("SELECT 1"))'


def test_a_revision_to_come_and_one_that_was_applied(run: Run, shop: str, tmp_path: Path) -> None:
    project(tmp_path, _BUILD, _BUILD.replace("ix_note", "ix_again"))
    ran = run("audit", shop, "--alembic", "alembic.ini", "--select", "MIG03", "--format", "json")
    coming, history = found(ran)["findings"]
    assert coming["message"].startswith("Revision a2 (pending) builds ix_again on public.orders (about 2,000 rows)")
    assert coming["location"] == {"file": "alembic/versions/2.py", "line": 9}
    assert coming["objects"] == [
        {"kind": "revision", "schema": None, "name": "a2", "table": None, "columns": [], "label": None}
    ]
    assert (coming["severity"], history["severity"]) == ("medium", "low")
    assert history["message"].startswith("1 applied revision built")
    assert found(ran)["not_checked"] == []


def test_without_the_option_the_rules_are_listed_as_not_checked(run: Run, shop: str) -> None:
    ran = run("audit", shop, "--select", "migrations", "--format", "json")
    needed = {each["needs"] for each in found(ran)["not_checked"]}
    assert needed == {"the Alembic scripts: --alembic alembic.ini"}


def test_a_folder_that_cannot_be_read_is_one_line_and_the_audit_goes_on(run: Run, shop: str, tmp_path: Path) -> None:
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = nowhere\n", encoding="utf-8")
    ran = run("audit", shop, "--alembic", "alembic.ini", "--select", "MIG03,INT22", "--format", "json")
    line = next(line for line in ran.err.splitlines() if "migrations: " in line)
    assert "--alembic alembic.ini: Path doesn't exist" in line
    (unchecked,) = found(ran)["not_checked"]
    assert unchecked["rule"] == "MIG03"
    assert unchecked["needs"] in line


def test_a_revision_that_asks_the_database_is_listed_with_its_line(run: Run, shop: str, tmp_path: Path) -> None:
    project(tmp_path, "pass", _ASKS, _BUILD)
    ran = run("audit", shop, "--alembic", "alembic.ini", "--select", "MIG03", "--format", "json")
    assert [each["objects"][0]["name"] for each in found(ran)["findings"]] == ["a3"]
    (unchecked,) = found(ran)["not_checked"]
    assert unchecked["needs"] == (
        "a run of upgrade() on a scratch database: at alembic/versions/2.py:9 it reads the answer to SELECT 1"
    )


def test_history_that_asked_the_database_is_not_missed(run: Run, shop: str, tmp_path: Path) -> None:
    project(tmp_path, _ASKS)
    assert (
        found(run("audit", shop, "--alembic", "alembic.ini", "--select", "MIG03,MIG04", "--format", "json"))[
            "not_checked"
        ]
        == []
    )


def test_a_drop_says_what_would_show_whether_it_is_used(run: Run, shop: str, tmp_path: Path) -> None:
    project(tmp_path, "pass", _DROP)
    arguments = ("audit", shop, "--alembic", "alembic.ini", "--select", "MIG14", "--format", "json")
    (unchecked,) = found(run(*arguments))["not_checked"]
    assert "--models" in unchecked["needs"]
    (tmp_path / "app.py").write_text(
        "from sqlalchemy.orm import *\nclass Base(DeclarativeBase): pass\nclass Order(Base):\n"
        "    __tablename__ = 'orders'\n    id: Mapped[int] = mapped_column(primary_key=True)\n    note: Mapped[str]\n",
        encoding="utf-8",
    )
    ran = run(*arguments, "--models", "app:Base")
    (finding,) = found(ran)["findings"]
    assert finding["message"] == ("Revision a2 (pending) drops public.orders.note, which is still used by the models")
    assert {"app.py:6", "ALTER TABLE orders DROP COLUMN note"} <= {each["statement"] for each in finding["evidence"]}
    assert found(ran)["not_checked"] == []


def test_files_that_are_no_revisions_are_listed(run: Run, shop: str, tmp_path: Path) -> None:
    project(tmp_path, "pass")
    (tmp_path / "alembic/versions/notes.py").write_text("x = 1\n", encoding="utf-8")
    ran = run("audit", shop, "--alembic", "alembic.ini", "--select", "MIG01", "--format", "json")
    assert "alembic/versions/notes.py is no revision" in found(ran)["not_checked"][0]["needs"]


def test_a_version_table_that_may_not_be_read_makes_nothing_history(run: Run, shop: str, tmp_path: Path) -> None:
    project(tmp_path, _BUILD)
    ran = run("audit", shop, "--alembic", "alembic.ini", "--select", "MIG03", "--data", "none", "--format", "json")
    (finding,) = found(ran)["findings"]
    assert finding["message"].startswith("Revision a1 builds ix_note")
    assert finding["severity"] == "medium"


def test_a_snapshot_carries_which_revisions_were_applied(run: Run, shop: str, tmp_path: Path) -> None:
    project(tmp_path, _BUILD)
    assert run("snapshot", shop, "--alembic", "alembic.ini", "--output", tmp_path / "facts.json").code == 0
    for path in sorted((tmp_path / "alembic").rglob("*.py")):
        path.unlink()
    ran = run("audit", tmp_path / "facts.json", "--select", "MIG03", "--format", "json")
    (finding,) = found(ran)["findings"]
    assert finding["message"].startswith("1 applied revision")


def test_another_schema_alone_says_nothing_of_what_is_applied(run: Run, shop: str, tmp_path: Path) -> None:
    with psycopg.connect(shop, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA side; CREATE TABLE side.t (id int PRIMARY KEY, a int)")
    project(tmp_path, 'op.create_index("i", "t", ["a"], schema="side")')
    ran = run("audit", shop, "--alembic", "alembic.ini", "--select", "MIG03", "--schema", "side", "--format", "json")
    (finding,) = found(ran)["findings"]
    assert finding["message"].startswith("Revision a1 builds i on side.t")


def test_a_limit_that_env_sets_is_seen(run: Run, shop: str, tmp_path: Path) -> None:
    project(tmp_path, "pass", _DROP)
    arguments = ("audit", shop, "--alembic", "alembic.ini", "--select", "MIG07", "--format", "json")
    (finding,) = found(run(*arguments))["findings"]
    assert finding["location"] == {"file": "alembic/env.py", "line": 1}
    (tmp_path / "alembic/env.py").write_text("connection.execute('SET lock_timeout = 2000')\n", encoding="utf-8")
    assert found(run(*arguments))["findings"] == []


def test_a_limit_of_the_server_that_is_hidden_is_not_guessed(run: Run, shop: str, tmp_path: Path) -> None:
    project(tmp_path, "pass", _DROP)
    with psycopg.connect(shop, autocommit=True) as connection:
        name = f"limited_{connection.info.dbname}"
        connection.execute(f"CREATE ROLE {name} LOGIN; ALTER ROLE {name} SET lock_timeout = '1s'".encode())
        try:
            reader = shop.replace("postgres@", f"{name}@", 1)
            ran = run("audit", reader, "--alembic", "alembic.ini", "--select", "MIG07", "--format", "json")
        finally:
            connection.execute(f"DROP ROLE {name}".encode())
    assert found(ran)["findings"] == []
    assert "lock_timeout" in " ".join(each["needs"] for each in found(ran)["not_checked"])
