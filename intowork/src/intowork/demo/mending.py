"""The analysed platform mended by pgproof alone: `pgproof fix` writes, `pgproof prove` proves, Alembic applies, audit.

Everything happens in a project as the analysed platform had it: an alembic.ini, the chain up to phase 2, its models.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import alembic
import psycopg
from alembic.script import ScriptDirectory

from intowork.demo.audits import ANALYSED, PROCESSES, RevisionAudit, audit_project, work
from intowork.demo.phase2 import models
from intowork.demo.phase2.statements import Request
from intowork.demo.stage import Stage
from intowork.errors import IntoWorkError
from intowork.operations.migrate import PHASE_2, alembic_config
from pgproof.facts.read import read_facts
from pgproof.facts.source import ServerSource
from pgproof.proving.document import Document, to_json
from pgproof.proving.run import Wanted, prove
from pgproof.server import Server

MENDED = "after-fix"
"""What the reports call the database that the revisions of `pgproof fix` were applied to."""

_ENVIRONMENT = """\
import os

from alembic import context
from sqlalchemy import create_engine, pool

from models import Base

url = os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:", 1)
with create_engine(url, poolclass=pool.NullPool).connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata, compare_server_default=True)
    with context.begin_transaction():
        context.run_migrations()
"""
_DECISIONS = """\
# Which of equal rows stays, as h8c2d6e5f4g3 decides it; the values that pgproof takes by itself are ["id"].

[[duplicates]]
schema = "public"
table = "job_applications"
same = ["job_id", "candidate_id"]
keep = ["status", "applied_at", "id"]
descending = ["status"]

[[duplicates]]
schema = "public"
table = "accounts"
same = ["provider", "provider_account_id"]
keep = ["created_at", "id"]

[[duplicates]]
schema = "public"
table = "skills"
same = ["candidate_id", "name"]
keep = ["level", "id"]
descending = ["level"]
"""
_PGPROOF = (sys.executable, "-c", "from pgproof.cli import main; main()")
_PROJECT = (
    "env:DATABASE_URL", "--alembic", "alembic.ini", "--models", "models:Base", "--engine", str(ANALYSED.engine),
    "--processes", str(PROCESSES),
)  # fmt: skip
_FIX = ("fix", *_PROJECT, "--patch", "models.patch", "--decisions", "decisions.toml")
_REPORT = ("report", *_PROJECT, "--proof", "proof.json", "--output", "report")
_WRITTEN, _LEFT = 0, 1
_PATCHERS = (("patch", "-p1", "--input", "models.patch"), ("git", "apply", "models.patch"))


@dataclass(frozen=True)
class Mending:
    """What pgproof made of phase 2.

    Attributes:
        url: of the copy that the revisions were applied to.
        told: what `pgproof fix` said.
        files: of the project that it wrote, or was given to decide by: names and texts.
        proof: of the revisions; None where none was asked for.
        report: what `pgproof report` wrote with that proof, of the database that it was made on.
        audit: of the copy, with the patched models and the engine of phase 2.
    """

    url: str
    told: str
    files: tuple[tuple[str, str], ...]
    proof: Document | None
    report: tuple[tuple[str, str], ...]
    audit: RevisionAudit


def mend(
    server: Server,
    phase_2: str,
    smaller: str,
    requests: Sequence[Request],
    kill_seconds: float | None,
    stage: Stage,
    tell: Callable[[str], None],
) -> Mending:
    """Let pgproof mend the analysed database, in a folder that is gone afterwards.

    Args:
        server: where the copy is made that the revisions are applied to.
        phase_2: URL of the database as analysed, which is read alone, and named phase2.
        smaller: URL of one with fewer rows, which is dumped and proven on: a demo has not the minutes of a whole proof.
        requests: of the analysed platform, for the audit.
        kill_seconds: for the kills of the proof; what they do not last for is left out, and said. None for no
            proof.
        stage: shows the stage and its progress.
        tell: is told each result in a line.
    """
    with tempfile.TemporaryDirectory(prefix="intowork-") as name:
        folder = Path(name)
        make_project(folder)
        with stage(f"pgproof {' '.join(_FIX[:6])} ..."):
            told = fix(folder, phase_2)
        tell(told.splitlines()[-1])
        proof: Document | None = None
        report: tuple[tuple[str, str], ...] = ()
        if kill_seconds is not None:
            with stage("pgproof prove env:DATABASE_URL --alembic alembic.ini --data copy") as progress:
                proof = prove_briefly(folder, smaller, kill_seconds, progress)
            for line in summary_of(proof):
                tell(line)
            with stage("pgproof report --proof proof.json"):
                report = report_with(folder, smaller, proof)
        with stage("apply what it wrote to a copy, models included, and audit that"):
            url = server.create_database("mended", template="phase2")
            patch_models(folder)
            run(folder, url, (sys.executable, "-m", "alembic", "upgrade", "head"))
            work(url, requests)
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("VACUUM (ANALYZE)")
            options = replace(ANALYSED, models=("models:Base",), alembic=folder / "alembic.ini")
            audit = audit_project(url, MENDED, folder, options)
        tell(f"pgproof audit of what fix wrote: {audit.summary}")
        return Mending(url, told, tuple(_files(folder)), proof, report, audit)


def make_project(folder: Path) -> None:
    """Write the analysed platform's project: its models, and the chain as it was before anything was mended.

    Args:
        folder: that is there, and empty.
    """
    versions = folder / "alembic" / "versions"
    versions.mkdir(parents=True)
    (folder / "alembic.ini").write_text("[alembic]\nscript_location = alembic\n", encoding="utf-8")
    (folder / "alembic" / "env.py").write_text(_ENVIRONMENT, encoding="utf-8")
    shutil.copy(Path(alembic.__file__).parent / "templates/generic/script.py.mako", folder / "alembic")
    for script in ScriptDirectory.from_config(alembic_config()).iterate_revisions(PHASE_2, "base"):
        shutil.copy(script.path, versions)
    shutil.copy(models.__file__, folder / "models.py")
    (folder / "decisions.toml").write_text(_DECISIONS, encoding="utf-8")


def fix(folder: Path, url: str) -> str:
    """Run `pgproof fix` in the project, as a user does; return what it said.

    Raises:
        IntoWorkError: it failed; its message is passed on. Findings that are left to people are no failure.
    """
    return run(folder, url, (*_PGPROOF, *_FIX), (_WRITTEN, _LEFT))


def prove_briefly(folder: Path, url: str, kill_seconds: float, progress: Callable[[str, int, int], None]) -> Document:
    """Return what `pgproof prove` says of the project's pending revisions, on a copy of every row.

    The command has no option for the time that kills may take, so its function is called. The rows are the database's
    own: those made from statistics do not keep what a new CHECK asks of two columns together.

    Raises:
        PgproofError: nothing could be proven.
    """
    source = ServerSource(url)
    with psycopg.connect(url, autocommit=True) as connection:
        facts = read_facts(connection)
    alembic_ini = Path("alembic.ini")
    wanted = Wanted(source, facts, folder, alembic_ini, data="copy", scale=1.0, kill_budget=kill_seconds)
    return prove(wanted, progress)


def report_with(folder: Path, url: str, proof: Document) -> tuple[tuple[str, str], ...]:
    """Run `pgproof report` in the project with a proof, as a user does; return its files, names and texts."""
    (folder / "proof.json").write_text(to_json(proof), encoding="utf-8")
    run(folder, url, (*_PGPROOF, *_REPORT))
    return tuple((path.name, path.read_text(encoding="utf-8")) for path in sorted((folder / "report").iterdir()))


def summary_of(proof: Document) -> Iterator[str]:
    """Yield what a proof shows, and what was left out of it, in lines."""
    trip = proof.round_trip
    words = {True: "equal", False: "DIFFERENT", None: "not known"}
    yield (
        f"the proof {proof.verdict}, on a copy of {proof.data.rows:,} rows: catalog {words[trip.catalog_equal]}"
        f" and rows {words[trip.rows_equal]} after up and down; killed at {len(proof.kills)} statements, and"
        f" {sum(kill.rerun == 'completes' for kill in proof.kills)} runs after it went on to the end"
    )
    verdicts = Counter(operation.verdict for operation in proof.operations)
    faster = [each.speedup for each in proof.statements if each.speedup > 1 + each.noise]
    other_plans = [each for each in proof.statements if each.before_plan != each.after_plan]
    slower = [each for each in other_plans if each.speedup < 1 - each.noise]
    yield (
        f"{len(proof.operations)} operations: "
        + ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
        + f"; of {len(proof.statements)} statements {len(faster)} faster, {len(slower)} slower by another plan"
    )
    yield from (f"{problem.name}: {problem.what}" for problem in proof.problems)
    if proof.stopped:
        yield f"stopped: {proof.stopped}"
    if proof.kills_left_out:
        yield f"left out: {proof.kills_left_out}; no traffic"


def patch_models(folder: Path) -> None:
    """Apply the patch of the models with the program that is there.

    Raises:
        IntoWorkError: it does not apply, or there is neither patch nor git.
    """
    command = next((each for each in _PATCHERS if shutil.which(each[0])), None)
    if command is None:
        raise IntoWorkError("the patch of the models needs the program patch or git: install one")
    run(folder, "", command)


def run(folder: Path, url: str, command: Sequence[str], accepted: Sequence[int] = (0,)) -> str:
    """Run a command in a project; return what it wrote to standard output.

    Args:
        folder: of the project.
        url: the project's DATABASE_URL.
        command: with its arguments.
        accepted: exit codes of a command that did what it should.

    Raises:
        IntoWorkError: it ended otherwise.
    """
    environment: Mapping[str, str] = {**os.environ, "DATABASE_URL": url, "PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode not in accepted:
        # SQLAlchemy ends its messages with a link.
        said = [line for line in (ended.stderr or ended.stdout).splitlines() if line and not line.startswith("(Back")]
        raise IntoWorkError(f"{' '.join(command[-4:])} failed: {said[-1].strip() if said else 'it said nothing'}")
    return ended.stdout


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    known = {Path(script.path).name for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()}
    for path in sorted((folder / "alembic" / "versions").glob("*.py")):
        if path.name not in known:
            yield f"versions/{path.name}", path.read_text(encoding="utf-8")
    for name in ("models.patch", "decisions.toml"):
        yield name, (folder / name).read_text(encoding="utf-8")
