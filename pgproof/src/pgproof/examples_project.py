"""What the code that an example carries says: its models, engine, scripts and recording, read as a project's are.

The code is our own, so it runs in this process: a child for each of some hundred examples would take minutes.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from pgproof.facts.engine import Engine
from pgproof.facts.migrations import Migrations
from pgproof.facts.model import Facts
from pgproof.facts.models import Models
from pgproof.facts.recording import Recording
from pgproof.rules.rule import Example


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
    raise NotImplementedError(source)


@cache
def _engine(source: str) -> Engine:
    raise NotImplementedError(source)


@cache
def _migrations(scripts: tuple[str, ...]) -> Migrations:
    raise NotImplementedError(scripts)


@cache
def _recording(text: str) -> Recording:
    raise NotImplementedError(text)
