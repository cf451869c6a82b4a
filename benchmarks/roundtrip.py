"""Round trips and kills of generated schemas, as `pgproof prove` makes them: up, down, up, and killed on the way.

The schemas are those of pgproof/tests/migration/generated.py: several schemas, odd names, partitions, references,
duplicate and orphan rows; what mends them is put in order and written as `pgproof fix` does. On some of them the
migration is killed at each statement that changes something, by SIGKILL of the client and by pg_terminate_backend, and
run again; on a copy for each of the two, and on one for the downgrade, which is killed in the two ways in turn.

    python -m benchmarks.roundtrip [SCHEMAS] [KILLED]

Most of a round trip is waiting, of a process for a server and of the server for its clients, so that two are made
beside each other, each on a server of its own and with schemas of its own.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import psycopg
from hypothesis import HealthCheck, Phase, given, seed, settings

from intowork.demo.report import machine, versions
from pgproof.facts.read import read_facts
from pgproof.proof.clients import Client, Function
from pgproof.proof.kills import KillMode
from pgproof.proving.alembic_child import PRELOAD, AlembicRun
from pgproof.proving.copies import OwnedCopies
from pgproof.proving.killing import Way, kill_everywhere
from pgproof.proving.round_trip import travel
from pgproof.remedy.plan import plan
from pgproof.remedy.plan_values import Wanted
from pgproof.server import running_server

SCHEMAS, KILLED, PROCESSES = 1_000, 100, 2
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
        kills: by what was running and who was killed.
        killing: seconds of the kills.
        failures: what did not hold, each with the schema that shows it.

    The seconds are those of all processes together.
    """

    schemas: int = 0
    steps: int = 0
    quarantined: int = 0
    travelled: float = 0.0
    killed: int = 0
    kills: dict[str, int] = field(default_factory=dict)
    killing: float = 0.0
    failures: list[dict[str, str]] = field(default_factory=list)


def measure(schemas: int, killed: int) -> tuple[str, float, Measured]:
    """Return the server's version, the seconds that all schemas took, and what came of them.

    Args:
        schemas: that go up, down and up.
        killed: of them, those whose migration is killed.
    """
    started = time.perf_counter()
    parts = min(PROCESSES, schemas)
    with ProcessPoolExecutor(parts, get_context("spawn")) as pool:
        found = list(pool.map(_part, range(parts), _shares(schemas, parts), _shares(killed, parts)))
    return found[0][0], time.perf_counter() - started, _together([each for _, each in found])


def _shares(number: int, parts: int) -> list[int]:
    return [number // parts + (part < number % parts) for part in range(parts)]


def _together(parts: Sequence[Measured]) -> Measured:
    found = Measured()
    for part in parts:
        for name in ("schemas", "steps", "quarantined", "travelled", "killed", "killing", "failures"):
            setattr(found, name, getattr(found, name) + getattr(part, name))
        for mode, number in part.kills.items():
            found.kills[mode] = found.kills.get(mode, 0) + number
    return found


def _part(number: int, schemas: int, killed: int) -> tuple[str, Measured]:
    """Take the schemas of one process up, down and up, kill the migrations of the first of them."""
    sys.path.insert(0, str(TESTS))
    generated, projects = importlib.import_module("generated"), importlib.import_module("projects")
    found = Measured()
    with running_server(settings={"fsync": "off", "autovacuum": "off"}) as server:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {_ROLE} LOGIN")
        copies = OwnedCopies(server, _ROLE)

        @seed(number)
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
                said = f"process {number}: {found.schemas} schemas, {len(found.failures)} failures"
                print(said, file=sys.stderr, flush=True)

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
        with copies.fresh(template.name) as copy:
            with _added(found, "travelled"):
                trip = travel(copy, VERSIONS, (up, down), LIMIT)
            for problem in trip.problems:
                found.failures.append({"problem": f"{problem.name}: {problem.what}", "schema": schema.sql})
            if planned.left:
                found.failures.append({"problem": f"left out of the plan: {planned.left[0].why}", "schema": schema.sql})
            if trip.upgraded is None:
                return
            found.quarantined += trip.upgraded.quarantined > 0
            if kill and not trip.problems:
                with _added(found, "killing"):
                    way = Way("upgrade", template.name, up, trip.runs[0], trip.before, trip.upgraded, VERSIONS, LIMIT)
                    for mode in KillMode:
                        _kill((mode,), schema, copies, way, found)
                    way = Way("downgrade", copy.name, down, trip.runs[1], trip.before, trip.before, VERSIONS, LIMIT)
                    _kill(tuple(KillMode), schema, copies, way, found)
                found.killed += 1


def _kill(modes: tuple[KillMode, ...], schema: Any, copies: OwnedCopies, way: Way, found: Measured) -> None:
    for each in kill_everywhere(copies, way, lambda number: modes[number % len(modes)]).kills:
        name = f"{each.command}'s {each.mode.value}"
        found.kills[name] = found.kills.get(name, 0) + 1
        if each.problem:
            problem = f"killed ({name}) at {each.statement}: {each.problem}"
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


def to_markdown(version: str, seconds: float, found: Measured) -> str:
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
        f"- All of it in {seconds / 60:.0f} minutes, {PROCESSES} schemas beside each other.",
        f"- Not held: {len(found.failures)}.",
    ]
    for failure in found.failures:
        lines += ["", failure["problem"], "", "```sql", failure["schema"], "```"]
    return "\n".join([*lines, ""])


def main() -> None:
    """Measure, print, and write results/roundtrip.json and .md; exit with 1 where something did not hold."""
    given_numbers = [int(each) for each in sys.argv[1:]]
    schemas, killed = (*given_numbers, *(SCHEMAS, KILLED)[len(given_numbers) :])
    version, seconds, found = measure(schemas, killed)
    document = {
        "machine": machine(),
        "versions": versions(version),
        "processes": PROCESSES,
        "seconds": seconds,
        **dataclasses.asdict(found),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "roundtrip.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    (RESULTS / "roundtrip.md").write_text(to_markdown(version, seconds, found), encoding="utf-8")
    print(to_markdown(version, seconds, found))
    sys.exit(1 if found.failures else 0)


if __name__ == "__main__":
    main()
