"""How the parts of the journey show what they are doing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol


class Stage(Protocol):
    """Shows what is going on; entered for each stage of the journey."""

    def __call__(self, title: str) -> AbstractContextManager[Callable[[str, int, int], None]]:
        """Return a context in which progress may be told: what, done, of how many."""
