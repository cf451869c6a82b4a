"""Each of the fifteen indexes is used, and some statement touches more blocks when it alone is gone."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from intowork.demo.journey import bring_to, cases_of, settle
from intowork.operations.migrate import HEAD
from intowork.performance.necessity import Necessity, critical_indexes, necessities
from intowork.seed import Scale, load
from pgproof.proof.measuring import open_session
from pgproof.server import Server


@pytest.fixture(scope="module")
def head(embedded_server: Server) -> Iterator[str]:
    with embedded_server.scratch_database() as url:
        bring_to(url, HEAD)
        load(url, Scale.of_jobs(4000), faults=False)
        settle(url)
        yield url


@pytest.fixture(scope="module")
def found(head: str) -> dict[str, Necessity]:
    with open_session(head, "test") as session:
        return {each.index: each for each in necessities(session, cases_of(head))}


@pytest.mark.parametrize("index", critical_indexes())
def test_a_statement_uses_the_index_and_touches_more_blocks_without_it(found: dict[str, Necessity], index: str) -> None:
    necessity = found[index]
    assert necessity.scans > 0
    assert necessity.absent.buffers > necessity.present.buffers * 1.1


def test_the_experiment_leaves_every_index_in_place(found: dict[str, Necessity], head: str) -> None:
    with psycopg.connect(head) as connection:
        left = {name for (name,) in connection.execute("SELECT indexname FROM pg_indexes").fetchall()}
    assert set(found) == set(critical_indexes()) <= left


def test_none_of_the_fifteen_is_the_prefix_of_another_index(head: str) -> None:
    with psycopg.connect(head) as connection:
        pairs = connection.execute(
            "SELECT a.indexrelid::regclass::text, b.indexrelid::regclass::text FROM pg_index a JOIN pg_index b "
            "ON a.indrelid = b.indrelid AND a.indexrelid <> b.indexrelid "
            "AND a.indkey::text <> '0' AND b.indkey::text || ' ' LIKE a.indkey::text || ' %%' "
            "AND 0 <> ALL (a.indkey::int2[]) AND pg_get_expr(a.indpred, a.indrelid) IS NOT DISTINCT FROM "
            "pg_get_expr(b.indpred, b.indrelid) "
            "WHERE a.indexrelid::regclass::text = ANY (%s)",
            (list(critical_indexes()),),
        ).fetchall()
    assert pairs == []
