from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from intowork.settings import Settings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the developer's shell says about databases out of the tests."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)


@pytest.fixture
def settings(database: str) -> Callable[..., Settings]:
    """Make settings for a fresh database on each server."""

    def make(**values: Any) -> Settings:
        return Settings(**{"database_url": database, **values})

    return make
