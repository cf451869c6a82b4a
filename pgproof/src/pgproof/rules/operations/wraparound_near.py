"""Transaction numbers that run out faster than VACUUM frees them.

What it finds:
    A database whose oldest unfrozen transaction, or multixact, is more than half again as old as the age at which
    autovacuum is forced to act (autovacuum_freeze_max_age, autovacuum_multixact_freeze_max_age): so it was forced,
    and has not succeeded. Critical from vacuum_failsafe_age on.

Why it matters:
    There are 2^31 numbers. Three million before the end the server refuses every write until somebody vacuums, and
    the vacuum of a large table takes long.

Evidence:
    age(datfrozenxid) and mxid_age(datminmxid) of pg_database, age(relfrozenxid) of the oldest tables.

Remedy:
    End what holds the horizon back (long transactions, prepared transactions, replication slots), then
    `VACUUM (FREEZE)` the oldest tables one by one, outside a transaction: in SQLAlchemy on a connection with
    `isolation_level="AUTOCOMMIT"`, in Alembic in an autocommit block. A migration is seldom the place.

When to ignore:
    Never; a VACUUM that is under way will end the finding.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.catalog import Table
from pgproof.facts.model import Facts
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, NotChecked, ObjectRef, Remedy, table_ref
from pgproof.rules.given_access import without_settings
from pgproof.rules.operations._counters import named, number
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="OPS04", slug="wraparound-near", severity="high")

OVERDUE = 1.5
"""Times the age at which autovacuum is forced: at once that age it has just begun, which is ordinary."""
FAILSAFE_AGE = 1_600_000_000
"""PostgreSQL's default of vacuum_failsafe_age and vacuum_multixact_failsafe_age: VACUUM then skips all but freezing."""
NUMBERS = 2**31
"""Numbers that can be in use at a time."""
_OLDEST = 5


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield the database where freezing is overdue."""
    database = facts.database
    forced = number(facts, "autovacuum_freeze_max_age")
    multixact_forced = number(facts, "autovacuum_multixact_freeze_max_age")
    if forced is None or multixact_forced is None:
        yield NotChecked("the settings autovacuum_freeze_max_age and autovacuum_multixact_freeze_max_age")
        return
    overdue = []
    if database.frozen_xid_age > OVERDUE * forced:
        overdue.append(_said("transaction", database.frozen_xid_age, forced))
    if database.minimum_multixact_age > OVERDUE * multixact_forced:
        overdue.append(_said("multixact", database.minimum_multixact_age, multixact_forced))
    if not overdue:
        return
    worst = max(database.frozen_xid_age, database.minimum_multixact_age)
    oldest = _oldest(facts, OVERDUE * forced)
    tables = f" The oldest tables are {named(oldest)}." if oldest else ""
    yield METADATA.finding(
        objects=(ObjectRef("database", None, database.name),),
        related=tuple(table_ref(table) for table in oldest),
        message=f"Freezing is overdue in {database.name}: {' and '.join(overdue)}",
        consequence=(
            f"{worst / NUMBERS:.0%} of the numbers are used up; near the end the server refuses every write.{tables}"
        ),
        severity="critical" if worst >= FAILSAFE_AGE else None,
        evidence=(
            Evidence(
                "catalog",
                "SELECT age(datfrozenxid), mxid_age(datminmxid) FROM pg_database WHERE datname = current_database()",
                f"{database.frozen_xid_age} transactions, {database.minimum_multixact_age} multixacts",
            ),
        ),
        remedy=Remedy(
            "End long and prepared transactions and unused replication slots, then VACUUM (FREEZE) the oldest tables."
        ),
    )


def _said(what: str, age: int, forced: int) -> str:
    return f"its oldest {what} is {age:,} old, where autovacuum is forced at {forced:,}"


def _oldest(facts: Facts, age: float) -> tuple[Table, ...]:
    aged = [table for table in facts.catalog.tables if table.frozen_xid_age > age]
    return tuple(sorted(aged, key=lambda table: (-table.frozen_xid_age, table.qualified_name))[:_OLDEST])


BAD = (
    Example(
        "transactions half again as old as the default allows, and a table that holds them back",
        sql="CREATE TABLE t (id int); CREATE TABLE u (id int); CREATE TABLE v (id int)",
        given=(
            given.database(frozen_xid_age=300_000_001),
            given.table("t", frozen_xid_age=300_000_001),
            given.table("u", frozen_xid_age=300_000_000),
        ),
        renamed=False,
        severity="high",
        says=("The oldest tables are ", ".t. End long"),
    ),
    Example(
        "multixacts",
        given=(given.database(minimum_multixact_age=600_000_001),),
        says=("refuses every write. End long",),
    ),
    Example(
        "just before VACUUM skips all but freezing",
        given=(given.database(frozen_xid_age=1_599_999_999),),
        severity="high",
        says=("75% of the numbers",),
    ),
    Example(
        "when VACUUM skips all but freezing",
        given=(given.database(frozen_xid_age=1_600_000_000),),
        severity="critical",
    ),
    Example(
        "a setting of its own counts",
        given=(given.setting("autovacuum_freeze_max_age", "100000"), given.database(frozen_xid_age=150_001)),
    ),
    Example(
        "both at once are one finding",
        given=(given.database(frozen_xid_age=1_700_000_000, minimum_multixact_age=1_700_000_000),),
    ),
)
GOOD = (
    Example("autovacuum is at work", given=(given.database(frozen_xid_age=300_000_000),)),
    Example("multixacts that autovacuum is at work on", given=(given.database(minimum_multixact_age=600_000_000),)),
    Example(
        "a server that waits longer on purpose",
        given=(
            given.setting("autovacuum_freeze_max_age", "1000000000"),
            given.setting("autovacuum_multixact_freeze_max_age", "1000000000"),
            given.database(frozen_xid_age=900_000_000, minimum_multixact_age=900_000_000),
        ),
    ),
    Example(
        "an age at which VACUUM is forced that is not known",
        given=(given.database(frozen_xid_age=300_000_001), without_settings("autovacuum_freeze_max_age")),
    ),
    Example(
        "the same of multixacts",
        given=(
            given.database(minimum_multixact_age=600_000_001),
            without_settings("autovacuum_multixact_freeze_max_age"),
        ),
    ),
    Example("a new database"),
)
