"""The verdicts of a proof, as a plan takes them."""

from __future__ import annotations

from pgproof.errors import PgproofError
from pgproof.proving.document import Document
from pgproof.remedy.proven import Proven, Verdict


def verdicts_of(proof: Document) -> Proven:
    """Return what a proof said of each operation.

    Raises:
        PgproofError: it came to no verdict; in one line.
    """
    if not proof.operations:
        why = f" ({proof.stopped})" if proof.stopped else ""
        raise PgproofError(f"the proof has no verdict on any operation{why}: prove the revision to its end first")
    verdicts = tuple(Verdict(each.name, each.verdict, each.why) for each in proof.operations)
    return Proven(verdicts, bool(proof.statements))
