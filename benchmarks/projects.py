"""`pgproof fix` and `pgproof prove` on the schemas of published projects, into benchmarks/results/projects.md.

Each project is installed into an environment of its own, its own migrations make its tables on a server of our own, and
rows are made up for every table. On top of it comes a chain of Alembic revisions of ours, which `fix` continues and
`prove` proves beside traffic; then the chain is run on the rows themselves and `fix` is asked once more.

    python -m benchmarks.projects [NAME...] [--environments FOLDER] [--rows 200]

Environments in a folder that is given are kept and used again; installing all of them takes some minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import alembic
import psycopg

from benchmarks.projects_named import PROJECTS, Project
from intowork.demo.report import machine, versions
from pgproof.facts.model import Facts
from pgproof.facts.read import read_facts
from pgproof.proof.scratch import scratch_copy
from pgproof.proving.document import Document, TrafficDocument, from_json
from pgproof.server import Server, running_server

RESULTS = Path(__file__).parent / "results"
ROWS = 200
SETTINGS = {"fsync": "off", "max_locks_per_transaction": "256"}
LONGEST = 1_800
_PGPROOF = [sys.executable, "-c", "from pgproof.cli import main; main()"]
_SUMMARY = re.compile(r"(\d+) steps mend (\d+) findings; (\d+) are left to people")
_STEP = re.compile(r"^  (\S.* \([A-Z]{3}\d\d(?:, [A-Z]{3}\d\d)*\): .*)$", re.MULTILINE)
_UNKNOWN = "values spread evenly"
"""Said of every table, for there are no statistics to make rows from."""
_ENV = """
import os
from alembic import context
from sqlalchemy import create_engine, pool

url = os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:", 1)
with create_engine(url, poolclass=pool.NullPool).connect() as connection:
    context.configure(connection=connection, version_table="mending_version")
    with context.begin_transaction():
        context.run_migrations()
"""


@dataclass(frozen=True)
class Outcome:
    """What came of a project; what is None or empty did not come about, and `trouble` says why.

    Attributes:
        tables: that its migrations made.
        rows: that were made up for them.
        unmade: what of the rows could not be made as the schema wants it.
        findings: of the audit.
        steps: that `fix` proposes.
        settled: findings that they mend.
        again: steps that it proposes once they are done.
        seconds: of each command.
    """

    project: Project
    seconds: dict[str, float]
    tables: int = 0
    rows: int = 0
    unmade: tuple[str, ...] = ()
    findings: int = 0
    steps: int = 0
    settled: int = 0
    again: tuple[str, ...] | None = None
    proof: Document | None = None
    trouble: tuple[str, ...] = ()


class BrokenOffError(Exception):
    """A command did not end as it has to."""


def main() -> None:
    """Try every project, and write what came of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.projects", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(each.name for each in PROJECTS))
    parser.add_argument("--environments", type=Path, metavar="FOLDER")
    parser.add_argument("--rows", type=int, default=ROWS, help="of each table")
    options = parser.parse_args()
    outcomes = []
    with contextlib.ExitStack() as stack:
        folder = options.environments or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        made = stack.enter_context(running_server(settings=SETTINGS, tcp=True))
        filled = stack.enter_context(running_server(settings=SETTINGS))
        for project in PROJECTS:
            if not options.names or project.name in options.names:
                outcomes.append(_try(project, (folder / project.name).resolve(), (made, filled), options.rows))
                print(_one_line(outcomes[-1]), file=sys.stderr, flush=True)
        text = to_markdown(outcomes, made.version, options.rows)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "projects.md").write_text(text, encoding="utf-8")
    print(text)


def _try(project: Project, environment: Path, servers: tuple[Server, Server], rows: int) -> Outcome:
    outcome = Outcome(project, {})
    try:
        for reached in _steps(outcome, environment, servers, rows):
            outcome = reached
            print(f"{project.name}: {', '.join(outcome.seconds)}", file=sys.stderr, flush=True)
    except Exception as error:
        # Whatever it was, it belongs into the table, and the next project has its turn.
        return replace(outcome, trouble=(*outcome.trouble, f"{type(error).__name__}: {error}"))
    return outcome


def _steps(outcome: Outcome, environment: Path, servers: tuple[Server, Server], rows: int) -> Iterator[Outcome]:
    """Yield what came of a project so far, after each step."""
    made, filled = servers
    project, seconds = outcome.project, outcome.seconds
    with tempfile.TemporaryDirectory() as name, made.scratch_database() as url:
        with _timed(seconds, "install"):
            _install(project, environment)
        with _timed(seconds, "migrate"):
            _migrate(project, environment, Path(name), url)
        with psycopg.connect(url, autocommit=True) as connection:
            facts = _as_if_filled(read_facts(connection), rows)
        outcome = replace(outcome, tables=len(facts.catalog.base_tables))
        yield outcome
        with scratch_copy(url, filled, "synthetic", facts=facts) as copy:
            seconds["rows"] = copy.seconds
            unmade = tuple(line for line in copy.left_out if _UNKNOWN not in line)
            outcome = replace(outcome, rows=copy.rows, unmade=unmade)
            yield outcome
            chain = _chain(Path(name) / "chain")
            _run(chain, copy.url, [sys.executable, "-m", "alembic", "upgrade", "a1"])
            with _timed(seconds, "audit"):
                audit = _run(chain, copy.url, [*_PGPROOF, "audit", copy.url, "--fail-on", "never", "--format", "json"])
            outcome = replace(outcome, findings=len(json.loads(audit)["findings"]))
            with _timed(seconds, "fix"):
                steps, settled = _fix(chain, copy.url)
            outcome = replace(outcome, steps=len(steps), settled=settled)
            yield outcome
            with _timed(seconds, "prove"):
                outcome = replace(outcome, proof=_prove(chain, copy.url))
            yield outcome
            with _timed(seconds, "upgrade"):
                _run(chain, copy.url, [sys.executable, "-m", "alembic", "upgrade", "head"])
            again, _ = _fix(chain, copy.url, "--dry-run")
            yield replace(outcome, again=again)


@contextlib.contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        seconds[name] = time.perf_counter() - started


def _install(project: Project, environment: Path) -> None:
    if (environment / "installed").exists():
        return
    venv.create(environment, with_pip=True)
    pip = (environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _run(environment, "", (*pip, *project.packages))
    (environment / "installed").touch()


def _migrate(project: Project, environment: Path, folder: Path, url: str) -> None:
    (site,) = (environment / "lib").glob("python*/site-packages")
    values = {"site": str(site), "folder": str(folder), "url": url.replace("postgresql://", project.url, 1)}
    for name, text in project.files.items():
        (folder / name).write_text(text, encoding="utf-8")
    program, *arguments = (part.format_map(values) for part in project.command)
    given = {name: value.format_map(values) for name, value in project.environment.items()}
    alone = {
        "PATH": f"{environment / 'bin'}:{os.environ['PATH']}",
        "HOME": str(folder),
        project.variable: values["url"],
    }
    _run(folder, url, [environment / "bin" / program, *arguments], alone | given)


def _as_if_filled(facts: Facts, rows: int) -> Facts:
    """The same facts with so many rows in each table, for the maker of rows to go by."""
    tables = tuple(
        replace(table, reltuples=float(rows), pages=1, heap_bytes=8_192) if table.kind == "table" else table
        for table in facts.catalog.tables
    )
    return replace(facts, catalog=replace(facts.catalog, tables=tables))


def _chain(folder: Path) -> Path:
    """A chain of one empty revision that lies on top of the project's, with a version table of its own."""
    versions = folder / "alembic/versions"
    versions.mkdir(parents=True)
    (folder / "alembic.ini").write_text("[alembic]\nscript_location = alembic\n", encoding="utf-8")
    (folder / "alembic/env.py").write_text(_ENV, encoding="utf-8")
    standard = Path(alembic.__file__).parent / "templates/generic/script.py.mako"
    (folder / "alembic/script.py.mako").write_text(standard.read_text(encoding="utf-8"), encoding="utf-8")
    (versions / "a1.py").write_text(
        'revision, down_revision = "a1", None\n\n\ndef upgrade():\n    pass\n\n\ndef downgrade():\n    pass\n',
        encoding="utf-8",
    )
    return folder


def _fix(chain: Path, url: str, *options: str) -> tuple[tuple[str, ...], int]:
    """Return the steps that are proposed, and how many findings they settle."""
    told = _run(chain, url, [*_PGPROOF, "fix", url, "--alembic", "alembic.ini", *options], codes=(0, 1))
    if "Nothing to mend." in told:
        return (), 0
    found = _SUMMARY.search(told)
    if found is None:
        raise BrokenOffError(f"fix did not say what it mends: {told[-300:]}")
    steps = tuple(_STEP.findall(told))
    if len(steps) != int(found[1]):
        raise BrokenOffError(f"fix says {found[1]} steps and shows {len(steps)}")
    return steps, int(found[2])


def _prove(chain: Path, url: str) -> Document:
    options = ["--alembic", "alembic.ini", "--scale", "1", "--traffic", "--format", "json", "--output", "proof.json"]
    _run(chain, url, [*_PGPROOF, "prove", url, *options], codes=(0, 1, 3))
    return from_json((chain / "proof.json").read_bytes())


def _run(
    folder: Path,
    url: str,
    command: Sequence[str | Path],
    environment: dict[str, str] | None = None,
    codes: tuple[int, ...] = (0,),
) -> str:
    ended = subprocess.run(
        command,
        cwd=folder,
        env=environment if environment is not None else {**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST,
    )
    if ended.returncode not in codes:
        said = " ".join((ended.stderr or ended.stdout).split())[-500:]
        raise BrokenOffError(f"{Path(command[0]).name} {' '.join(map(str, command[1:]))}: {ended.returncode}: {said}")
    return ended.stdout


def _one_line(outcome: Outcome) -> str:
    verdict = outcome.proof.verdict if outcome.proof else "no proof"
    return f"{outcome.project.name}: {outcome.steps} steps, {verdict}, {'; '.join(outcome.trouble)}"


def to_markdown(outcomes: Sequence[Outcome], version: str, rows: int) -> str:
    """Return the table, and under it everything that did not hold."""
    lines = ["# Fix and prove on the schemas of published projects", ""]
    known = ", ".join(f"{name} {number}" for name, number in versions(version).items())
    lines += [f"{machine()}; {known}.", ""]
    lines += [
        f"The project's own migrations made its tables on an empty database, with up to {rows} rows made up for each, "
        "values spread evenly; `pgproof fix` continued a chain of ours on top of it, and `pgproof prove --scale 1 "
        "--traffic` proved what it wrote, with the kills and the rest of the command as they are by default. *After* "
        "is how many steps `fix` still proposes when the revisions have run on the rows themselves.",
        "",
    ]
    counted = ("project", "tables", "rows", "findings", "steps", "settle", "after")
    titles = (
        *counted,
        "proof",
        "catalog",
        "rows equal",
        "kills",
        "re-run",
        "longest wait (ms)",
        "fix (s)",
        "prove (s)",
    )
    lines += [_row(titles), _row(("---", *("---:",) * (len(titles) - 1)))]
    lines += [_row(_cells(each)) for each in outcomes]
    lines += ["", "| project | packages | made by |", "|---|---|---|"]
    lines += [
        f"| {each.project.name} | {', '.join(each.project.packages)} | `{' '.join(each.project.command)}` |"
        for each in outcomes
    ]
    for outcome in outcomes:
        lines += ["", f"## {outcome.project.name}", "", *_said(outcome)]
    return "\n".join([*lines, ""])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(outcome: Outcome) -> tuple[str, ...]:
    counted = (outcome.tables, outcome.rows, outcome.findings, outcome.steps, outcome.settled)
    first = (
        outcome.project.name,
        *(f"{each:,}" for each in counted),
        "" if outcome.again is None else str(len(outcome.again)),
    )
    fixed = f"{outcome.seconds.get('fix', 0):.1f}"
    proof = outcome.proof
    if proof is None:
        return (*first, "none", "", "", "", "", "", fixed, "")
    again = sum(each.rerun == "completes" for each in proof.kills)
    return (
        *first,
        proof.verdict,
        _equal(proof.round_trip.catalog_equal),
        _equal(proof.round_trip.rows_equal),
        str(len(proof.kills)),
        str(again),
        "" if proof.traffic is None else f"{proof.traffic.longest_wait_ms:.0f}",
        fixed,
        f"{outcome.seconds['prove']:.0f}",
    )


def _equal(same: bool | None) -> str:
    return {True: "equal", False: "**not equal**", None: "unknown"}[same]


def _said(outcome: Outcome) -> Iterator[str]:
    yield f"Seconds: {', '.join(f'{name} {taken:.1f}' for name, taken in outcome.seconds.items())}."
    yield from _listed("Trouble", outcome.trouble)
    yield from _listed("Of the rows", outcome.unmade)
    yield from _listed("Still proposed afterwards", outcome.again or ())
    proof = outcome.proof
    if proof is None:
        return
    stages: dict[str, Any] = {each.name: f"{each.seconds:.1f}" for each in proof.stages}
    yield ""
    yield f"Of the proof: {', '.join(f'{name} {taken}' for name, taken in stages.items())}."
    verdicts = [each.verdict for each in proof.operations]
    counted = ", ".join(f"{verdicts.count(word)} {word}" for word in dict.fromkeys(verdicts))
    yield ""
    yield f"Operations: {counted or 'none'}. {proof.kills_left_out or 'No kill was left out'}."
    if proof.traffic is not None:
        yield ""
        yield traffic_line(proof.traffic)
    yield from _listed("Does not hold", [f"{each.name}: {each.what}" for each in proof.problems])
    yield from _listed("Did not come to its end", [proof.stopped] if proof.stopped else [])
    harms = [f"{each.name}: {each.why}" for each in proof.operations if each.verdict == "harms"]
    yield from _listed("Harms", harms)


def traffic_line(traffic: TrafficDocument) -> str:
    """Return in one line what the traffic beside the migration met."""
    beside, calm = traffic.beside, traffic.calm
    return (
        f"Traffic: {beside.requests:,} requests at {beside.rate:.0f} a second, {beside.write_share:.0%} of them "
        "writes, "
        f"{len(beside.errors)} kinds of errors, beside {traffic.seconds:.1f} s of migration; longest wait for a lock "
        f"{traffic.longest_wait_ms:.0f} ms in {traffic.samples:,} looks, {traffic.median_gap_ms:.1f} ms apart; p99.9 "
        f"{beside.p999_ms:.0f} ms, {calm.p999_ms:.0f} ms before it."
    )


def _listed(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield f"{title}:"
        yield ""
        yield from (f"- {' '.join(line.split())[:600]}" for line in lines)


if __name__ == "__main__":
    main()
