from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from intowork.performance import measuring
from intowork.performance.command import performance_test
from intowork.performance.concurrency import run_users
from intowork.performance.draws import SIZE, draw
from intowork.performance.report import PerformanceReport, Target
from intowork.performance.runner import run
from intowork.performance.suites import SEARCH, TABLES, Case, suites
from pgproof.errors import PgproofError
from pgproof.proof.measuring import open_session
from pgproof.server import Server


@pytest.fixture
def copy(server: Server, loaded: str) -> Iterator[str]:
    """A copy of `loaded` that a test may change."""
    with server.scratch_database(template=make_url(loaded).database) as url:
        yield url


@dataclass(frozen=True)
class OneRun:
    """One run of the whole test against the same database, and what it left behind."""

    report: PerformanceReport
    output: Path
    steps: list[tuple[str, int, int]]


@pytest.fixture(scope="session")
def tested(loaded: str, tmp_path_factory: pytest.TempPathFactory) -> OneRun:
    output = tmp_path_factory.mktemp("a place") / "of its own"
    steps: list[tuple[str, int, int]] = []
    report = performance_test(
        loaded,
        against=loaded,
        iterations=1,
        concurrency=None,
        output=output,
        progress=lambda *step: steps.append(step),
    )
    return OneRun(report, output, steps)


@pytest.fixture
def report(tested: OneRun) -> PerformanceReport:
    return tested.report


def cases_of(url: str) -> tuple[Case, ...]:
    with open_session(url, "test") as session:
        return suites(draw(session, 42))


def test_every_suite_is_measured_on_both_databases(report: PerformanceReport) -> None:
    assert {case.suite for case in report.cases} == {suite for suite, _ in TABLES}
    for case in report.cases:
        for here, there in ((case.ours, case.ours_against), (case.analysed, case.analysed_against)):
            assert (here is None) == (there is None)
            for sample in (here, there):
                assert sample is None or (0 < sample.median_ms <= sample.p95_ms and sample.buffers > 0)


def test_search_has_only_the_analysed_statement_and_counts_as_missed(report: PerformanceReport) -> None:
    (search,) = (case for case in report.cases if case.suite == SEARCH)
    assert search.ours is None
    assert search.analysed is not None
    assert search.target is Target.MISSED


def test_every_speed_that_the_summary_claims_has_a_case(report: PerformanceReport) -> None:
    claims = {case.name: (case.claim.before_ms, case.claim.after_ms) for case in report.cases if case.claim is not None}
    assert claims == {
        "newest first": (500, 10),
        "by place": (200, 5),
        "by contract": (200, 5),
        "my applications": (150, 20),
        "employer's dashboard": (500, 50),
    }


def test_the_report_says_what_was_measured(report: PerformanceReport, loaded: str) -> None:
    assert report.database.name == make_url(loaded).database
    assert report.database.rows_of("jobs") == 2000
    assert report.database.revision is None
    assert report.broken_rules == ()
    assert (report.draws, report.iterations) == (SIZE, 1)


def test_the_two_sides_of_a_case_have_as_many_draws(loaded: str) -> None:
    for case in cases_of(loaded):
        assert len(case.analysed) in (0, len(case.ours) or SIZE)
    assert len({(case.suite, case.name) for case in cases_of(loaded)}) == len(cases_of(loaded))


@pytest.mark.parametrize(
    ("table", "suite"),
    [("companies", "Job list filtering"), ("notifications", "Every page"), ("sessions", "Every page")],
)
def test_a_suite_on_an_empty_table_fails_and_says_which(copy: str, table: str, suite: str) -> None:
    with psycopg.connect(copy) as connection:
        connection.execute(f"ALTER TABLE {table} RENAME TO {table}_full".encode())
        connection.execute(f"CREATE TABLE {table} (LIKE {table}_full)".encode())
    with pytest.raises(PgproofError, match=rf'^Suite "{suite}" would measure the empty table {table}, .*intowork seed'):
        run(copy)


def test_a_database_without_the_platforms_tables_is_refused(database: str) -> None:
    with pytest.raises(PgproofError, match="no table jobs to measure; run intowork migrate first"):
        run(database)


def test_a_statement_that_only_a_missing_index_makes_cheap_is_not_run(
    loaded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (case,) = (case for case in cases_of(loaded) if case.name == "employer's dashboard")
    monkeypatch.setattr(measuring, "HIGHEST_COST", 1.0)
    result = measuring.time_case(case, loaded, None, iterations=1, warmup=0, analysed=True)
    assert result.ours is None
    assert result.analysed is not None
    assert result.target is Target.MISSED


def test_a_request_of_several_statements_keeps_their_parameters_apart(loaded: str) -> None:
    (case,) = (case for case in cases_of(loaded) if case.name == "an employer's jobs by status")
    sent = measuring.rendered(case.analysed[0])
    assert len(sent.sql) == 2
    assert all(f"%({name})s" in "".join(sent.sql) for name in sent.parameters)
    with psycopg.connect(loaded) as connection:
        count = connection.execute(sent.sql[0].encode(), sent.parameters).fetchone()
        page = connection.execute(sent.sql[1].encode(), sent.parameters).fetchall()
    assert count is not None
    assert len(page) == min(10, count[0])


def test_more_users_than_connections_wait_their_turn_and_all_are_answered(loaded: str) -> None:
    result = run_users(loaded, cases_of(loaded), users=40, seconds=60, requests=120)
    assert (result.requests, result.errors) == (120, ())
    assert 0 < result.p50_ms <= result.p95_ms <= result.max_ms
    assert result.throughput > 0
    assert result.pool.checkouts == 120
    assert result.pool.waits > 0
    assert (result.pool.checked_out, result.pool.waiting) == (0, 0)


def test_nobody_is_not_a_number_of_users(loaded: str) -> None:
    with pytest.raises(PgproofError, match="give --concurrency at least 1"):
        run_users(loaded, cases_of(loaded), users=0)


def test_the_command_writes_three_documents_of_one_report(tested: OneRun) -> None:
    names = sorted(path.name for path in tested.output.iterdir())
    assert names == ["performance.json", "performance.md", "performance.svg"]
    assert len(json.loads((tested.output / "performance.json").read_text())["cases"]) == len(tested.report.cases)


def test_progress_is_told_before_each_case_and_at_the_end(tested: OneRun) -> None:
    number = len(tested.report.cases)
    assert [(done, total) for _, done, total in tested.steps] == [(done, number) for done in range(number + 1)]


def test_an_output_that_cannot_be_written_stops_before_the_measurement(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PgproofError, match="give --output another"):
        performance_test(
            "postgresql://nobody@/nowhere?host=/nowhere",
            against=None,
            iterations=1,
            concurrency=None,
            output=tmp_path / "file",
            progress=lambda *step: None,
        )


def test_the_analysed_statements_can_be_left_out(loaded: str) -> None:
    (case,) = (case for case in cases_of(loaded) if case.name == "employer's dashboard")
    result = measuring.time_case(case, loaded, None, iterations=2, warmup=0, analysed=False)
    assert result.analysed is None
    assert result.ours is not None
    assert result.calls == 2 * SIZE
