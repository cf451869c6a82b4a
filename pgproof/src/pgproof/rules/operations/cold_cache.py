"""A database that does not find its pages in memory.

What it finds:
    A database that read at least a million pages (8 GB) from outside shared_buffers, and more than one in ten of all
    it needed.

Why it matters:
    A page outside comes from the operating system's cache at best and from the disk at worst.
    It is seldom too little memory and mostly scans that read what an index would have spared.

Evidence:
    blks_read and blks_hit of pg_stat_database; heap_blks_read of the tables that read most.

Remedy:
    Look at the tables named first: an index for what is searched in them, then shared_buffers (a quarter of the
    machine's memory is usual). In Alembic the index is `op.create_index(...)`; in SQLAlchemy, load fewer columns.

When to ignore:
    A warehouse whose queries read everything by nature, or a database that is mostly dumped.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.catalog import Table
from pgproof.facts.model import Facts
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, NotChecked, ObjectRef, Remedy, table_ref
from pgproof.rules.operations._counters import named
from pgproof.rules.reading import counters
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="OPS11", slug="cold-cache", severity="low", needs=("statistics",))

LEAST_READ = 1_000_000
"""Pages; a start, a dump or a first look at a small database reads fewer and says nothing."""
HIT_RATIO = 0.9
"""A convention, set low: an application that reads the same rows again and again finds far more."""
_MOST = 3


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield the database whose pages come from outside too often."""
    activity = facts.server.activity
    if activity is None:
        yield NotChecked("pg_stat_database")
        return
    read, hit = activity.blocks_read, activity.blocks_hit
    if read < LEAST_READ or hit >= HIT_RATIO * (read + hit):
        return
    readers = _readers(facts)
    most = f" Most were read for {named(readers)}." if readers else ""
    yield METADATA.finding(
        objects=(ObjectRef("database", None, facts.database.name),),
        related=tuple(table_ref(table) for table in readers),
        message=f"{facts.database.name} finds {hit / (read + hit):.1%} of its pages in shared_buffers",
        consequence=f"{read:,} pages of 8 kB came from the operating system or the disk.{most}",
        evidence=(
            Evidence(
                "statistics",
                "SELECT blks_read, blks_hit, stats_reset FROM pg_stat_database WHERE datname = current_database()",
                f"{read} read, {hit} hit",
            ),
        ),
        remedy=Remedy("Index what is searched in the tables that read most; then look at shared_buffers."),
    )


def _readers(facts: Facts) -> tuple[Table, ...]:
    reading = [(counters(each).heap_reads, each) for each in facts.catalog.tables]
    ordered = sorted(reading, key=lambda pair: (-pair[0], pair[1].qualified_name))
    return tuple(table for reads, table in ordered[:_MOST] if reads)


BAD = (
    Example(
        "a million pages read, and not quite nine in ten found",
        sql="CREATE TABLE t (id int); CREATE TABLE u (id int); CREATE VIEW v AS TABLE t",
        given=(
            given.activity(blocks_read=1_000_000, blocks_hit=8_999_999),
            given.table("t", heap_reads=900_000),
            given.table("u", heap_reads=0),
        ),
        renamed=False,
        says=("Most were read for ", ".t. Index"),
    ),
    Example(
        "half of all",
        given=(given.activity(blocks_read=50_000_000, blocks_hit=50_000_000),),
        says=("the operating system or the disk. Index",),
    ),
)
GOOD = (
    Example("nine in ten", given=(given.activity(blocks_read=1_000_000, blocks_hit=9_000_000),)),
    Example("few pages at all", given=(given.activity(blocks_read=999_999, blocks_hit=0),)),
    Example("an idle database", given=(given.activity(blocks_read=0, blocks_hit=0),)),
    Example("counters that could not be read", given=(given.server(activity=None),)),
)
