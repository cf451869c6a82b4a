"""Facts as a file: an audit can be replayed from it offline, and a bug report is one."""

from __future__ import annotations

import json
from functools import cache

from pydantic import TypeAdapter, ValidationError

from pgproof.errors import PgproofError
from pgproof.facts.model import Facts
from pgproof.facts.read import SNAPSHOT_VERSION


@cache
def _adapter() -> TypeAdapter[Facts]:
    return TypeAdapter(Facts)


def to_json(facts: Facts) -> bytes:
    """Return facts as UTF-8 JSON."""
    return _adapter().dump_json(facts)


def from_json(text: bytes, name: str) -> Facts:
    """Return the facts of a snapshot.

    Args:
        text: the content of the file.
        name: of the file, for messages.

    Raises:
        PgproofError: it is not a snapshot, or one of a newer version.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise PgproofError(f"{name} is not a snapshot: it is not JSON; make one with pgproof snapshot") from None
    version = document.get("version") if isinstance(document, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise PgproofError(f"{name} is not a snapshot: it has no version; make one with pgproof snapshot")
    if version > SNAPSHOT_VERSION:
        raise PgproofError(f"{name} was made by a newer pgproof (version {version}): update pgproof to read it")
    try:
        return _adapter().validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise PgproofError(f"{name} is a damaged snapshot at {where}: {first['msg']}; make it again") from None
