"""Whether a proof speaks of what was audited: of the same database, and of revisions that it has yet to get."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from pgproof.audit import Audit
from pgproof.proving.document import Document as ProofDocument
from pgproof.rules.chain import Chain, chain_of

Status = Literal["open", "in migration", "proven"]
"""Of a finding: how far its mending has come, as far as is known."""
_STATUSES: tuple[Status, ...] = ("open", "in migration", "proven")


@dataclass(frozen=True)
class Doubt:
    """Why a proof says less than it seems to.

    Attributes:
        line: what is amiss, and what to do.
        at_most: what a finding may be called on the word of such a proof.
    """

    line: str
    at_most: Status


def doubts(audit: Audit, proof: ProofDocument, source: str | None) -> Iterator[Doubt]:
    """Yield what speaks against taking a proof for one of the audited database.

    Args:
        audit: with the migrations of the project, where they were given.
        proof: as it was read.
        source: the audited server, named as a proof names it; None for a snapshot, which knows the database's name.
    """
    name = audit.facts.database.name
    same = proof.source == source if source is not None else proof.source.startswith(f"database {name} at ")
    if not same:
        yield Doubt(
            f"the proof is of {proof.source}, and this report of {source or f'a snapshot of database {name}'}: nothing "
            "counts as proven here; prove the same SOURCE",
            "in migration",
        )
    chain = chain_of_audit(audit)
    if chain is None:
        return
    strange = [each for each in proof.revisions if chain.migrations.revision(each) is None]
    if strange:
        yield Doubt(
            f"the proof is of {', '.join(strange)}, which {chain.migrations.file} does not lead to: prove again",
            "open",
        )
        return
    there = [each for each in proof.revisions if each in (chain.applied or ())]
    if there:
        yield Doubt(
            f"the proof is of {', '.join(there)}, which the database has already: it says nothing of what is pending",
            "open",
        )
    left = [each.id for each in chain.migrations.revisions if chain.is_pending(each) and each.id not in proof.revisions]
    if left:
        yield Doubt(f"pending too, and not proven: {', '.join(left)}", "proven")


def at_most(found: Iterable[Doubt]) -> Status:
    """Return what a finding may be called, whatever a proof shows."""
    return min((each.at_most for each in found), key=_STATUSES.index, default="proven")


def chain_of_audit(audit: Audit) -> Chain | None:
    """Return the chain of revisions with what the database has of them; None where nobody gave it."""
    return None if audit.facts.migrations is None else chain_of(audit.facts)
