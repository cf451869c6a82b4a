"""Clients for the kill driver; they run in processes of their own, which import this module."""

from __future__ import annotations

from sqlalchemy import Engine, NullPool, create_engine

from intowork.operations.migrate import current_revision, downgrade, upgrade

LOWER = {"h8c2d6e5f4g3": "g7b1c5d4e3f2", "i9d3e7f6a5b4": "h8c2d6e5f4g3", "j0e4f8a7b6c5": "i9d3e7f6a5b4"}


def up_to_h8c2d6e5f4g3(url: str) -> None:
    _up(url, "h8c2d6e5f4g3")


def up_to_i9d3e7f6a5b4(url: str) -> None:
    _up(url, "i9d3e7f6a5b4")


def up_to_j0e4f8a7b6c5(url: str) -> None:
    _up(url, "j0e4f8a7b6c5")


def down_from_h8c2d6e5f4g3(url: str) -> None:
    _down(url, "h8c2d6e5f4g3")


def down_from_i9d3e7f6a5b4(url: str) -> None:
    _down(url, "i9d3e7f6a5b4")


def down_from_j0e4f8a7b6c5(url: str) -> None:
    _down(url, "j0e4f8a7b6c5")


def _engine(url: str) -> Engine:
    return create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1), poolclass=NullPool)


def _up(url: str, revision: str) -> None:
    upgrade(_engine(url), revision)


def _down(url: str, revision: str) -> None:
    # Run again after it has come through but for the last answer, there is nothing left to do.
    engine = _engine(url)
    if current_revision(engine) == revision:
        downgrade(engine, LOWER[revision])
