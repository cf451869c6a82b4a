"""A chain of revisions that does not lead to one end.

What it finds:
    Several heads; a revision that names one before it which no file has; two files with one id; revisions that come
    before themselves; a database that stands at a revision which no file has. Heads that each have a branch label of
    their own are branches that somebody meant.

Why it matters:
    `alembic upgrade head` refuses to run, or, with two files of one id, runs one of them and never the other.

Evidence:
    The identifiers in the scripts; of the database, the number of rows of its version table that name a script.

Remedy:
    `alembic merge heads` for two heads; a corrected down_revision for the rest.

When to ignore:
    Never; what runs `alembic upgrade heads` on purpose has labelled branches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pgproof.facts.migrations import Migrations, Revision
from pgproof.facts.model import Facts
from pgproof.facts.questions import Question
from pgproof.rules.chain import Chain, chain_of, chain_ref, revision_ref, version_questions
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, table_ref
from pgproof.rules.migrations._examples import AT_FIRST, revision
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="MIG01", slug="several-heads", severity="high", needs=("migrations",))


def questions(facts: Facts) -> Iterator[Question]:
    """Ask which revisions the database has."""
    yield from version_questions(facts)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield what keeps Alembic from walking the chain."""
    chain = chain_of(facts)
    migrations = chain.migrations
    for file in migrations.unreadable:
        yield NotChecked(f"a file that Python can load: {file.reason}", (chain_ref(migrations),))
    heads = _unplanned_heads(migrations)
    if len(heads) > 1:
        yield _several(heads)
    yield from _missing(migrations)
    yield from _repeated(migrations)
    circle = [each for each in migrations.revisions if each.id in migrations.lineage(*each.down_revisions)]
    if circle:
        yield _circle(circle)
    if chain.strange:
        yield _strange(chain)


def _unplanned_heads(migrations: Migrations) -> list[Revision]:
    """The heads whose line has no branch label that theirs alone has."""
    labels = {head.id: _labels(migrations, head) for head in migrations.heads}
    counted = Counter(label for each in labels.values() for label in each)
    planned = {name for name, each in labels.items() if any(counted[label] == 1 for label in each)}
    unplanned = [head for head in migrations.heads if head.id not in planned]
    # One line without a label beside labelled ones is the main one.
    return list(migrations.heads) if len(unplanned) > 1 else unplanned


def _labels(migrations: Migrations, head: Revision) -> frozenset[str]:
    line = migrations.lineage(head.id, dependencies=False)
    return frozenset(label for each in migrations.revisions if each.id in line for label in each.branch_labels)


def _several(heads: list[Revision]) -> Finding:
    names = ", ".join(head.id for head in heads)
    orphans = [head.id for head in heads if not head.down_revisions]
    alone = f"; {', '.join(orphans)} names no revision before it" if orphans else ""
    return METADATA.finding(
        objects=tuple(revision_ref(head) for head in heads),
        message=f"The chain has {len(heads)} heads: {names}{alone}",
        consequence="`alembic upgrade head` refuses to run until they are one.",
        evidence=tuple(_evidence(head, "no revision names it as its down_revision") for head in heads),
        remedy=Remedy("Join them with `alembic merge heads`, or correct the down_revision of the one that came later."),
        location=heads[-1].line,
    )


def _missing(migrations: Migrations) -> Iterator[Finding]:
    for each in migrations.revisions:
        names = (*each.down_revisions, *each.depends_on)
        for name in (name for name in names if migrations.revision(name) is None):
            yield METADATA.finding(
                objects=(revision_ref(each),),
                message=f"Revision {each.id} follows {name}, which no file has",
                consequence="Alembic cannot load the chain, so no command of it runs.",
                evidence=(_evidence(each, f"it names {name}"),),
                remedy=Remedy("Bring the file back, or let the revision follow one that is there."),
                location=each.line,
            )


def _repeated(migrations: Migrations) -> Iterator[Finding]:
    for name, number in Counter(each.id for each in migrations.revisions).items():
        if number > 1:
            files = [each for each in migrations.revisions if each.id == name]
            yield METADATA.finding(
                objects=(revision_ref(files[0]),),
                message=f"{number} files are revision {name}: {', '.join(each.line.file for each in files)}",
                consequence="Alembic runs the last that it finds, and the others never.",
                evidence=tuple(_evidence(each, f"revision = {name!r}") for each in files),
                remedy=Remedy("Give all but one an id of their own, and their place in the chain."),
                location=files[-1].line,
            )


def _circle(revisions: list[Revision]) -> Finding:
    return METADATA.finding(
        objects=tuple(revision_ref(each) for each in revisions),
        message=f"Revisions come before themselves: {', '.join(each.id for each in revisions)}",
        consequence="Alembic refuses to load the chain, so no command of it runs.",
        evidence=tuple(_evidence(each, f"down_revision: {', '.join(each.down_revisions)}") for each in revisions),
        remedy=Remedy("Correct the down_revision of the one that was written first."),
        location=revisions[0].line,
    )


def _strange(chain: Chain) -> Finding:
    table = chain.version_table
    assert table is not None, "rows of a version table were counted"
    revisions = "1 revision" if chain.strange == 1 else f"{chain.strange} revisions"
    return METADATA.finding(
        objects=(chain_ref(chain.migrations),),
        related=(table_ref(table),),
        message=f"{table.qualified_name} names {revisions} that no script has",
        consequence="Alembic can neither upgrade nor downgrade this database with these scripts.",
        evidence=(
            Evidence("data", f"SELECT version_num FROM {table.qualified_name}", f"{chain.strange} without a script"),
        ),
        remedy=Remedy("Check out the scripts that this database was migrated with, or stamp it with what it has."),
    )


def _evidence(each: Revision, result: str) -> Evidence:
    return Evidence("script", f"{each.line}: revision {each.id}", result)


_FIRST = revision("a1")
_LABELLED = "\nbranch_labels = ('{}',)\n"

BAD = (
    Example(
        "two revisions follow one",
        scripts=(_FIRST, revision("b2", "a1"), revision("c3", "a1")),
        objects=("b2", "c3"),
        says=("2 heads: b2, c3 `alembic upgrade head`", "merge heads"),
    ),
    Example(
        "a revision that names none before it",
        scripts=(_FIRST, revision("b2", "a1"), revision("c3")),
        says=("b2, c3; c3 names no revision before it",),
    ),
    Example(
        "two branches without a label beside one with",
        scripts=(_FIRST, revision("b2", "a1"), revision("c3", "a1"), revision("d4") + _LABELLED.format("extra")),
        objects=("b2", "c3", "d4"),
    ),
    Example(
        "branches that share their labels",
        scripts=(_FIRST + _LABELLED.format("all"), revision("b2", "a1"), revision("c3", "a1")),
        objects=("b2", "c3"),
    ),
    Example(
        "a revision before it is gone",
        scripts=(_FIRST, revision("c3", "b2")),
        findings=2,
        objects=("c3",),
        says=("follows b2, which no file has",),
    ),
    Example("a revision that it needs is gone", scripts=(_FIRST + "\ndepends_on = 'gone'\n",), says=("follows gone",)),
    Example(
        "one id twice",
        scripts=(_FIRST, _FIRST, revision("b2", "a1")),
        objects=("a1",),
        says=("2 files are revision a1", "versions/0.py, migrations/versions/1.py Alembic"),
    ),
    Example(
        "a circle",
        scripts=(_FIRST, revision("b2", "c3"), revision("c3", "b2")),
        objects=("b2", "c3"),
        says=("come before themselves: b2, c3",),
    ),
    Example(
        "a database of other scripts", sql=AT_FIRST.format("zz"), scripts=(_FIRST,), says=("names 1 revision that",)
    ),
    Example(
        "a database of two others",
        sql=AT_FIRST.format("zz") + "; INSERT INTO alembic_version VALUES ('a1'), ('yy')",
        scripts=(_FIRST,),
        says=("names 2 revisions that",),
    ),
)
GOOD = (
    Example(
        "two labelled branches beside the main line",
        scripts=(
            _FIRST,
            revision("b2") + _LABELLED.format("one"),
            revision("c3") + _LABELLED.format("two"),
        ),
    ),
    Example("one after the other", scripts=(_FIRST, revision("b2", "a1")), sql=AT_FIRST.format("a1")),
    Example(
        "two that were merged",
        scripts=(
            _FIRST,
            revision("b2", "a1"),
            revision("c3"),
            revision("d4", "b2").replace("'b2'", "('b2', 'c3')"),
        ),
    ),
    Example(
        "branches with labels of their own",
        scripts=(_FIRST + _LABELLED.format("one"), revision("b2") + _LABELLED.format("two")),
    ),
    Example(
        "a labelled branch beside the main line",
        scripts=(_FIRST, revision("b2", "a1"), revision("c3") + _LABELLED.format("plugin")),
    ),
    Example(
        "a revision that needs one of a branch, by its label",
        scripts=(_FIRST + "\ndepends_on = 'plugin'\n", revision("c3") + _LABELLED.format("plugin")),
    ),
    Example("no revision was ever applied", scripts=(_FIRST,)),
)
