"""How long the proof of the analysed platform takes, stage by stage, and how long requests wait beside its migration.

    python -m benchmarks.prove

Phase 2 with the small data set and its faults on one server; on another one all revisions from there to head are proven
on synthetic rows as `pgproof prove --traffic` does, with the analysed platform's statements as the workload. Less than
180 s are wanted, and no wait of 100 ms.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import psycopg
from sqlalchemy import NullPool, create_engine

import intowork
from benchmarks.projects import traffic_line
from intowork.demo.journey import cases_of
from intowork.demo.report import machine, versions
from intowork.operations.migrate import HEAD, PHASE_2, upgrade
from intowork.seed import load, scale
from pgproof.facts.read import ReadOptions, read_facts
from pgproof.facts.source import ServerSource, connect, parse_source
from pgproof.proving.document import Document, to_json
from pgproof.proving.run import Wanted, prove
from pgproof.server import running_server

RESULTS = Path(__file__).parent / "results"
WANTED_SECONDS, WANTED_MILLISECONDS = 180.0, 100.0


def measure() -> tuple[str, float, Document]:
    """Return the server's version, the seconds of the proof, and the proof."""
    with running_server(settings={"fsync": "off"}) as server, tempfile.TemporaryDirectory() as name:
        url = server.create_database("phase2")
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1), poolclass=NullPool)
        upgrade(engine, PHASE_2)
        load(url, scale("small"), faults=True)
        _ask(url)
        project = Path(name) / "platform"
        project.mkdir()
        shutil.copytree(Path(intowork.__file__).parent / "migrations", project / "migrations")
        (project / "alembic.ini").write_text("[alembic]\nscript_location = migrations\n", encoding="utf-8")
        source = parse_source(url)
        assert isinstance(source, ServerSource)
        with connect(source) as connection:
            facts = read_facts(connection, ReadOptions())
        started = time.perf_counter()
        proof = prove(Wanted(source, facts, project, Path("alembic.ini"), HEAD, scale=1.0, traffic=True), _tell)
        seconds = time.perf_counter() - started
        # Where the server lay is of no interest to anybody.
        return server.version, seconds, replace(proof, source="phase 2")


def _ask(url: str) -> None:
    """Send the analysed platform's statements, so that the server has counted them and nothing else."""
    cases = cases_of(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements; SELECT pg_stat_statements_reset(); ANALYZE")
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1), poolclass=NullPool)
    with engine.connect() as asking:
        for case in cases:
            for request in case.analysed[:6]:
                for statement in request:
                    asking.execute(statement).all()


def _tell(stage: str, done: int, total: int) -> None:
    if done == 0:
        print(f"{stage} ...", file=sys.stderr, flush=True)


def to_markdown(version: str, seconds: float, proof: Document) -> str:
    """Return the results as a document."""
    known = ", ".join(f"{name} {number}" for name, number in versions(version).items())
    lines = ["# The proof of the analysed platform", "", f"{machine()}; {known}.", ""]
    missed = f"missed by {seconds - WANTED_SECONDS:.0f} s" if seconds >= WANTED_SECONDS else "held"
    back = sum(each.command == "downgrade" for each in proof.kills)
    lines += [
        f"`pgproof prove --scale 1 --traffic` of {', '.join(proof.revisions)} on {proof.data.rows:,} rows: "
        f"{proof.verdict} in {seconds:.0f} s (less than {WANTED_SECONDS:.0f} s wanted: {missed}); "
        f"{len(proof.kills)} kills, {back} of them of the downgrade, "
        f"{len(proof.statements)} statements and {len(proof.writes)} tables timed.",
        "",
    ]
    if proof.traffic is not None:
        wait = proof.traffic.longest_wait_ms
        over = f"missed by {wait - WANTED_MILLISECONDS:.0f} ms" if wait >= WANTED_MILLISECONDS else "held"
        lines += [f"{traffic_line(proof.traffic)} Less than {WANTED_MILLISECONDS:.0f} ms wanted: {over}.", ""]
    lines += ["| stage | seconds |", "|---|---:|"]
    lines += [f"| {each.name} | {each.seconds:.1f} |" for each in proof.stages]
    lines += ["", proof.kills_left_out or "No kill was left out.", ""]
    lines += [f"- {each.name}: {each.what}" for each in proof.problems]
    lines += [f"- Stopped: {proof.stopped}"] if proof.stopped else []
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    """Measure, print, and write results/prove.json and .md."""
    version, seconds, proof = measure()
    document = {
        "machine": machine(),
        "versions": versions(version),
        "seconds": seconds,
        "proof": json.loads(to_json(proof)),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "prove.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    (RESULTS / "prove.md").write_text(to_markdown(version, seconds, proof), encoding="utf-8")
    print(to_markdown(version, seconds, proof))


if __name__ == "__main__":
    main()
