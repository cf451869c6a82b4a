"""Proves a project's pending revisions, with progress on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from pgproof.commands.choices import CLEAN, FOUND, NOT_CHECKED
from pgproof.commands.facts import gather_from, server_source
from pgproof.commands.named_files import refuse_unusable
from pgproof.commands.running import warn
from pgproof.proof.scratch import Mode
from pgproof.proving.document import Document
from pgproof.proving.run import Progress as Told
from pgproof.proving.run import Wanted, prove
from pgproof.rules.discovery import all_rules
from pgproof.settings import ConfigurationError, Options


@dataclass(frozen=True)
class ProveOptions:
    """What the command line says of a proof.

    Attributes:
        scale: None where it was not given.
        scratch_url: of a server to prove on, instead of one of our own.
        changed: a git reference: only revisions added since then.
    """

    revision: str
    rows: Mode
    scale: float | None
    traffic: bool
    trusted: bool
    scratch_url: str | None
    time_limit: float
    changed: str | None


_SCALE = 10.0


def prove_pending(source: str, options: Options, proving: ProveOptions, directory: Path, errors: Console) -> Document:
    """Return the proof of what is pending.

    Args:
        source: as a person gave it; it has to be a server.
        options: of the run: its alembic.ini, its workload and its engine.
        proving: the rest.
        directory: of the project.
        errors: for the progress; nothing is shown where it is not a terminal.

    Raises:
        ConfigurationError: an option is missing, or contradicts another one.
        PgproofError: nothing could be proven.
    """
    if options.alembic is None:
        raise ConfigurationError("prove runs a project's migrations: give --alembic alembic.ini")
    if proving.rows == "copy" and proving.scale not in (None, 1.0):
        raise ConfigurationError("--data copy has as many rows as the source: leave out --scale")
    server = server_source(source)
    refuse_unusable(options, directory, proving.changed)
    only_database = options.model_copy(update={"alembic": None, "models": (), "proof": None})
    # Rows that are made anew keep, or break, what those of the source do: only questions to the data tell.
    asking = [each for each in all_rules() if proving.rows == "synthetic" and each.metadata.family == "integrity"]
    facts = gather_from(server, asking, only_database, errors).facts
    # Its sizes are known without it; what else keeps an engine from being read leaves its pool out of the proof.
    warn((each for each in facts.missing if each.startswith("engine: ") and facts.engine is None), errors.quiet)
    wanted = Wanted(
        source=server,
        facts=facts,
        directory=directory,
        alembic=options.alembic,
        revision=proving.revision,
        data=proving.rows,
        scale=proving.scale or (1.0 if proving.rows == "copy" else _SCALE),
        traffic=proving.traffic,
        guarded=not proving.trusted,
        time_limit=proving.time_limit,
        scratch_url=proving.scratch_url,
        changed=proving.changed,
    )
    with _bar(errors) as told:
        return prove(wanted, told)


def exit_code(document: Document) -> int:
    """Return 0 for a proof that holds, 1 for one that fails, 3 for one that did not come to its end."""
    return {"holds": CLEAN, "fails": FOUND, "incomplete": NOT_CHECKED}[document.verdict]


@contextmanager
def _bar(errors: Console) -> Iterator[Told]:
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TimeElapsedColumn(),
        console=errors,
        transient=True,
    )
    # A bar that is disabled ends with an empty line in older versions of rich.
    with bar if errors.is_terminal else nullcontext():
        task = bar.add_task("proof", total=None)

        def told(stage: str, done: int, total: int) -> None:
            bar.update(task, description=stage, completed=done, total=total or None)

        yield told
