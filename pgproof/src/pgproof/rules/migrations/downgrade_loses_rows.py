"""A downgrade after which rows are gone, or hold something else.

What it finds:
    Revisions after whose upgrade and downgrade a table that was there before has other rows: fewer, more, or as many
    with other values. A column that upgrade() drops comes back empty, rows that it deletes do not come back at all.

Why it matters:
    Taking back a release then destroys data, on a day when there is no time to notice.

Evidence:
    The number and the hashes of each table's rows before the upgrade and after the downgrade on a scratch copy
    (`pgproof prove`); never a value.

Remedy:
    Set aside what goes (a table in the schema quarantine, or the old column under another name) and bring it back in
    downgrade(); drop it in a later release, when nobody goes back any more.

When to ignore:
    Rows that can be made again at any time, such as those of a cache; say so in the suppression.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.experiments import TakenBack
from pgproof.facts.migrations import Operation, Revision
from pgproof.facts.model import Facts
from pgproof.facts.questions import Question
from pgproof.rules.chain import chain_of, version_questions
from pgproof.rules.finding import Finding, NotChecked
from pgproof.rules.migrations._examples import AT_FIRST, TABLE, proof, revision
from pgproof.rules.migrations._experiments import experiments_of, listed, proven, seen, unfinished
from pgproof.rules.migrations._faults import Fault, report
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="MIG10", slug="downgrade-loses-rows", severity="high", needs=("migrations", "experiments"))


def questions(facts: Facts) -> Iterator[Question]:
    """Ask which revisions the database has."""
    yield from version_questions(facts)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each revision that is not taken back without a loss."""
    chain = chain_of(facts)
    changed = experiments_of(facts).taken_back
    faults = [
        _fault(facts, revision, each)
        for revision in proven(facts, chain)
        for each in changed or ()
        if revision.id in each.revisions and each.rows
    ]
    yield from report(METADATA, chain, faults, "cannot be taken back without a loss of rows")
    if changed is None:
        yield unfinished(facts, "the rows after the downgrade")


def _fault(facts: Facts, revision: Revision, each: TakenBack) -> Fault:
    among = "" if len(each.revisions) == 1 else " (one of several that were proven at once)"
    ran = f"alembic upgrade {revision.id}, then alembic downgrade"
    return Fault(
        revision,
        Operation("other", ran, line=revision.downgrade.line or revision.line),
        f"is not taken back without a loss{among}: {listed(each.rows)}",
        METADATA.severity,
        "Taking back the release destroys what these rows held.",
        "Set aside what goes and bring it back in downgrade(); drop it in a later release.",
        seen=(seen(facts, ran, f"did not leave the rows as they were: {'; '.join(each.rows)}"),),
    )


_DROP = 'op.drop_column("t", "a")'
_ADD = 'op.add_column("t", sa.Column("a", sa.Integer))'
_SCRIPTS = (revision("a1", up=_DROP, down=_ADD),)
_EMPTIED = TakenBack(("a1",), (), ("public.t has as many rows, and other values or columns in them",))

BAD = (
    Example(
        "a column that comes back empty",
        sql=TABLE,
        given=(proof("a1", "b2", taken_back=(_EMPTIED,)),),
        scripts=(*_SCRIPTS, revision("b2", "a1")),
        objects=("a1",),
        severity="high",
        says=("public.t has as many rows", "destroys"),
    ),
    Example(
        "rows that do not come back",
        sql=TABLE,
        given=(proof(taken_back=(TakenBack(("a1",), (), ("public.t had 300 rows and has 299",)),)),),
        scripts=(revision("a1", up='op.execute("DELETE FROM t WHERE a = 1")'),),
        says=("had 300 rows and has 299",),
    ),
    Example(
        "history",
        sql=TABLE + AT_FIRST.format("a1"),
        given=(proof(taken_back=(_EMPTIED,)),),
        scripts=_SCRIPTS,
        severity="low",
        says=("1 applied revision",),
    ),
)
GOOD = (
    Example("rows that are as they were", sql=TABLE, given=(proof(taken_back=()),), scripts=_SCRIPTS),
    Example(
        "objects alone, which another rule reports",
        sql=TABLE,
        given=(proof(taken_back=(TakenBack(("a1",), ("index public.i is left over",), ()),)),),
        scripts=_SCRIPTS,
    ),
    Example("a downgrade that nobody came to", sql=TABLE, given=(proof(stopped="it hung"),), scripts=_SCRIPTS),
    Example(
        "of another revision",
        sql=TABLE,
        given=(proof("z9", taken_back=(TakenBack(("z9",), (), ("public.t had 2 rows and has 1",)),)),),
        scripts=_SCRIPTS,
    ),
)
