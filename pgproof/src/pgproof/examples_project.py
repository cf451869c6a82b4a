"""What the code that an example carries says: its models, engine, scripts and recording, read as a project's are.

The code is our own, so it runs in this process: a child for each of some hundred examples would take minutes.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from pgproof.facts.engine import Engine
from pgproof.facts.migrations import Migrations
from pgproof.facts.model import Facts
from pgproof.facts.models import Models
from pgproof.facts.recording import Recording
from pgproof.facts.recording_file import recording_of
from pgproof.rules.rule import Example

_PREAMBLE = """from __future__ import annotations
import datetime, enum, uuid
from typing import Literal, Optional
from sqlalchemy import *
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import *
class Base(DeclarativeBase): pass
"""
"""Before the models of an example, which then are no longer than what they show."""

ENGINE = "app.db:engine"
"""What the engine of an example is called; it has no connection until `rules.given_engine` states one."""

_ENVIRONMENT = """from alembic import context

context.configure(url="postgresql+psycopg://")
with context.begin_transaction():
    context.run_migrations()
"""


def with_example_project(facts: Facts, example: Example) -> Facts:
    """Return the facts with what the example's code says."""
    return replace(
        facts,
        models=_models(example.models) if example.models else facts.models,
        engine=_engine(example.engine) if example.engine else facts.engine,
        migrations=_migrations(example.scripts) if example.scripts else facts.migrations,
        recording=_recording(example.recording) if example.recording else facts.recording,
    )


@cache
def _models(source: str) -> Models:
    # Only whoever runs examples needs SQLAlchemy.
    from pgproof.facts.project.read_models import models_of, noted_mappers

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "models.py"
        file.write_text(_PREAMBLE + source, encoding="utf-8")
        # A name of its own, by which SQLAlchemy finds the classes of annotations.
        name = f"pgproof_example_{hashlib.sha256(source.encode()).hexdigest()[:16]}"
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        try:
            with noted_mappers() as mappers:
                spec.loader.exec_module(module)
            module.Base.registry.configure()
            return models_of(("models:Base",), [module.Base.metadata], mappers, Path(folder))
        finally:
            del sys.modules[name]


@cache
def _engine(source: str) -> Engine:
    from pgproof.facts.project.engine_made import described

    module: dict[str, Any] = {}
    exec(source, module)  # noqa: S102
    made = module["engine"]
    return described(ENGINE, getattr(made, "sync_engine", made))


@cache
def _migrations(scripts: tuple[str, ...]) -> Migrations:
    # Only whoever runs examples needs Alembic.
    from pgproof.facts.project.read_migrations import read_chain

    with tempfile.TemporaryDirectory() as folder:
        versions = Path(folder) / "migrations" / "versions"
        versions.mkdir(parents=True)
        (versions.parent / "env.py").write_text(_ENVIRONMENT, encoding="utf-8")
        (Path(folder) / "alembic.ini").write_text(f"[alembic]\nscript_location = {versions.parent}\n", encoding="utf-8")
        for number, script in enumerate(scripts):
            (versions / f"{number}.py").write_text(script, encoding="utf-8")
        return read_chain(Path(folder), "alembic.ini")


@cache
def _recording(text: str) -> Recording:
    return recording_of(text.encode().splitlines(keepends=True), "recording.jsonl")
