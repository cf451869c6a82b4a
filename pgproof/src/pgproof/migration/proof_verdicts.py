"""The verdicts of a proof.json, as a plan takes them."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from pgproof.errors import PgproofError
from pgproof.proving.document import from_json
from pgproof.remedy.proven import Proven, Verdict


def read_verdicts(file: Path) -> Proven:
    """Return what a proof said of each operation.

    Raises:
        PgproofError: the file cannot be read, is no proof of this version, or came to no verdict; in one line.
    """
    try:
        document = from_json(file.read_bytes())
    except OSError as error:
        raise PgproofError(f"{file} cannot be read: {error.strerror}") from None
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise PgproofError(
            f"{file} is no proof.json of version 1 ({where}: {first['msg']}): write one with pgproof prove --format"
            " json"
        ) from None
    if not document.operations:
        why = f" ({document.stopped})" if document.stopped else ""
        raise PgproofError(f"{file} has no verdict on any operation{why}: prove the revision to its end first")
    verdicts = tuple(Verdict(each.name, each.verdict, each.why) for each in document.operations)
    return Proven(verdicts, bool(document.statements))
