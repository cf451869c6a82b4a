"""The proof that a person gives to a command."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from pgproof.proving.document import Document, from_json
from pgproof.settings import ConfigurationError


def read_proof(path: Path) -> Document:
    """Return the proof that a file holds, before a server is asked for anything.

    Raises:
        ConfigurationError: it cannot be read, or is no proof.
    """
    try:
        return from_json(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"--proof {path} cannot be read: {error.strerror}") from None
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        said = f"{where}: {first['msg']}" if where else first["msg"]
        raise ConfigurationError(
            f"--proof {path} is no proof of this version of pgproof ({said}): write it with pgproof prove --format json"
        ) from None
