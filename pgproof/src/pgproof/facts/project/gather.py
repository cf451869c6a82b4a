"""Adds what a project's own code says to the facts of its database; what cannot be read becomes a line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pgproof.errors import PgproofError
from pgproof.facts.engine import Engine
from pgproof.facts.migrations import Migrations
from pgproof.facts.model import Facts
from pgproof.facts.models import Models
from pgproof.facts.project.child import Project, ask_project
from pgproof.facts.recording_file import read_recording

T = TypeVar("T")


@dataclass(frozen=True)
class ProjectOptions:
    """What of a project to read; nothing by default.

    Attributes:
        models: `package.module:Base` or a MetaData, any number of them.
        engine: `package.module:engine`, or with `()` a factory.
        processes: of the application that each have such an engine; None if nobody said.
        alembic: its alembic.ini.
        recording: a file of `pgproof record`.
    """

    models: tuple[str, ...] = ()
    engine: str | None = None
    processes: int | None = None
    alembic: Path | None = None
    recording: Path | None = None


def with_project(facts: Facts, project: Project, options: ProjectOptions) -> Facts:
    """Return the facts with what the project's code and recording say.

    What cannot be read leaves a line in `missing`, and the rules that need it say that they were not checked.

    Args:
        facts: of the database, from a server or a snapshot.
        project: whose code runs, each part in a process of its own.
        options: what to read.
    """
    missing: list[str] = []

    def attempt(part: str, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except PgproofError as error:
            missing.append(f"{part}: {error}")
            return None

    if options.models:
        models = attempt("models", lambda: ask_project(project, "models", options.models, Models))
        facts = replace(facts, models=models)
    if options.engine is not None:
        given = (options.engine, str(options.processes or ""))
        facts = replace(facts, engine=attempt("engine", lambda: ask_project(project, "engine", given, Engine)))
    if options.alembic is not None:
        file = (str(options.alembic),)
        migrations = attempt("migrations", lambda: ask_project(project, "migrations", file, Migrations))
        facts = replace(facts, migrations=migrations)
    if options.recording is not None:
        path = options.recording
        facts = replace(facts, recording=attempt("recording", lambda: read_recording(path)))
    return replace(facts, missing=(*facts.missing, *missing))
