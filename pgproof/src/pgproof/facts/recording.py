"""What an application sent while it was recorded: statements with their call sites, rows and times."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recording:
    """A recorded workload.

    Attributes:
        file: it was read from.
    """

    file: str
