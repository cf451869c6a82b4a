"""What the application's engine is: its pool, its timeouts, and what a live connection of it has set."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Engine:
    """An engine as the application makes it.

    Attributes:
        name: by which it was given, `package.module:engine`.
    """

    name: str
