"""Reads a file of `pgproof record`."""

from __future__ import annotations

from pathlib import Path

from pgproof.errors import PgproofError
from pgproof.facts.recording import Recording


def read_recording(path: Path) -> Recording:
    """Return what a file of `pgproof record` holds.

    Raises:
        PgproofError: it is none, or one of a newer version.
    """
    raise PgproofError(f"{path} cannot be read yet")
