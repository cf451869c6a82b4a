"""A copy stands for its source where the planner takes the same ways through both."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import NullPool, create_engine

from intowork.operations.migrate import HEAD, PHASE_2, upgrade
from intowork.performance.draws import draw
from intowork.performance.measuring import rendered
from intowork.performance.suites import suites
from intowork.seed.load import load
from intowork.seed.scales import Scale
from pgproof.audit import gather
from pgproof.facts.collect import CollectOptions
from pgproof.facts.model import Facts
from pgproof.facts.read import read_facts
from pgproof.proof.scratch import scratch_copy
from pgproof.rules.checking import check
from pgproof.rules.discovery import all_rules
from pgproof.server import Server, running_server
from pgproof.synthetic.representative import Compared, Representation, representative

JOBS = 1_000


@pytest.fixture(scope="module")
def other_server() -> Iterator[Server]:
    with running_server(settings={"fsync": "off"}) as server:
        yield server


def workload(url: str) -> tuple[str, ...]:
    """Each statement of the platform's and the analysed platform's once, as pg_stat_statements keeps it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements; SELECT pg_stat_statements_reset()")
        for case in suites(draw(connection, 42)):
            for request in (*case.ours[:1], *case.analysed[:1]):
                made = rendered(request)
                for statement in made.sql[:3]:
                    connection.execute(statement.encode(), made.parameters)
        rows = connection.execute(
            "SELECT query FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid"
            " WHERE d.datname = current_database() AND query ~* '^\\s*(SELECT|WITH)' AND query !~ 'pg_|generate_series'"
        ).fetchall()
    return tuple(query for (query,) in rows)


@pytest.mark.parametrize("revision", [PHASE_2, HEAD])
def test_nine_tenths_of_the_platforms_statements_are_planned_alike(
    other_server: Server, embedded_database: str, revision: str
) -> None:
    url = embedded_database
    upgrade(create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1), poolclass=NullPool), revision)
    load(url, Scale.of_jobs(JOBS))
    statements = workload(url)
    found = compared_with_copy(url, other_server, statements)
    assert len(statements) > 60
    assert sum(one.refused is not None for one in found.compared) == 0
    assert found.share >= 0.9, found.rest


def compared_with_copy(url: str, scratch: Server, statements: tuple[str, ...]) -> Representation:
    with (
        scratch_copy(url, scratch, "synthetic") as made,
        psycopg.connect(url, autocommit=True) as source,
        psycopg.connect(made.url, autocommit=True) as copy,
    ):
        return representative((source, read_facts(source)), (copy, read_facts(copy)), statements)


SOURCE = """
    CREATE TABLE t (id serial PRIMARY KEY, kind int, note text);
    INSERT INTO t (kind, note) SELECT n % 100, 'note' FROM generate_series(1, 10000) n;
    CREATE INDEX t_kind ON t (kind); ANALYZE t
"""
COPIES = {
    "the same": (SOURCE, None),
    "the same index by another name": (SOURCE.replace("t_kind", "another"), None),
    "no index": (SOURCE.replace("CREATE INDEX t_kind ON t (kind);", ""), "Seq Scan of public.t instead of"),
    "other rows": (SOURCE.replace("n % 100", "n % 30"), "a node expects 333 rows instead of 100"),
}


@pytest.mark.parametrize("called", COPIES)
def test_a_difference_is_named(embedded_server: Server, embedded_database: str, called: str) -> None:
    script, differs = COPIES[called]
    with embedded_server.scratch_database() as other:
        with (
            psycopg.connect(embedded_database, autocommit=True) as source,
            psycopg.connect(other, autocommit=True) as copy,
        ):
            source.execute(SOURCE.encode())
            copy.execute(script.encode())
            pair = ((source, read_facts(source)), (copy, read_facts(copy)))
            asked = ("SELECT note FROM t WHERE kind = $1", "UPDATE t SET kind = $1", "SELECT * FROM gone")
            found = representative(*pair, asked)
        first, second, third = found.compared
        assert second.refused == "it is not a SELECT, VALUES, TABLE or WITH statement"
        assert third.refused is not None
        if differs is None:
            assert first == Compared(asked[0], first.source_rows, first.copy_rows)
            assert found.share == 1
        else:
            assert str(first.differs).startswith(differs)
            assert found.share == 0
        assert len(found.rest) == 2 + (differs is not None)


def test_what_is_wrong_with_the_rows_is_found_in_the_copy_as_well(other_server: Server, embedded_database: str) -> None:
    url = embedded_database
    upgrade(create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1), poolclass=NullPool), PHASE_2)
    load(url, Scale.of_jobs(JOBS))
    facts, theirs = examined(url)
    with scratch_copy(url, other_server, "synthetic", facts=facts) as made:
        _, ours = examined(made.admin_url)
    counted = {"INT01", "INT04", "INT16", "INT25", "INT26"}
    theirs, ours = ({found for found in each if found[0] in counted} for each in (theirs, ours))
    assert {rule for rule, _ in theirs} >= {"INT01", "INT04", "INT25", "INT26"}
    assert ours == theirs


def examined(url: str) -> tuple[Facts, set[tuple[str, str]]]:
    rules = tuple(all_rules())
    with psycopg.connect(url, autocommit=True) as connection:
        # Patiently: what took too long on a busy machine would count as not there.
        facts = gather(connection, rules, collecting=CollectOptions(timeout=60_000))
    return facts, {(finding.rule, finding.fingerprint) for finding in check(rules, facts).findings}
