"""What a proof shows of a migration as a whole: each part held, failed, or was not tried."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgproof.facts.amounts import amount
from pgproof.proving.document import DataDocument, Document, FromEmptyDocument, RoundTripDocument, TrafficDocument
from pgproof.proving.load import LONGEST_WAIT_MS
from pgproof.report.dossier.measured import duration

_VERDICTS = {"holds": "The proof holds", "fails": "The proof FAILS", "incomplete": "The proof is INCOMPLETE"}
_NAMED = 3
"""Operations that a check names."""
_WHOLE_CHAIN = "the proven revisions are the whole chain"
_NOT_REACHED = "the proof did not come to it"


@dataclass(frozen=True)
class Check:
    """A part of a proof.

    Attributes:
        text: what should hold.
        held: None where it was not tried.
        detail: what was seen, or why it was not tried; empty where there is nothing to add.
    """

    text: str
    held: bool | None
    detail: str = ""

    @property
    def outcome(self) -> str:
        """In a word or two."""
        return {True: "held", False: "FAILED", None: "not tried"}[self.held]

    @property
    def kind(self) -> str:
        """The same for a style sheet."""
        return {True: "good", False: "bad", None: "open"}[self.held]


def headline(proof: Document) -> str:
    """Return the verdict, of what, on what, and when."""
    server = f"PostgreSQL {proof.scratch.server_version}, " if proof.scratch.server_version else ""
    return (
        f"{_VERDICTS[proof.verdict]}: {', '.join(proof.revisions) or 'no revision'} of {proof.source}, on {server}"
        f"{rows(proof.data)}, {proof.taken_at:%Y-%m-%d %H:%M} UTC."
    )


def rows(data: DataDocument) -> str:
    """Return the rows of the scratch copy in words."""
    return f"a scratch copy with {amount(data.rows, 'row')} ({data.mode}, scale {data.scale:g})"


def checks(proof: Document | None) -> Iterator[Check]:
    """Yield every part, those that were not tried too.

    Args:
        proof: None where nothing was proven yet.
    """
    missing = "" if proof is None else _NOT_REACHED
    trip = proof.round_trip if proof is not None else None
    for what, held in (
        ("the catalog", trip.catalog_equal if trip is not None else None),
        ("every row", trip.rows_equal if trip is not None else None),
    ):
        yield Check(f"up, down and up again leave {what} as it was", held, missing if held is None else _runs(trip))
    # A proof that came to its end has left this out where the first revision of the chain is among the proven.
    whole = proof is not None and proof.stopped is None
    yield _from_empty(proof.from_empty if proof is not None else None, _WHOLE_CHAIN if whole else missing)
    yield _kills(proof)
    yield from _traffic(proof.traffic if proof is not None else None, proof)
    text = "no operation harms the workload or keeps writers out"
    if proof is None or not proof.operations:
        yield Check(text, None, missing)
        return
    harming = [each.name for each in proof.operations if each.verdict == "harms"]
    named = "; ".join(harming[:_NAMED]) + (f" and {len(harming) - _NAMED} more" if len(harming) > _NAMED else "")
    yield Check(text, not harming, named or amount(len(proof.operations), "operation"))


def _runs(trip: RoundTripDocument | None) -> str:
    return ", ".join(duration(each * 1000) for each in trip.seconds) if trip is not None else ""


def _from_empty(built: FromEmptyDocument | None, missing: str) -> Check:
    text = "the chain builds the same schema from empty"
    if built is None:
        return Check(text, None, missing)
    return Check(text, built.built and built.differs is None, built.why or built.differs or "")


def _kills(proof: Document | None) -> Check:
    text = "killed while it runs and run again, it goes on to the end"
    if proof is None or not proof.kills:
        return Check(text, None, "" if proof is None else proof.kills_left_out or _NOT_REACHED)
    stuck = [each for each in proof.kills if each.rerun != "completes"]
    back = sum(each.command == "downgrade" for each in proof.kills)
    said = amount(len(proof.kills), "kill") + (f", {back} of the downgrade" if back else "")
    if stuck:
        said += f", {len(stuck)} not: at {stuck[0].statement}: {stuck[0].rerun}"
    return Check(text, not stuck, f"{said}; {proof.kills_left_out}" if proof.kills_left_out else said)


def _traffic(traffic: TrafficDocument | None, proof: Document | None) -> Iterator[Check]:
    waits = f"beside traffic no request waits for a lock of it longer than {LONGEST_WAIT_MS:.0f} ms"
    errors = "beside traffic no request fails that had not before"
    if traffic is None:
        why = "" if proof is None else "it did not run beside traffic: pgproof prove --traffic"
        yield Check(waits, None, why)
        yield Check(errors, None, why)
        return
    assert proof is not None
    seen = f"the longest {duration(traffic.longest_wait_ms)}, {amount(traffic.beside.rate, 'request')} a second"
    yield Check(waits, traffic.longest_wait_ms <= LONGEST_WAIT_MS, seen)
    broken = [each.what for each in proof.problems if each.name == "breaks traffic"]
    yield Check(errors, not broken, broken[0] if broken else amount(traffic.beside.requests, "request"))
