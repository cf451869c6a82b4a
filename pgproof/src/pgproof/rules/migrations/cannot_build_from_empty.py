"""A chain that does not build a database from nothing.

What it finds:
    Chains whose `alembic upgrade` on an empty database ended with an error in a proof. An extension that the scratch
    server lacks, or code that the proof does not let reach another server, says nothing about the chain.

Why it matters:
    A new environment, a test database, or a database after a disaster without a usable backup cannot be made from the
    scripts. Who builds it otherwise, from the models or from a dump, tests another schema than production has.

Evidence:
    The run of the project's own Alembic on an empty database (`pgproof prove`), and what it said.

Remedy:
    Write what is missing as a first revision, such as the schema that was there before Alembic, or squash the chain
    into one; let revisions that need rows do without them.

When to ignore:
    Schemas that something else than Alembic creates on purpose, and Alembic only changes.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.experiments import FromEmpty
from pgproof.facts.model import Facts
from pgproof.rules.chain import chain_ref, revision_ref
from pgproof.rules.finding import Finding, NotChecked, Remedy
from pgproof.rules.migrations._examples import TABLE, proof, revision
from pgproof.rules.migrations._experiments import experiments_of, seen, unfinished
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(
    code="MIG02", slug="cannot-build-from-empty", severity="medium", needs=("migrations", "experiments")
)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield the chain where it does not build an empty database."""
    migrations, built = facts.migrations, experiments_of(facts).from_empty
    assert migrations is not None
    if built is None:
        yield unfinished(facts, "the chain on an empty database")
    elif built.built is None:
        yield NotChecked(f"a scratch server on which the chain can run (pgproof prove --scratch-url): {built.why}")
    elif not built.built:
        stopped = migrations.revision(built.revision) if built.revision is not None else None
        at = f": it stops at {stopped.id}" if stopped else ""
        yield METADATA.finding(
            objects=(chain_ref(migrations),),
            related=(revision_ref(stopped),) if stopped else (),
            message=f"The chain does not build an empty database{at}",
            consequence="Neither a new environment nor a database after a disaster can be made from the scripts.",
            evidence=(seen(facts, "alembic upgrade on an empty database", f"failed: {built.why}"),),
            remedy=Remedy("Write what is missing as a first revision, and let revisions do without rows they expect."),
            confidence="measured",
            location=stopped.line if stopped else None,
        )


_WHY = 'relation "watched" does not exist'
_CHAIN = (revision("a1"), revision("b2", "a1"))


BAD = (
    Example(
        "a table that no revision makes",
        sql=TABLE,
        given=(proof("b2", from_empty=FromEmpty(False, _WHY, "b2")),),
        scripts=_CHAIN,
        objects=("migrations",),
        severity="medium",
        says=("it stops at b2",),
    ),
    Example(
        "a revision that nobody can name",
        sql=TABLE,
        given=(proof("b2", from_empty=FromEmpty(False, _WHY)),),
        scripts=_CHAIN,
    ),
)
GOOD = (
    Example("a chain that builds", given=(proof("b2", from_empty=FromEmpty(True)),), scripts=_CHAIN),
    Example(
        "an extension that the scratch server lacks",
        given=(proof("b2", from_empty=FromEmpty(None, 'extension "postgis" is not available')),),
        scripts=_CHAIN,
    ),
    Example("a proof that was stopped before", given=(proof("b2", stopped="the disk is full"),), scripts=_CHAIN),
)
