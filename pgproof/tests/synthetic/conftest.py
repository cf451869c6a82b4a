"""A database that is hard to make up, on every server, and a second server of the same version for its copies."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from pgproof.facts.catalog import QualifiedName
from pgproof.facts.collect import collect_answers
from pgproof.facts.model import Facts
from pgproof.facts.questions import Answer, Compare, Disagreements, Duplicates, Orphans, Question, RowsWhere
from pgproof.facts.read import read_facts
from pgproof.server import Server, running_server

VISITS, TASKS, POSTS = (QualifiedName("public", name) for name in ("visits", "tasks", "posts"))
QUESTIONS: tuple[Question, ...] = (
    Duplicates(VISITS, ("staff_id", "place_id")),
    Orphans(VISITS, ("gone_id",), TASKS, ("id",)),
    RowsWhere(VISITS, Compare("low", ">", other_column="high")),
    Duplicates(POSTS, ("slug",), lower=("slug",)),
    Orphans(POSTS, ("author_id",), QualifiedName("public", "staff"), ("id",)),
    Disagreements(POSTS, "department_id", "author_id", QualifiedName("public", "staff"), "id", "department_id"),
)


@dataclass(frozen=True)
class Source:
    """A database to copy, with what is known of it."""

    url: str
    facts: Facts


@pytest.fixture(scope="session")
def scratch(server: Server) -> Iterator[Server]:
    with running_server(binaries=server.binaries.source, settings={"fsync": "off"}) as other:
        yield other


@pytest.fixture(scope="session")
def traps(server: Server) -> Iterator[Source]:
    name = "synthetic_traps"
    url = server.create_database(name)
    run_script(server, url, Path(__file__).with_name("traps.sql"))
    yield Source(url, facts_with_answers(url))
    server.drop_database(name)


def run_script(server: Server, url: str, script: Path) -> None:
    psql = server.binaries.directory / "psql"
    subprocess.run([psql, "-qX", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", script], check=True, capture_output=True)


def facts_with_answers(url: str) -> Facts:
    with psycopg.connect(url, autocommit=True) as connection:
        facts = read_facts(connection)
        return facts.with_answers(collect_answers(connection, facts, QUESTIONS))


def counted(answer: Answer) -> tuple[int, int | None]:
    assert answer.counts is not None, answer.refused
    return answer.counts.rows, answer.counts.surplus_rows
