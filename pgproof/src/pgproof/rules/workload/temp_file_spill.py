"""A statement whose sorts and hashes do not fit into memory.

What it finds:
    Statements that wrote 64 kB or more of temporary files per call on average, and 10 MB or more in all, by
    pg_stat_statements.

Why it matters:
    What does not fit work_mem is written to disk and read again; with many at once the disk is what everybody waits
    for.

Evidence:
    temp_blks_written of pg_stat_statements.

Remedy:
    Sort and group fewer rows: a condition, a LIMIT, an index in the order of ORDER BY. Or more memory for this work
    alone: `SET LOCAL work_mem` in its transaction, or ALTER ROLE for a role of reports; a higher value for everyone is
    multiplied by every sort of every connection.

When to ignore:
    A nightly report.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.model import Facts
from pgproof.rules import given
from pgproof.rules.authentication import value_of
from pgproof.rules.finding import Finding, NotChecked, Remedy
from pgproof.rules.given_access import hidden
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.statements import unrecorded
from pgproof.rules.workload._recorded import Run, on
from pgproof.rules.workload._seen import Seen, by_share, seen

METADATA = Metadata(code="WRK11", slug="temp-file-spill", severity="medium", needs=("statements",))

PER_CALL, IN_ALL = 64 * 1024, 10 * 1024 * 1024
_BLOCK = 8192


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each statement that writes temporary files."""
    yield from unrecorded(facts)
    block = int(value_of(facts, "block_size") or _BLOCK)
    for each in seen(facts):
        if each.counted is not None:
            written = each.counted.temp_blocks_written * block
            if written >= max(IN_ALL, PER_CALL * each.calls):
                yield _finding(facts, each, written)


def _finding(facts: Facts, each: Seen, written: int) -> Finding:
    memory = value_of(facts, "work_mem")
    limit = f"; work_mem is {int(memory):,} kB" if memory is not None else ""
    return METADATA.finding(
        objects=(each.ref,),
        message=f"a statement on {each.names}{each.sent_by} writes {written / each.calls / 1024:,.0f} kB of temporary "
        "files per call",
        consequence=f"{each.calls:,} calls wrote {written / 2**20:,.0f} MB to disk and read it again{limit}.",
        severity=by_share(METADATA.severity, each),
        confidence="measured",
        evidence=(each.evidence(f"{written:,} bytes of temporary files in {each.calls:,} calls"),),
        remedy=Remedy(
            "Sort or group fewer rows, read them in the order of an index, or SET LOCAL work_mem for it alone"
        ),
        location=each.location,
    )


_T = "CREATE TABLE events (id int PRIMARY KEY, kind text)"
_SORT = "SELECT id FROM events ORDER BY kind"


def _case(name: str, text: str = _SORT, *, blocks: int, calls: int = 10, says: tuple[str, ...] = ()) -> Example:
    stated = given.workload((text, calls, 5.0), temp_blocks_written=blocks)
    return Example(name, sql=_T, given=(stated,), objects=("events",), renamed=False, says=says)


BAD = (
    _case("ten megabytes in ten calls", blocks=1280, says=("1,024 kB", "10 MB", "work_mem is 4,096 kB")),
    _case("64 kB in each of many calls", blocks=8000, calls=1000, says=("64 kB",)),
    Example(
        "blocks of another size",
        sql=_T,
        given=(given.workload((_SORT, 10, 5.0), temp_blocks_written=640), given.setting("block_size", "16384")),
        renamed=False,
        says=("1,024 kB",),
    ),
    Example(
        "a server that does not tell its settings",
        sql=_T,
        given=(
            given.workload((_SORT, 10, 5.0), temp_blocks_written=1280),
            hidden("block_size"),
            hidden("work_mem"),
        ),
        renamed=False,
        says=("1,024 kB",),
    ),
)
GOOD = (
    _case("less than ten megabytes", blocks=1279),
    _case("less than 64 kB in each call", blocks=7999, calls=1000),
    _case("a statement that ran nine times", blocks=9999, calls=9),
    _case("a table that is not there", "SELECT id FROM elsewhere ORDER BY id", blocks=9999),
    on(_T)("a statement of a recording, which counts no blocks", Run(_SORT)),
    Example("no statements were recorded", sql=_T, given=(given.server(statements=None),)),
)
