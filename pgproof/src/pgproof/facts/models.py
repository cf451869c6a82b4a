"""What the SQLAlchemy models say: tables, columns, mappers and relationships, each with its file and line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Models:
    """Everything the models declare.

    Attributes:
        names: by which they were given, `package.module:Base`.
    """

    names: tuple[str, ...]
