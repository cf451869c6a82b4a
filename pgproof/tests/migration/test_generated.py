"""Plans of made-up schemas as revisions, up, down and up again: catalog and rows are as they were."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import psycopg
from hypothesis import HealthCheck, Phase, given, settings

from pgproof.facts.read import read_facts
from pgproof.remedy.plan import plan
from pgproof.remedy.plan_values import Wanted
from pgproof.server import Server

from .generated import Made, made
from .projects import REASON, catalog, downgrade, make_project, rows, upgrade, write_steps

ROUND_TRIPS = int(os.environ.get("ROUND_TRIPS", "6"))
"""Schemas on each server; ROUND_TRIPS=1000 is what the benchmarks run."""


@settings(
    max_examples=ROUND_TRIPS,
    deadline=None,
    derandomize="ROUND_TRIPS" not in os.environ,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(schema=made())
def test_they_come_back(server: Server, schema: Made) -> None:
    with server.scratch_database() as url, tempfile.TemporaryDirectory() as name:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(schema.sql.encode())
            facts = read_facts(connection)
        planned = plan([Wanted(REASON, schema.operations)], facts.catalog, facts.database.server_version_num)
        assert planned.left == ()
        folder = make_project(Path(name))
        write_steps(folder, [step.operation for step in planned.steps])
        before = catalog(url), rows(url)
        upgrade(folder, url)
        upper = catalog(url), rows(url)
        assert before[0].difference(upper[0])
        downgrade(folder, url)
        assert before[0].difference(catalog(url)) == ()
        assert rows(url) == before[1]
        upgrade(folder, url)
        assert (upper[0].difference(catalog(url)), rows(url)) == ((), upper[1])
