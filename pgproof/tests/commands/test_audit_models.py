"""`pgproof audit --models`: what the models add, and what is said where they cannot be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgproof.server import Server

from .conftest import Ran, Run

MODELS = """\
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

class Base(DeclarativeBase):
    pass

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    posts: Mapped[list["Post"]] = relationship(cascade="all, delete-orphan", passive_deletes=True)

class Post(Base):
    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
"""
RULES = ("--select", "INT03,INT10,IDX01")


@pytest.fixture(scope="module")
def blog(embedded_server: Server) -> Iterator[str]:
    """The URL of a database that is not as its models say."""
    with embedded_server.scratch_database() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE users (id int PRIMARY KEY, email text NOT NULL)")
        connection.execute("CREATE TABLE posts (id int PRIMARY KEY, user_id int NOT NULL REFERENCES users)")
        connection.execute("INSERT INTO users VALUES (1, 'a'), (2, 'a')")
        yield url


def found(ran: Ran) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(ran.out)
    return document


def test_findings_name_the_line_of_the_models(run: Run, blog: str, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(MODELS)
    ran = run("audit", blog, "--models", "shop:Base", *RULES, "--format", "json", "-q")
    assert ran.err == ""
    locations = {each["rule"]: each["location"] for each in found(ran)["findings"]}
    assert locations == {
        "INT03": {"file": "shop.py", "line": 10},
        "INT10": {"file": "shop.py", "line": 11},
        "IDX01": None,
    }
    unique = next(each for each in found(ran)["findings"] if each["rule"] == "INT03")
    assert "1 of 2 rows are surplus already" in unique["consequence"]


def test_a_snapshot_holds_the_models(run: Run, blog: str, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(MODELS)
    file = tmp_path / "facts.json"
    assert run("snapshot", blog, "--models", "shop:Base", "--output", file).code == 0
    (tmp_path / "shop.py").unlink()
    live = run("audit", file, *RULES, "--format", "json", "-q")
    assert {each["rule"] for each in found(live)["findings"]} == {"INT03", "INT10", "IDX01"}


def test_without_models_their_rules_are_listed_as_not_checked(run: Run, blog: str) -> None:
    ran = run("audit", blog, *RULES, "--format", "json", "-q")
    assert {each["rule"] for each in found(ran)["findings"]} == {"IDX01"}
    assert {each["rule"]: each["needs"] for each in found(ran)["not_checked"]} == dict.fromkeys(
        ("INT03", "INT10"), "the SQLAlchemy models: --models package.module:Base"
    )


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("", "models: --models shop:Base: shop has no Base"),
        ("import os\nos.environ['SHOP_URL']\n", "models: --models: importing shop failed (shop.py line 2): KeyError"),
        ("import sys\nsys.exit(3)\n", "models: --models: importing shop failed (shop.py line 2): SystemExit: 3"),
        ("import os\nos._exit(3)\n", "models: shop:Base ended the process that read it (code 3)"),
        (
            "import psycopg\npsycopg.connect('host=127.0.0.1 dbname=production')\n",
            "models: --models: importing shop opens a connection (shop.py line 2): ",
        ),
    ],
    ids=["no such name", "a setting", "ends itself", "kills itself", "connects"],
)
def test_models_that_cannot_be_read_are_one_line_and_the_rest_runs(
    run: Run, blog: str, tmp_path: Path, source: str, line: str
) -> None:
    (tmp_path / "shop.py").write_text(source)
    ran = run("audit", blog, "--models", "shop:Base", *RULES, "--format", "json")
    told = [each for each in ran.err.splitlines() if "models: " in each]
    assert len(told) == 1
    assert line in told[0]
    assert "Traceback" not in ran.err
    assert {each["rule"] for each in found(ran)["findings"]} == {"IDX01"}
    needs = {each["rule"]: each["needs"] for each in found(ran)["not_checked"]}
    assert set(needs) == {"INT03", "INT10"}
    assert all(line in each for each in needs.values())
