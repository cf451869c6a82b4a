"""Memory settings that cannot fit, as far as the server itself tells.

What it finds:
    shared_buffers at PostgreSQL's default of 128 MB below a database of at least 4 GB; and a work_mem that, taken
    once by each allowed connection, exceeds what shared_buffers and effective_cache_size say the machine has. How
    much memory there is cannot be read over SQL: what was never told to PostgreSQL is not judged.

Why it matters:
    A cache far smaller than the data sends nearly every read to the operating system. A work_mem that does not fit lets
    a busy hour end in the operating system killing the server, with every connection and minutes of recovery.

Evidence:
    pg_settings and pg_database_size().

Remedy:
    shared_buffers at about a quarter of the memory (Resource Consumption, section 19.4) and a restart; a small
    work_mem for all, and a large one by SET LOCAL or ALTER ROLE for the reports that need it.

When to ignore:
    Storage engines that cache by themselves; a machine with far more memory than effective_cache_size says.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.model import Facts
from pgproof.rules.configuration._sessions import evidence, kilobytes, of_database, setting_ref
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy
from pgproof.rules.given import database, server, setting
from pgproof.rules.given_access import hidden, role_setting
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(
    code="CFG11", slug="memory-settings-unfit", severity="medium", needs=("settings",), server_wide=True
)
BLOCK = 8192
DEFAULT_SHARED_BUFFERS = 16_384
"""Blocks that initdb writes where the machine has them (Resource Consumption, section 19.4.1): 128 MB."""
DEFAULT_CACHE = 524_288
"""Blocks of effective_cache_size (Query Planning, section 19.7.2): 4 GB, whatever the machine has."""
LARGE_DATABASE = 32 * DEFAULT_SHARED_BUFFERS * BLOCK
"""Bytes, 4 GB: even a working set of a tenth of it is three times the default cache."""
CACHE_TO_MEMORY, BUFFERS_TO_MEMORY = 2, 4
"""The machine's memory, of which effective_cache_size is at least half and shared_buffers a quarter, as advised."""
_GB = 1 << 30


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield a cache far below the data, and a work_mem that does not fit."""
    yield from _small_cache(facts)
    yield from _much_work_memory(facts)


def _small_cache(facts: Facts) -> Iterator[Finding | NotChecked]:
    blocks = _number(facts, "shared_buffers")
    if blocks is None or blocks > DEFAULT_SHARED_BUFFERS:
        return
    size = facts.database.size_bytes
    if size is None:
        yield NotChecked("CONNECT on the database, to see its size")
        return
    if size < LARGE_DATABASE:
        return
    megabytes = blocks * BLOCK >> 20
    yield METADATA.finding(
        objects=(setting_ref("shared_buffers"),),
        message=f"shared_buffers is {megabytes} MB below a database of {size / _GB:.1f} GB",
        consequence=f"PostgreSQL's cache holds {blocks * BLOCK / size:.1%} of it; nearly every other read is a"
        " system call, or the disk.",
        evidence=(
            *evidence(facts, "shared_buffers")[:1],
            Evidence("catalog", "SELECT pg_database_size(current_database())", str(size)),
        ),
        remedy=Remedy("Set shared_buffers to about a quarter of the memory, and restart."),
    )


def _much_work_memory(facts: Facts) -> Iterator[Finding]:
    work_memory = kilobytes(of_database(facts, "work_mem"))
    connections = _number(facts, "max_connections")
    memory = _memory_told(facts)
    if work_memory is None or connections is None or memory is None:
        return
    needed = work_memory * 1024 * connections
    if needed <= memory:
        return
    yield METADATA.finding(
        objects=(setting_ref("work_mem"),),
        message=f"work_mem of {work_memory >> 10} MB for each of {connections} connections is more than the memory",
        consequence=f"One sort in each comes to {needed / _GB:.0f} GB, and a statement may take several;"
        f" shared_buffers and effective_cache_size speak of a machine of {memory / _GB:.0f} GB."
        " When it is used up, the server is killed.",
        evidence=evidence(facts, "work_mem", "max_connections", "shared_buffers", "effective_cache_size"),
        remedy=Remedy("Lower work_mem, or max_connections behind a pooler; give reports more with SET LOCAL."),
    )


def _memory_told(facts: Facts) -> int | None:
    """Return the bytes of memory that the settings speak of; None where nobody has set them for the machine."""
    buffers, cache = _number(facts, "shared_buffers"), _number(facts, "effective_cache_size")
    told = []
    if buffers is not None and buffers > DEFAULT_SHARED_BUFFERS:
        told.append(buffers * BLOCK * BUFFERS_TO_MEMORY)
    if cache is not None and cache != DEFAULT_CACHE:
        told.append(cache * BLOCK * CACHE_TO_MEMORY)
    return max(told, default=None)


def _number(facts: Facts, name: str) -> int | None:
    setting = facts.server.setting(name)
    return None if setting is None or setting.value is None else int(setting.value)


_LARGE, _SMALL = database(size_bytes=LARGE_DATABASE), database(size_bytes=LARGE_DATABASE - 1)
_UNTOLD = (setting("shared_buffers", "16384"), setting("effective_cache_size", "524288"))
_CACHE_OF_4_GB = setting("effective_cache_size", "524289")
_FITS = "83886"  # kB, times 100 connections just within twice the cache above
_EXCEEDS = "83887"

BAD = (
    Example("the default cache below a large database", given=(_LARGE, *_UNTOLD), objects=("shared_buffers",)),
    Example(
        "a cache below the default",
        given=(_LARGE, *_UNTOLD, setting("shared_buffers", "1024")),
        objects=("shared_buffers",),
    ),
    Example(
        "more work memory than twice the cache",
        given=(_SMALL, *_UNTOLD, _CACHE_OF_4_GB, setting("max_connections", "100"), setting("work_mem", _EXCEEDS)),
        objects=("work_mem",),
    ),
    Example(
        "more work memory than a small cache speaks of",
        given=(
            _SMALL,
            *_UNTOLD,
            setting("effective_cache_size", "131072"),
            setting("max_connections", "100"),
            setting("work_mem", "65536"),
        ),
        objects=("work_mem",),
    ),
    Example(
        "more work memory than four times the buffers",
        given=(
            _SMALL,
            *_UNTOLD,
            setting("shared_buffers", "262144"),
            setting("max_connections", "100"),
            setting("work_mem", "83887"),
        ),
        objects=("work_mem",),
    ),
    Example(
        "the database's own work memory",
        given=(
            _SMALL,
            *_UNTOLD,
            _CACHE_OF_4_GB,
            setting("max_connections", "100"),
            role_setting("work_mem", "1 GB", here=True),
        ),
        objects=("work_mem",),
    ),
)
GOOD = (
    Example("the default cache below a small database", given=(_SMALL, *_UNTOLD)),
    Example("a larger cache below a large database", given=(_LARGE, *_UNTOLD, setting("shared_buffers", "16385"))),
    Example("a database whose size is not known", given=(database(size_bytes=None), *_UNTOLD)),
    Example(
        "work memory that just fits",
        given=(_SMALL, *_UNTOLD, _CACHE_OF_4_GB, setting("max_connections", "100"), setting("work_mem", _FITS)),
    ),
    Example(
        "work memory of a machine that nobody told of",
        given=(_SMALL, *_UNTOLD, setting("max_connections", "100"), setting("work_mem", "1048576")),
    ),
    Example(
        "the larger of two hints counts",
        given=(
            _SMALL,
            setting("shared_buffers", "262144"),
            setting("effective_cache_size", "4194304"),
            setting("max_connections", "100"),
            setting("work_mem", "262144"),
        ),
    ),
    Example(
        "work memory that the auditing role has of its own",
        given=(
            _SMALL,
            *_UNTOLD,
            _CACHE_OF_4_GB,
            setting("max_connections", "100"),
            setting("work_mem", "1048576"),
            hidden("work_mem"),
        ),
    ),
    Example(
        "work memory that fits to the byte",
        given=(
            _SMALL,
            *_UNTOLD,
            setting("shared_buffers", "262144"),
            setting("max_connections", "128"),
            setting("work_mem", "65536"),
        ),
    ),
    Example(
        "connections that are not known",
        given=(_SMALL, *_UNTOLD, _CACHE_OF_4_GB, setting("work_mem", "1048576"), hidden("max_connections")),
    ),
    Example("buffers that are not known", given=(_LARGE, *_UNTOLD, hidden("shared_buffers"))),
    Example("settings that are not known", given=(_LARGE, server(settings=()))),
)
