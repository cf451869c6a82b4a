"""Clients for the kill driver; they run in processes of their own, which import this module."""

from __future__ import annotations

import os
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import NullPool, create_engine

BASE = "a1"


def up(folder: str, url: str) -> None:
    command.upgrade(_config(folder, url), "head")


def down(folder: str, url: str) -> None:
    # Run again after it has come through but for the last answer, there is nothing left to do.
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1), poolclass=NullPool)
    with engine.connect() as connection:
        at = MigrationContext.configure(connection).get_current_revision()
    if at != BASE:
        command.downgrade(_config(folder, url), BASE)


def _config(folder: str, url: str) -> Config:
    os.environ["DATABASE_URL"] = url
    config = Config(Path(folder) / "alembic.ini")
    config.set_main_option("script_location", f"{folder}/alembic")
    return config
