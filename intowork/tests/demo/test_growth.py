"""The last step of the journey: our statements on a database and on another of a different size."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import psycopg
import pytest

from intowork.demo.journey import Plan, _grow, bring_to, cases_of, settle
from intowork.operations.migrate import HEAD
from intowork.seed import Scale, load
from pgproof.server import Server


@contextlib.contextmanager
def stage(title: str) -> Iterator[Callable[[str, int, int], None]]:
    yield lambda what, done, total: None


def rows(url: str) -> dict[str, int]:
    counts = {}
    with psycopg.connect(url) as connection:
        for table in ("users", "jobs", "job_applications"):
            row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
            assert row is not None
            counts[table] = row[0]
    return counts


def rows_of(jobs: int) -> dict[str, int]:
    return {"users": Scale.of_jobs(jobs).users, "jobs": jobs, "job_applications": jobs * 10}


@pytest.mark.parametrize(("jobs", "grows_to", "other"), [(300, 1500, 1500), (1500, None, 150)])
def test_our_statements_are_compared_on_a_smaller_and_a_larger_database(
    embedded_server: Server, jobs: int, grows_to: int | None, other: int
) -> None:
    plan = Plan(
        "tiny",
        Scale.of_jobs(jobs),
        rate=50.0,
        calls=1,
        grows_to=None if grows_to is None else Scale.of_jobs(grows_to),
    )
    with embedded_server.scratch_database() as head, contextlib.ExitStack() as stack:
        stack.callback(embedded_server.drop_database, "grown")
        bring_to(head, HEAD)
        load(head, plan.scale, faults=False)
        settle(head)
        cases = cases_of(head)
        growth, on_head = _grow(embedded_server, plan, cases, head, stage)
        assert rows(head) == rows_of(jobs)
        assert rows(embedded_server.url("grown")) == rows_of(other)
    ours = {(case.suite, case.name) for case in cases if case.ours}
    compared = [(each.case.suite, each.case.name) for each in growth]
    assert compared
    assert len(compared) == len(set(compared))
    assert set(compared) <= ours
    for each in growth:
        assert on_head[each.case.name] == (each.tenth if grows_to is not None else each.whole)
    # The larger database is the one where the same statements look at more.
    assert sum(each.whole.buffers for each in growth) > sum(each.tenth.buffers for each in growth)
