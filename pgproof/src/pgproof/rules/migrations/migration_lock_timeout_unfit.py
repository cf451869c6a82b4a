"""Migrations that wait for locks without limit, or build an index concurrently with one.

What it finds:
    Upgrades that lock tables in use while neither the script, env.py and what lies beside it, alembic.ini, nor any
    setting of the server, the database or a role speaks of lock_timeout: one finding for the whole chain. And upgrades
    that build an index concurrently while the script itself, or the database, has a lock_timeout: one for each.

Why it matters:
    An ALTER TABLE that waits behind one long transaction makes everybody wait who comes later, for as long as that
    transaction lasts. A concurrent build waits for old transactions by its nature, without blocking anybody; a timeout
    ends it and leaves an invalid index, which every write keeps up and no query uses.

Evidence:
    The statements that Alembic sends, the text of env.py, pg_settings and pg_db_role_setting. With `--proof` how long a
    request waited for a lock of the migration, or the build that a lock_timeout ended.

Remedy:
    In env.py, after connecting: `connection.execute(text("SET lock_timeout = '2s'"))`, and try again when it fails.
    Before a concurrent build, in the autocommit block: `op.execute("SET lock_timeout = 0")`.

When to ignore:
    Migrations that run while the application is stopped, or whose runner sets it where this does not look.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pgproof.facts.experiments import Held
from pgproof.facts.model import Facts
from pgproof.facts.questions import Question
from pgproof.facts.source_line import SourceLine
from pgproof.rules import given
from pgproof.rules.chain import Chain, chain_of, chain_ref, revision_ref, version_questions
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy
from pgproof.rules.given_access import hidden, role_setting
from pgproof.rules.migrations._examples import AT_FIRST, TABLE, proof, revision
from pgproof.rules.migrations._experiments import seen
from pgproof.rules.migrations._faults import Fault, Step, index_name, report, sized, steps, unread
from pgproof.rules.migrations._locks import SETTING, is_off, locks_out, timeout_of_database
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="MIG07", slug="migration-lock-timeout-unfit", severity="medium", needs=("migrations",))

_BUILDS = ("create_index", "reindex")


def questions(facts: Facts) -> Iterator[Question]:
    """Ask which revisions the database has."""
    yield from version_questions(facts)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield the chain if nothing limits its waits, and each revision whose concurrent build something limits."""
    chain = chain_of(facts)
    of_database = timeout_of_database(facts)
    taken = list(steps(facts, chain))
    unlimited = [step for step in taken if locks_out(step.operation) and step.operation.setting(SETTING) is None]
    limited = (
        not is_off(of_database)
        or chain.migrations.environment.limits_locks
        or any(each.name == SETTING for each in facts.server.role_settings)
    )
    if unlimited:
        if of_database is None:
            yield NotChecked(
                f"the server's {SETTING}, to see whether migrations wait for ever", (chain_ref(chain.migrations),)
            )
        elif not limited:
            yield _without(facts, chain, unlimited)
    builds = (
        replace(fault, seen=tuple(_ended(facts, fault)))
        for step in taken
        if (fault := _limited_build(step, of_database)) is not None
    )
    yield from report(METADATA, chain, builds, "built an index concurrently under a lock_timeout")
    yield from unread(chain)


def _waits(facts: Facts, chain: Chain) -> Iterator[Evidence]:
    """The longest wait of a request for each revision to come, as a proof saw it."""
    held = [each for each in (facts.experiments.held if facts.experiments else None) or () if each.waited_ms]
    for coming in chain.migrations.revisions:
        own = [each for each in held if each.revision == coming.id and not chain.is_applied(coming)]
        if own:
            worst = max(own, key=lambda each: each.waited_ms or 0)
            what = f"made a request wait {worst.waited_ms:.0f} ms for {worst.mode} on {worst.relation}"
            yield seen(facts, worst.statement or coming.id, what)


def _ended(facts: Facts, fault: Fault) -> Iterator[Evidence]:
    for each in facts.experiments.failed if facts.experiments else ():
        if each.revision == fault.revision.id and "lock timeout" in each.said:
            yield seen(facts, each.statement or fault.operation.sql, f"failed: {each.said}")


def _without(facts: Facts, chain: Chain, found: list[Step]) -> Finding:
    coming = [step for step in found if not chain.is_applied(step.revision)]
    shown = coming or found
    names = list(dict.fromkeys(step.revision.id for step in shown))
    which = "revisions to come" if coming else "applied revisions"
    environment = chain.migrations.environment
    waits = tuple(_waits(facts, chain))
    locks = f"{which} that lock tables in use, such as {names[-1]}: {len(names)}"
    return METADATA.finding(
        objects=(chain_ref(chain.migrations),),
        message=f"No lock_timeout limits the migrations; {locks}",
        consequence="Where one of them waits behind a long transaction, every reader and writer after it waits, too.",
        severity=None if coming else "low",
        confidence="measured" if waits else "catalog",
        related=tuple(revision_ref(each) for each in dict.fromkeys(step.revision for step in coming)),
        evidence=(
            *waits,
            Evidence("script", environment.file, "it does not speak of lock_timeout"),
            *(Evidence("script", each.operation.sql, f"{each.operation.line}") for each in shown[-3:]),
        ),
        remedy=Remedy("Set lock_timeout to a few seconds in env.py after connecting, and run again what gave up."),
        location=SourceLine(environment.file, 1),
    )


def _limited_build(step: Step, of_database: str | None) -> Fault | None:
    operation = step.operation
    if not operation.concurrently or operation.kind not in _BUILDS:
        return None
    own = operation.setting(SETTING)
    inherited = own is None or own.lower() == "default"
    value = of_database if inherited else own
    if is_off(value):
        return None
    where = "the database's" if inherited else "its own"
    return Fault(
        step.revision,
        operation,
        f"builds {index_name(operation)} on {sized(step.table)} concurrently under {where} lock_timeout of {value}",
        METADATA.severity,
        "A transaction older than that ends the build, and an invalid index stays behind.",
        "Set lock_timeout to 0 in the autocommit block, before the build.",
        (step.table,),
    )


_ALTER = 'op.add_column("t", sa.Column("n", sa.Integer))'
_OFF = given.setting(SETTING, "0", "default")
_BLOCK = "with op.get_context().autocommit_block():"
_INDEX = '    op.create_index("i", "t", ["a"], postgresql_concurrently=True)'


def _env_speaks_of_it(facts: Facts) -> Facts:
    migrations = chain_of(facts).migrations
    environment = replace(migrations.environment, limits_locks=True)
    return replace(facts, migrations=replace(migrations, environment=environment))


def _set(value: str) -> str:
    return f'    op.execute("SET lock_timeout = {value}")\n'


BAD = (
    Example(
        "nothing limits them",
        sql=TABLE,
        given=(_OFF,),
        scripts=(revision("a1", up=_ALTER),),
        objects=("migrations",),
        severity="medium",
        says=("revisions to come that lock tables in use, such as a1: 1",),
    ),
    Example(
        "nothing limits one beside which a request waited",
        sql=TABLE,
        given=(_OFF, proof(held=(Held("a1", "t", "AccessExclusiveLock", 640, 618, "ALTER TABLE t"),))),
        scripts=(revision("a1", up=_ALTER),),
        objects=("migrations",),
    ),
    Example(
        "history",
        sql=TABLE + AT_FIRST.format("a1"),
        given=(_OFF,),
        scripts=(revision("a1", up=_ALTER),),
        severity="low",
        says=("applied revisions",),
    ),
    Example(
        "one of two is to come",
        sql=TABLE + AT_FIRST.format("a1"),
        given=(_OFF,),
        severity="medium",
        scripts=(revision("a1", up=_ALTER), revision("b2", "a1", up='op.drop_column("t", "a")')),
        says=("revisions to come that lock tables in use, such as b2: 1",),
    ),
    Example(
        "one of two limits itself",
        sql=TABLE,
        given=(_OFF,),
        says=("such as a1",),
        scripts=(
            revision("a1", up=_ALTER),
            revision("b2", "a1", up="op.execute(\"SET lock_timeout = '2s'\")", then=_ALTER),
        ),
    ),
    Example(
        "a build under the script's own",
        sql=TABLE,
        given=(_OFF,),
        objects=("a1",),
        scripts=(revision("a1", up=_BLOCK, then=_set("'5s'") + _INDEX),),
        says=("its own lock_timeout of 5s",),
    ),
    Example(
        "a build under the database's",
        sql=TABLE,
        given=(_OFF, role_setting(SETTING, "2s", here=True)),
        scripts=(revision("a1", up=_BLOCK, then=_INDEX),),
        says=("the database's lock_timeout of 2s",),
    ),
    Example(
        "a build under the server's",
        sql=TABLE,
        given=(given.setting(SETTING, "3000"),),
        scripts=(revision("a1", up=_BLOCK, then=_INDEX),),
    ),
    Example(
        "a build after a reset",
        sql=TABLE,
        given=(given.setting(SETTING, "3000"),),
        scripts=(revision("a1", up=_BLOCK, then=_set("0") + '    op.execute("RESET lock_timeout")\n' + _INDEX),),
        says=("the database's lock_timeout of 3000",),
    ),
)
GOOD = (
    Example(
        "a plain build, which leaves nothing behind",
        sql=TABLE,
        given=(given.setting(SETTING, "3000"),),
        scripts=(revision("a1", up='op.create_index("i", "t", ["a"])'),),
    ),
    Example(
        "the script sets it",
        sql=TABLE,
        given=(_OFF,),
        scripts=(revision("a1", up="op.execute(\"SET LOCAL lock_timeout = '2s'\")", then=_ALTER),),
    ),
    Example("env.py sets it", sql=TABLE, given=(_OFF, _env_speaks_of_it), scripts=(revision("a1", up=_ALTER),)),
    Example(
        "the database has it",
        sql=TABLE,
        given=(_OFF, role_setting(SETTING, "2s", here=True)),
        scripts=(revision("a1", up=_ALTER),),
    ),
    Example(
        "a role has it, perhaps the one that migrates",
        sql=TABLE,
        given=(_OFF, role_setting(SETTING, "2s", role="m")),
        scripts=(revision("a1", up=_ALTER),),
    ),
    Example(
        "the server has it", sql=TABLE, given=(given.setting(SETTING, "2000"),), scripts=(revision("a1", up=_ALTER),)
    ),
    Example(
        "nobody knows what the server has", sql=TABLE, given=(hidden(SETTING),), scripts=(revision("a1", up=_ALTER),)
    ),
    Example(
        "a new table",
        sql=TABLE,
        given=(_OFF,),
        scripts=(revision("a1", up='op.create_table("n", sa.Column("a", sa.Integer))'),),
    ),
    Example("a build without a limit", sql=TABLE, given=(_OFF,), scripts=(revision("a1", up=_BLOCK, then=_INDEX),)),
    Example(
        "a build that lifts the limit",
        sql=TABLE,
        given=(given.setting(SETTING, "3000"),),
        scripts=(revision("a1", up=_BLOCK, then=_set("0") + _INDEX),),
    ),
    Example(
        "a drop has nothing that could be left behind",
        sql=TABLE,
        given=(given.setting(SETTING, "3000"),),
        scripts=(revision("a1", up=_BLOCK, then='    op.drop_index("ix_t_b", postgresql_concurrently=True)'),),
    ),
    Example(
        "only rows are changed", sql=TABLE, given=(_OFF,), scripts=(revision("a1", up='op.execute("DELETE FROM t")'),)
    ),
)
