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
from pgproof.facts.server_state import Database

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
        engine = attempt("engine", lambda: ask_project(project, "engine", given, Engine))
        if engine is not None:
            engine = _of_this_database(engine, facts.database)
            if engine.live_missing is not None:
                missing.append(f"engine: {engine.name}: {engine.live_missing}")
        facts = replace(facts, engine=engine)
    if options.alembic is not None:
        file = (str(options.alembic),)
        migrations = attempt("migrations", lambda: ask_project(project, "migrations", file, Migrations))
        facts = replace(facts, migrations=migrations)
    if options.recording is not None:
        path = options.recording
        facts = replace(facts, recording=attempt("recording", lambda: read_recording(path)))
        if facts.recording is not None and facts.recording.incomplete is not None:
            missing.append(f"recording: {facts.recording.incomplete}")
    return replace(facts, missing=(*facts.missing, *missing))


def _of_this_database(engine: Engine, database: Database) -> Engine:
    """The engine without what its connection has, where that leads to another database than the one examined."""
    live = engine.live
    if live is None:
        return engine
    if None in (live.system_identifier, database.system_identifier):
        same_server = live.started_at == database.started_at
    else:
        same_server = live.system_identifier == database.system_identifier
    if same_server and live.database == database.name and database.oid in (None, live.database_oid):
        return engine
    where = f"database {live.database} of {'this' if same_server else 'another'} server"
    return replace(
        engine, live=None, live_missing=f"it leads to {where}, not to the one examined, so its settings are not used"
    )
