"""What a plan is made of: reasons, steps, and what is left to people."""

from __future__ import annotations

from dataclasses import dataclass

from pgproof.remedy.constraints import AddForeignKey
from pgproof.remedy.operation import Operation


@dataclass(frozen=True)
class Reason:
    """A finding, as far as a plan and a revision speak of it.

    Attributes:
        evidence: what was run and what came back, a line each.
        fingerprint: of the finding.
    """

    rule: str
    slug: str
    severity: str
    message: str
    evidence: tuple[str, ...]
    fingerprint: str


@dataclass(frozen=True)
class Wanted:
    """What mends one finding.

    Attributes:
        operations: in the order they need; none where no change of the schema alone mends it.
        why_not: what has to be done instead, where there are none.
        undecided: foreign keys as they are, whose action nobody but people can choose.
        optional: operations that are done only where people decide so.
        left: what is left to people beside the operations, a line each.
    """

    reason: Reason
    operations: tuple[Operation, ...]
    why_not: str = ""
    undecided: tuple[AddForeignKey, ...] = ()
    optional: tuple[Operation, ...] = ()
    left: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """An operation and the findings that it settles, or helps to."""

    operation: Operation
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Left:
    """A finding, or a part of it, that no revision mends.

    Attributes:
        why: and what to do instead.
        by_hand: SQL for people to run, where there is any.
    """

    reason: Reason
    why: str
    by_hand: tuple[str, ...] = ()
