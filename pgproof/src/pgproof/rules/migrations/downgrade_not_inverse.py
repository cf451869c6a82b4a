"""A downgrade that does not lead back.

What it finds:
    Revisions after whose upgrade and downgrade the catalog is not what it was, object by object, with owners, rights,
    comments, options and predicates; and downgrades that end with an error. What the script shows already (no
    downgrade(), or an empty one) and one that raises NotImplementedError are left to missing-or-empty-downgrade. Where
    several revisions were proven at once, each was taken up and down alone, if they follow each other in one line.

Why it matters:
    On the day when a release has to be taken back, older code meets a schema that it has never seen, or the downgrade
    stops half-way; the next upgrade meets what the first one left.

Evidence:
    Fingerprints of the catalog before the upgrade and after the downgrade on a scratch copy (`pgproof prove`).

Remedy:
    Take back each operation of upgrade() in downgrade(), last one first, with the options that the object had.

When to ignore:
    Projects that only ever go forward; let the scripts raise NotImplementedError, then nothing is reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.experiments import Failed, TakenBack
from pgproof.facts.migrations import Operation, Revision
from pgproof.facts.model import Facts
from pgproof.facts.questions import Question
from pgproof.rules.chain import chain_of, version_questions
from pgproof.rules.finding import Finding, NotChecked
from pgproof.rules.migrations._downgrades import not_taken_back
from pgproof.rules.migrations._examples import AT_FIRST, TABLE, proof, revision
from pgproof.rules.migrations._experiments import experiments_of, listed, proven, seen, unfinished
from pgproof.rules.migrations._faults import Fault, report
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="MIG09", slug="downgrade-not-inverse", severity="high", needs=("migrations", "experiments"))

_REFUSES = ("NotImplementedError", "has no attribute 'downgrade'")
_ELSEWHERE = ("concurrently in a transaction", "reaches elsewhere", "extension missing", "extension refused")
"""Failures that another rule reports, or that say nothing about the downgrade."""


def questions(facts: Facts) -> Iterator[Question]:
    """Ask which revisions the database has."""
    yield from version_questions(facts)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each revision whose downgrade leaves another catalog, or fails."""
    tried, chain = experiments_of(facts), chain_of(facts)
    faults = [
        fault
        for each in proven(facts, chain)
        if not (facts.runs("MIG08") and not_taken_back(each))
        for fault in _faults(facts, each)
    ]
    yield from report(METADATA, chain, faults, "have a downgrade that does not lead back")
    if tried.taken_back is None and not any(each.direction == "downgrade" for each in tried.failed):
        yield unfinished(facts, "the downgrade")


def _faults(facts: Facts, revision: Revision) -> Iterator[Fault]:
    for each in experiments_of(facts).taken_back or ():
        if revision.id in each.revisions and each.objects:
            among = "" if len(each.revisions) == 1 else " (one of several that were proven at once)"
            yield _fault(facts, revision, f"leaves something else{among}: {listed(each.objects)}", _objects(each))
    for failed in experiments_of(facts).failed:
        refused = any(word in failed.said for word in _REFUSES) or failed.kind in _ELSEWHERE
        if failed.direction == "downgrade" and failed.revision == revision.id and not refused:
            statement = failed.statement or f"alembic downgrade from {revision.id}"
            yield _fault(facts, revision, "ends with an error", f"failed: {failed.said}", statement)


def _objects(each: TakenBack) -> str:
    return f"did not leave the catalog as it was: {'; '.join(each.objects)}"


def _fault(facts: Facts, revision: Revision, what: str, result: str, statement: str | None = None) -> Fault:
    ran = statement or f"alembic upgrade {revision.id}, then alembic downgrade"
    line = revision.downgrade.line or revision.line
    return Fault(
        revision,
        Operation("other", ran, line=line),
        f"has a downgrade that {what}",
        METADATA.severity,
        "On the day when the release has to be taken back, older code meets a schema that it has never seen.",
        "Take back each operation of upgrade() in downgrade(), last one first, with the options that the object had.",
        seen=(seen(facts, ran, result),),
    )


_ADD = 'op.add_column("t", sa.Column("n", sa.Integer))'
_DROP = 'op.drop_column("t", "n")'
_LEFT = ("index public.t_n is left over", "table column public.t.n is left over")


def _back(*revisions: str, objects: tuple[str, ...] = _LEFT, rows: tuple[str, ...] = ()) -> TakenBack:
    return TakenBack(revisions or ("a1",), objects, rows)


def _failed(said: str, kind: str = "downgrade fails") -> Failed:
    return Failed("a1", "downgrade", "ALTER TABLE t DROP COLUMN m", said, kind)


BAD = (
    Example(
        "something stays",
        sql=TABLE,
        given=(proof("a1", "b2", taken_back=(_back(),)),),
        scripts=(revision("a1", up=_ADD, down=_DROP), revision("b2", "a1", up=_DROP, down=_ADD)),
        objects=("a1",),
        severity="high",
        says=("leaves something else: index public.t_n is left over",),
    ),
    Example(
        "an error",
        sql=TABLE,
        given=(proof("a1", "b2", failed=(_failed('column "m" of relation "t" does not exist'),)),),
        scripts=(
            revision("a1", up=_ADD, down='op.drop_column("t", "m")'),
            revision("b2", "a1", up=_DROP, down=_ADD),
        ),
        objects=("a1",),
        says=("ends with an error",),
    ),
    Example(
        "one of two",
        sql=TABLE,
        given=(proof("a1", "b2", taken_back=(_back("a1", "b2"),)),),
        scripts=(revision("a1", up=_ADD, down=_DROP), revision("b2", "a1", up=_ADD, down=_DROP)),
        findings=2,
        says=("one of several",),
    ),
    Example(
        "history",
        sql=TABLE + AT_FIRST.format("a1"),
        given=(proof(taken_back=(_back(),)),),
        scripts=(revision("a1", up=_ADD, down=_DROP),),
        severity="low",
        says=("1 applied revision",),
    ),
)
GOOD = (
    Example(
        "a way back",
        sql=TABLE,
        given=(proof(taken_back=()),),
        scripts=(revision("a1", up=_ADD, down=_DROP),),
    ),
    Example(
        "rows alone, which another rule reports",
        sql=TABLE,
        given=(proof(taken_back=(_back(objects=(), rows=("public.t had 5 rows and has 4",)),)),),
        scripts=(revision("a1", up=_ADD, down=_DROP),),
    ),
    Example(
        "an empty downgrade, which the script shows",
        sql=TABLE,
        given=(proof(taken_back=(_back(),)),),
        scripts=(revision("a1", up=_ADD),),
    ),
    Example(
        "one that says that there is no way back",
        sql=TABLE,
        given=(proof(failed=(_failed("NotImplementedError: no way back", "no downgrade"),)),),
        scripts=(revision("a1", up=_ADD, down='raise NotImplementedError("no way back")'),),
    ),
    Example(
        "CONCURRENTLY in a transaction, which another rule reports",
        sql=TABLE,
        given=(proof(failed=(_failed("cannot run inside a transaction block", "concurrently in a transaction"),)),),
        scripts=(revision("a1", up=_ADD, down=_DROP),),
    ),
    Example(
        "a revision of another chain",
        sql=TABLE,
        given=(proof("z9", taken_back=(_back("z9"),)),),
        scripts=(revision("a1", up=_ADD, down=_DROP),),
    ),
)
