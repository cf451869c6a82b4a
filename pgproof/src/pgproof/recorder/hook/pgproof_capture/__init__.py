"""Records what SQLAlchemy sends from this process; begun by `sitecustomize`, where the environment asks for it."""

from __future__ import annotations

import os
from pathlib import Path

FILE, SECRET, ROOT = "PGPROOF_RECORDING_FILE", "PGPROOF_RECORDING_SECRET", "PGPROOF_RECORDING_ROOT"
"""Environment variables: the file to append to, the key of the digests in hex, and the folder of the project."""


def begin() -> None:
    """Record from the moment that SQLAlchemy is imported; without the variables do nothing.

    Raises:
        OSError: the file cannot be opened.
    """
    if not all(os.environ.get(name) for name in (FILE, SECRET, ROOT)):
        return
    from .arriving import when_imported
    from .recorder import Recorder

    recorder = Recorder(os.environ[FILE], bytes.fromhex(os.environ[SECRET]), Path(os.environ[ROOT]))
    when_imported("sqlalchemy", recorder.listen_to_engines)
    when_imported("sqlalchemy.orm", recorder.listen_to_sessions)
