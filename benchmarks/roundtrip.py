"""Round trips and kills of generated schemas, as `pgproof prove` makes them: up, down, up, and killed on the way.

The schemas are those of pgproof/tests/migration/generated.py: several schemas, odd names, partitions, references,
duplicate and orphan rows; what mends them is put in order and written as `pgproof fix` does. On some of them the
migration is killed at each statement that changes something, by SIGKILL of the client and by pg_terminate_backend, and
run again; on a copy for each of the two.

    python -m benchmarks.roundtrip [SCHEMAS] [KILLED]
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import psycopg
from hypothesis import HealthCheck, Phase, given, seed, settings

from intowork.demo.report import machine, versions
from pgproof.facts.read import read_facts
from pgproof.proof.clients import Client, Function
from pgproof.proof.kills import KillMode
from pgproof.proving.alembic_child import PRELOAD, AlembicRun
from pgproof.proving.copies import Copy, OwnedCopies
from pgproof.proving.killing import Expected, kill_everywhere, places_of
from pgproof.proving.round_trip import travel
from pgproof.remedy.plan import plan
from pgproof.remedy.plan_values import Wanted
from pgproof.server import running_server

SCHEMAS, KILLED = 1_000, 100
RESULTS = Path(__file__).parent / "results"
TESTS = Path(__file__).parent.parent / "pgproof" / "tests" / "migration"
VERSIONS = "public.alembic_version"
LIMIT = 60.0
_ROLE = "benchmark"
_IMPORTED = ("hypothesis", "intowork.demo.report", "pgproof.proving.killing", "pgproof.remedy.plan", "pgproof.server")
"""By this module, which every process imports anew as its main module: once, before the fork, is quicker."""


@dataclass
class Measured:
    """What came of all schemas.

    Attributes:
        steps: of their revisions, together.
        quarantined: schemas of which rows moved.
        travelled: seconds of the round trips.
        killed: schemas of which the migration was killed.
        kills: by who was killed.
        killing: seconds of the kills.
        failures: what did not hold, each with the schema that shows it.
    """

    schemas: int = 0
    steps: int = 0
    quarantined: int = 0
    travelled: float = 0.0
    killed: int = 0
    kills: dict[str, int] = field(default_factory=dict)
    killing: float = 0.0
    failures: list[dict[str, str]] = field(default_factory=list)


def measure(schemas: int, killed: int) -> tuple[str, Measured]:
    """Take so many schemas up, down and up, kill the migrations of the first of them; with the server's version."""
    sys.path.insert(0, str(TESTS))
    generated, projects = importlib.import_module("generated"), importlib.import_module("projects")
    found = Measured()
    with running_server(settings={"fsync": "off", "autovacuum": "off"}) as server:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {_ROLE} LOGIN")
        copies = OwnedCopies(server, _ROLE)

        @seed(0)
        @settings(
            max_examples=schemas,
            deadline=None,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )
        @given(schema=generated.made())
        def each(schema: Any) -> None:
            found.schemas += 1
            try:
                _try(schema, projects, copies, found, kill=found.schemas <= killed)
            except Exception as error:
                # One that breaks off counts as one that does not hold, and the next has its turn.
                found.failures.append({"problem": f"{type(error).__name__}: {error}", "schema": schema.sql})
            if found.schemas % 20 == 0:
                print(f"{found.schemas} schemas, {len(found.failures)} failures", file=sys.stderr, flush=True)

        each()
        return server.version, found


def _try(schema: Any, projects: Any, copies: OwnedCopies, found: Measured, *, kill: bool) -> None:
    with tempfile.TemporaryDirectory() as name, copies.fresh() as template:
        folder: Path = projects.make_project(Path(name))
        with psycopg.connect(template.url, autocommit=True) as connection:
            connection.execute(schema.sql.encode())
            facts = read_facts(connection)
        planned = plan([Wanted(projects.REASON, schema.operations)], facts.catalog, facts.database.server_version_num)
        projects.write_steps(folder, [step.operation for step in planned.steps])
        projects.upgrade(folder, template.url, projects.BASE)
        found.steps += len(planned.steps)
        up, down = _client(folder, "upgrade", "head"), _client(folder, "downgrade", projects.BASE)
        with copies.fresh(template.name) as copy, _added(found, "travelled"):
            trip = travel(copy, VERSIONS, (up, down), LIMIT)
        for problem in trip.problems:
            found.failures.append({"problem": f"{problem.name}: {problem.what}", "schema": schema.sql})
        if planned.left:
            found.failures.append({"problem": f"left out of the plan: {planned.left[0].why}", "schema": schema.sql})
        if trip.upgraded is None:
            return
        found.quarantined += trip.upgraded.quarantined > 0
        if kill and not trip.problems:
            expected = Expected(trip.before, trip.upgraded, VERSIONS)
            with _added(found, "killing"):
                for mode in KillMode:
                    _kill(mode, schema, copies, (template, up, expected, places_of(trip.runs[0].statements)), found)
            found.killed += 1


def _kill(
    mode: KillMode,
    schema: Any,
    copies: OwnedCopies,
    what: tuple[Copy, Client, Expected, dict[str, float]],
    found: Measured,
) -> None:
    template, client, expected, places = what
    ended = kill_everywhere(copies, template.name, client, expected, lambda number: mode, LIMIT, places=places)
    found.kills[mode.value] = found.kills.get(mode.value, 0) + len(ended.kills)
    for each in ended.kills:
        if each.problem:
            problem = f"killed ({mode.value}) at {each.statement}: {each.problem}"
            found.failures.append({"problem": problem, "schema": schema.sql})


def _client(folder: Path, command: Literal["upgrade", "downgrade"], revision: str) -> Client:
    run = AlembicRun(str(folder), "alembic.ini", command, revision, tuple(os.environ.items()))
    return Function(run, PRELOAD + _IMPORTED)


@contextmanager
def _added(found: Measured, name: Literal["travelled", "killing"]) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        setattr(found, name, getattr(found, name) + time.perf_counter() - started)


def to_markdown(version: str, found: Measured) -> str:
    """Return the results as a document, with every failure."""
    kills = ", ".join(f"{number:,} of the {name}" for name, number in found.kills.items())
    known = ", ".join(f"{name} {number}" for name, number in versions(version).items())
    per_kill = 1000 * found.killing / max(sum(found.kills.values()), 1)
    lines = ["# Round trips and kills of generated schemas", "", f"{machine()}; {known}.", ""]
    lines += [
        f"- {found.schemas:,} schemas, {found.steps:,} steps; rows moved to the quarantine in {found.quarantined:,}.",
        f"- Up, down, up with catalog and rows compared: {found.travelled / max(found.schemas, 1):.2f} s each.",
        f"- Killed at every statement that changes something, and run again, on {found.killed:,} of them: "
        f"{kills or 'none'}; {per_kill:.0f} ms each.",
        f"- Not held: {len(found.failures)}.",
    ]
    for failure in found.failures:
        lines += ["", failure["problem"], "", "```sql", failure["schema"], "```"]
    return "\n".join([*lines, ""])


def main() -> None:
    """Measure, print, and write results/roundtrip.json and .md; exit with 1 where something did not hold."""
    given_numbers = [int(each) for each in sys.argv[1:]]
    schemas, killed = (*given_numbers, *(SCHEMAS, KILLED)[len(given_numbers) :])
    version, found = measure(schemas, killed)
    document = {"machine": machine(), "versions": versions(version), **dataclasses.asdict(found)}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "roundtrip.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    (RESULTS / "roundtrip.md").write_text(to_markdown(version, found), encoding="utf-8")
    print(to_markdown(version, found))
    sys.exit(1 if found.failures else 0)


if __name__ == "__main__":
    main()
