"""What the Alembic scripts do: revisions, and the operations each emits up and down."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Migrations:
    """A chain of revisions.

    Attributes:
        file: the alembic.ini, relative to the project.
    """

    file: str
