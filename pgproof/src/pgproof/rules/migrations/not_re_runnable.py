"""A migration that cannot be run again after a kill.

What it finds:
    Revisions whose upgrade was killed at one of its statements, the client by SIGKILL or the server's side by
    pg_terminate_backend, and which then, run again as it stands, ended with an error or left something else than an
    undisturbed run does.

Why it matters:
    A deployment that is stopped, a container that is killed for its memory, or a failover in mid-migration leaves a
    database that no `alembic upgrade` mends: somebody has to find out by hand what is half done.

Evidence:
    The statement that was killed and what the run after it said, on a scratch copy (`pgproof prove`). Kills follow
    each other on one copy, so that the statement is the first after which it was seen.

Remedy:
    One transaction, or steps that look first: by definition and validity, not by name (IF NOT EXISTS takes an invalid
    index for a good one). Before a concurrent build, drop an invalid index of that name; wait for the backend of the
    killed run with an advisory lock.

When to ignore:
    Migrations that somebody watches, on a database that can be restored.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.experiments import NotRerun
from pgproof.facts.migrations import Revision
from pgproof.facts.model import Facts
from pgproof.facts.questions import Question
from pgproof.rules.chain import chain_of, version_questions
from pgproof.rules.finding import Finding, NotChecked
from pgproof.rules.migrations._examples import AT_FIRST, TABLE, proof, revision
from pgproof.rules.migrations._experiments import experiments_of, proven, seen, sent, unfinished
from pgproof.rules.migrations._faults import Fault, report
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="MIG13", slug="not-re-runnable", severity="medium", needs=("migrations", "experiments"))

_WORDS = {"client": "its process was killed", "backend": "its server process was ended"}


def questions(facts: Facts) -> Iterator[Question]:
    """Ask which revisions the database has."""
    yield from version_questions(facts)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each revision that did not come to its end in the run after a kill."""
    tried, chain = experiments_of(facts), chain_of(facts)
    faults = [
        _fault(facts, revision, each)
        for revision in proven(facts, chain)
        for each in tried.not_rerun
        # Of several, the one that nobody could tell is the last that was running.
        if each.revision == revision.id or (each.revision is None and revision.id == tried.revisions[-1])
    ]
    yield from report(METADATA, chain, faults, "could not be run again after a kill")
    if tried.kills is None:
        yield unfinished(facts, "the kills")


def _fault(facts: Facts, revision: Revision, each: NotRerun) -> Fault:
    return Fault(
        revision,
        sent(revision, each.statement),
        f"cannot be run again where {_WORDS[each.mode]} at {each.statement}",
        METADATA.severity,
        "What is stopped half-way has to be found out and mended by hand before any revision runs again.",
        "Let each step look for what is there already, by definition and validity, before it makes it.",
        seen=(seen(facts, each.statement, f"was killed there ({each.mode}), and {each.problem}"),),
    )


_BUILD = "CREATE INDEX CONCURRENTLY i ON t (a)"
_SCRIPTS = (
    revision("a1", up="with op.get_context().autocommit_block():", then=f'    op.execute("{_BUILD}")'),
    revision("b2", "a1"),
)
_KILLED = NotRerun("a1", _BUILD, "client", 'the run after it failed: relation "i" already exists')

BAD = (
    Example(
        "an index that is half built",
        sql=TABLE,
        given=(proof("a1", "b2", kills=2, not_rerun=(_KILLED,)),),
        scripts=_SCRIPTS,
        objects=("a1",),
        severity="medium",
        says=("its process was killed at CREATE INDEX CONCURRENTLY i", "by hand"),
    ),
    Example(
        "the server's side",
        sql=TABLE,
        given=(proof("a1", "b2", kills=2, not_rerun=(NotRerun(None, "COMMIT", "backend", "it came to another end"),)),),
        scripts=_SCRIPTS,
        objects=("b2",),
        says=("its server process was ended at COMMIT",),
    ),
    Example(
        "history",
        sql=TABLE + AT_FIRST.format("a1"),
        given=(proof(kills=2, not_rerun=(_KILLED,)),),
        scripts=_SCRIPTS,
        severity="low",
        says=("1 applied revision",),
    ),
)
GOOD = (
    Example("runs that come to their end", sql=TABLE, given=(proof(kills=4),), scripts=_SCRIPTS),
    Example("kills that nobody came to", sql=TABLE, given=(proof(stopped="the disk is full"),), scripts=_SCRIPTS),
    Example(
        "of another chain",
        sql=TABLE,
        given=(proof("z9", kills=1, not_rerun=(NotRerun("z9", "COMMIT", "client", "it failed"),)),),
        scripts=_SCRIPTS,
    ),
)
