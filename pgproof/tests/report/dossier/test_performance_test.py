"""performance_test.py as it is written: a process on a real server, on the statements that server kept."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from pgproof.audit import AuditOptions, examine
from pgproof.commands.report import write_report
from pgproof.facts.read import read_facts
from pgproof.rules.discovery import all_rules
from pgproof.server import Server

from .conftest import ORDINARY, TODAY, Case, exercise, gathered, prepared, reported

STATE = """
    SELECT (SELECT pg_snapshot_xmax(pg_current_snapshot())::text), (SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)
    FROM pg_stat_user_tables), (SELECT array_agg(relname ORDER BY relname) FROM pg_class)
"""


@dataclass(frozen=True)
class Timed:
    """A report on a server that is still there."""

    url: str
    folder: Path


@pytest.fixture(scope="module")
def timed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Timed]:
    with prepared(server, ORDINARY) as url:
        exercise(url)
        folder = tmp_path_factory.mktemp("timed")
        audit = examine(gathered(url), all_rules(), AuditOptions(today=TODAY))
        assert len(list(write_report(reported(audit), folder))) == 8
        yield Timed(url, folder)


def run(folder: Path, *arguments: str, url: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return subprocess.run(
        [sys.executable, "-W", "error", "performance_test.py", *arguments],
        cwd=folder,
        check=False,
        env=environment | ({"DATABASE_URL": url} if url else {}),
        capture_output=True,
        text=True,
    )


def statements(folder: Path) -> list[tuple[str, list[str | int]]]:
    tree = ast.parse((folder / "performance_test.py").read_text())
    (found,) = [each.value for each in tree.body if isinstance(each, ast.Assign) and "STATEMENTS" in ast.dump(each)]
    return [(query, values) for query, values in ast.literal_eval(found)]


def test_it_times_the_statements_whose_values_are_known_and_repeats_the_checks(timed: Timed) -> None:
    ran = run(timed.folder, "--iterations", "3", "--json", "measured.json", url=timed.url)
    assert (ran.returncode, ran.stderr) == (0, "")
    measured = json.loads((timed.folder / "measured.json").read_text())
    by_query = {each["query"]: each for each in measured["statements"]}
    searched = next(query for query in by_query if "code = $1" in query)
    assert by_query[searched]["median_ms"] <= by_query[searched]["p95_ms"]
    assert by_query[searched]["blocks"] > 0
    assert not [each for each in measured["statements"] if "failed" in each]
    (duplicates,) = [each for each in measured["checks"] if each["rule"] == "INT01"]
    assert "surplus_rows 2" in duplicates["now"]
    assert "2 surplus rows" in duplicates["was"]
    for each in measured["statements"]:
        assert " ".join(each["query"].split())[:90] in ran.stdout
    for each in measured["checks"]:
        assert f"now {each['now']} (was: {each['was']})" in ran.stdout


def test_no_statement_that_writes_is_in_it_nor_one_whose_values_cannot_be_known(timed: Timed) -> None:
    queries = [query for query, _ in statements(timed.folder)]
    assert any("enrolments" in query for query in queries)
    assert not [query for query in queries if re.search("INSERT|UPDATE|id > ", query)]
    assert "left out: their values cannot be known" in (timed.folder / "performance_test.py").read_text()


def test_it_writes_nothing(timed: Timed) -> None:
    with psycopg.connect(timed.url, autocommit=True) as connection:

        def state() -> object:
            connection.execute("SELECT pg_stat_force_next_flush()")
            return connection.execute(STATE).fetchone()

        before = state()
        assert run(timed.folder, "--iterations", "2", url=timed.url).returncode == 0
        assert state() == before


def test_what_it_asks_is_no_workload_of_the_application(timed: Timed) -> None:
    with psycopg.connect(timed.url, autocommit=True) as connection:
        # Whoever sends a statement first gives it its text, so that only what this run sends may be there.
        connection.execute("SELECT pg_stat_statements_reset()")
        assert run(timed.folder, "--iterations", "2", url=timed.url).returncode == 0
        sent = connection.execute(
            "SELECT count(*) FROM pg_stat_statements WHERE query ~ 'enrolments|courses'"
        ).fetchone()
        assert sent is not None
        assert sent[0] > 3
        seen = [each.query for each in read_facts(connection).server.statements or ()]
    assert not [query for query in seen if "enrolments" in query or "courses" in query]


def test_an_address_of_sqlalchemy_will_do(timed: Timed) -> None:
    url = timed.url.replace("postgresql://", "postgresql+asyncpg://")
    ran = run(timed.folder, "--iterations", "1", "--url", url)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "INT01 public.enrolments" in ran.stdout


def with_more(timed: Timed, folder: Path, more: list[tuple[str, list[str]]]) -> None:
    """Write the file with statements before its own."""
    source = (timed.folder / "performance_test.py").read_text()
    (folder / "performance_test.py").write_text(source.replace("STATEMENTS = [", f"STATEMENTS = [*{more!r}, ", 1))


def test_a_statement_that_fails_is_said_and_the_rest_runs(timed: Timed, tmp_path: Path) -> None:
    with_more(timed, tmp_path, [("SELECT * FROM gone", []), ("SELECT $1::int", ["SELECT 1 WHERE false"])])
    ran = run(tmp_path, "--iterations", "1", url=timed.url)
    assert ran.returncode == 0
    assert 'not timed, relation "gone" does not exist: SELECT * FROM gone' in ran.stdout
    assert "not timed, a column it needs values of is empty: SELECT $1::int" in ran.stdout
    assert "INT01 public.enrolments" in ran.stdout


def test_a_statement_that_would_write_is_refused_by_the_server(timed: Timed, tmp_path: Path) -> None:
    with_more(timed, tmp_path, [("DELETE FROM loads", [])])
    ran = run(tmp_path, "--iterations", "1", url=timed.url)
    assert "not timed, cannot execute DELETE in a read-only transaction" in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--url", "postgresql://127.0.0.1:1/shop"), "performance_test: connection"),
        (("--url", "service=unheard"), "performance_test: "),
        ((), "usage: performance_test.py"),
    ],
)
def test_a_server_that_is_not_there_is_one_line(arguments: tuple[str, ...], line: str, ordinary: Case) -> None:
    ran = run(ordinary.folder, *arguments)
    assert ran.returncode in (1, 2)
    assert ran.stderr.startswith(line)
    assert "Traceback" not in ran.stderr
    assert len(ran.stderr.splitlines()) == 1 or not arguments


@pytest.mark.parametrize("name", ["empty", "many"])
def test_without_statements_it_says_so_and_runs(name: str, cases: dict[str, Case], embedded_database: str) -> None:
    case = cases[name]
    assert "No statement is timed" in case.text("performance_test.py")
    ran = run(case.folder, url=embedded_database)
    assert (ran.returncode, ran.stderr) == (0, "")
