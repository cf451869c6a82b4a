"""Facts from a server or a snapshot, with progress, for every command that needs them."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from pgproof.audit import INTERRUPTED, ask
from pgproof.errors import PgproofError
from pgproof.facts.collect import CollectOptions, Connection
from pgproof.facts.experiments import Experiments, read_experiments
from pgproof.facts.model import Facts
from pgproof.facts.project.child import Project
from pgproof.facts.project.gather import ProjectOptions, with_project
from pgproof.facts.questions import Answer
from pgproof.facts.read import ReadOptions, read_facts
from pgproof.facts.snapshot import from_json
from pgproof.facts.source import ServerSource, SnapshotSource, connect, parse_source
from pgproof.rules.checking import questions_of
from pgproof.rules.rule import Rule
from pgproof.settings import ConfigurationError, Options

STATEMENTS = "pg_stat_statements"
"""The workload that the server keeps; it is read wherever it is there."""


@dataclass(frozen=True)
class Gathered:
    """Facts and how long it took to get them.

    Attributes:
        seconds: to read them, questions included.
        warnings: what a person should know about the connection.
    """

    facts: Facts
    seconds: float
    warnings: tuple[str, ...] = ()


def source_of(text: str) -> ServerSource | SnapshotSource:
    """Return what a SOURCE means.

    Raises:
        ConfigurationError: it is nothing of that kind.
    """
    try:
        return parse_source(text)
    except PgproofError as error:
        raise ConfigurationError(str(error)) from None


def server_source(text: str) -> ServerSource:
    """Return a source that has to be a server.

    Raises:
        ConfigurationError: it is a snapshot, which has no schema to copy.
    """
    parsed = source_of(text)
    if isinstance(parsed, SnapshotSource):
        raise ConfigurationError(f"{parsed.path} is a file, and a scratch copy is made of a server: give its URL")
    return parsed


def gather_from(
    source: ServerSource | SnapshotSource,
    rules: Sequence[Rule],
    options: Options,
    errors: Console,
    *,
    keep_partial: bool = False,
) -> Gathered:
    """Return the facts of a server or of a snapshot.

    Args:
        source: where they are.
        rules: whose questions are asked.
        options: how far questions may go, and of which schemas.
        errors: for the progress bar; nothing is shown where it is not a terminal.
        keep_partial: an interrupt ends the questions and no more; those left are answered with `INTERRUPTED`.

    Raises:
        ConfigurationError: a schema is not there, or a proof cannot be read.
        PgproofError: no connection, no snapshot, or a server that went away.
    """
    started = time.perf_counter()
    proof = _proof(options)
    match source:
        case SnapshotSource(path):
            facts = _with_project(_snapshot(path), options, proof)
            _refuse_unknown_schemas(facts, options.schema_names)
            return Gathered(facts, time.perf_counter() - started, tuple(_unread(facts)))
        case ServerSource() as server:
            with connect(server) as connection:
                reading = ReadOptions(identify=options.engine is not None)
                facts = _with_project(read_facts(connection, reading), options, proof)
                _refuse_unknown_schemas(facts, options.schema_names)
                answers = _answers(connection, facts, rules, options, errors, keep_partial=keep_partial)
            warnings = (*_warnings(facts), *_unread(facts))
            return Gathered(facts.with_answers(answers), time.perf_counter() - started, warnings)


def _proof(options: Options) -> Experiments | None:
    """What the proof of a run says, before a server is asked for anything."""
    try:
        return None if options.proof is None else read_experiments(options.proof)
    except PgproofError as error:
        raise ConfigurationError(f"--proof {error}") from None


def _with_project(facts: Facts, options: Options, experiments: Experiments | None) -> Facts:
    recording = None if options.workload in (None, STATEMENTS) else Path(str(options.workload))
    asked = ProjectOptions(options.models, options.engine, options.processes, options.alembic, recording)
    if asked != ProjectOptions():
        facts = with_project(facts, Project(Path.cwd()), asked)
    if options.proof is None:
        return facts
    if experiments is None or not experiments.belongs_to(facts.migrations):
        why = (
            "was stopped before a revision ran: make it again with pgproof prove"
            if experiments is None
            else f"proves {', '.join(experiments.revisions)}, which the chain does not have: give this project's proof"
        )
        return replace(facts, missing=(*facts.missing, f"experiments: {options.proof} {why}"))
    return replace(facts, experiments=experiments)


def _unread(facts: Facts) -> Iterator[str]:
    """What of the project could not be read: the rest of the audit goes on, and lists its rules as not checked."""
    for line in facts.missing:
        if line.startswith(("models: ", "engine: ", "migrations: ", "recording: ", "experiments: ")):
            yield line


def _snapshot(path: Path) -> Facts:
    try:
        return from_json(path.read_bytes(), str(path))
    except OSError as error:
        raise PgproofError(f"{path} cannot be read: {error.strerror}") from None


def _refuse_unknown_schemas(facts: Facts, names: Collection[str]) -> None:
    known = {schema.name for schema in facts.catalog.schemas}
    for name in names:
        if name not in known:
            raise ConfigurationError(f"there is no schema {name} in {facts.database.name}")


def _answers(
    connection: Connection,
    facts: Facts,
    rules: Sequence[Rule],
    options: Options,
    errors: Console,
    *,
    keep_partial: bool,
) -> tuple[Answer, ...]:
    questions = questions_of(rules, facts.only_schemas(options.schema_names) if options.schema_names else facts)
    collecting = CollectOptions(timeout=options.question_timeout, data=options.data)
    answers: list[Answer] = []
    try:
        with _question_bar(errors) as progress:
            for answer in ask(connection, facts, questions, collecting, progress):
                answers.append(answer)
    except KeyboardInterrupt:
        if not keep_partial:
            raise
        answered = {answer.question for answer in answers}
        answers += (Answer(question, "", refused=INTERRUPTED) for question in questions if question not in answered)
    return tuple(answers)


@contextmanager
def _question_bar(errors: Console) -> Iterator[Callable[[int, int], None]]:
    bar = Progress(
        SpinnerColumn(),
        TextColumn("questions to the data"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
    )
    # A bar that is disabled ends with an empty line in older versions of rich.
    with bar if errors.is_terminal else nullcontext():
        task = bar.add_task("questions", total=None)

        def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield progress


def _warnings(facts: Facts) -> Iterator[str]:
    if facts.rights.superuser:
        yield (
            f"{facts.rights.role} is a superuser, and reading needs none of that: pgproof grants prints a role that "
            "may read and nothing else"
        )
