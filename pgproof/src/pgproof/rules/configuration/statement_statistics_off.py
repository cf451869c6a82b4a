"""Statements that nobody counts.

What it finds:
    A server without pg_stat_statements; one that loads it, but with its counting switched off, or into a database in
    which its view was not created; and track_io_timing off.

Why it matters:
    Which statements cost the time is then a guess: what is slow in production can be neither found nor compared before
    and after a change. Without track_io_timing nobody can tell reading from computing.

Evidence:
    pg_settings and pg_extension.

Remedy:
    shared_preload_libraries = 'pg_stat_statements' and a restart, then `op.execute("CREATE EXTENSION
    pg_stat_statements")`; track_io_timing = on, once pg_test_timing shows that reading the clock is cheap.

When to ignore:
    Another tool counts statements; the view is read in another database of the same server.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.model import Facts
from pgproof.remedy.extensions import CreateExtension
from pgproof.rules.configuration._sessions import evidence, is_off, of_database, setting_ref
from pgproof.rules.finding import Evidence, Finding, NotChecked, ObjectRef, Remedy
from pgproof.rules.given import server, setting
from pgproof.rules.given_access import role_setting, without_settings
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="CFG10", slug="statement-statistics-off", severity="medium", needs=("settings",))
EXTENSION = "pg_stat_statements"
TRACK = "pg_stat_statements.track"
_QUERY_ID, _IO_TIMING = "compute_query_id", "track_io_timing"


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield what keeps statements, or the time of their reads, from being counted."""
    loaded = facts.server.setting(TRACK) is not None
    if loaded:
        yield from _counting(facts)
    elif not facts.server.ours:
        # A server of our own loads it wherever its binaries have it.
        yield METADATA.finding(
            objects=(setting_ref("shared_preload_libraries"),),
            message=f"the server does not load {EXTENSION}",
            consequence="Nobody can say which statements cost the time, before or after a change.",
            evidence=(Evidence("settings", f"SELECT name FROM pg_settings WHERE name = '{TRACK}'", "no row"),),
            remedy=Remedy(
                f"Add {EXTENSION} to shared_preload_libraries, restart, and CREATE EXTENSION {EXTENSION} here."
            ),
        )
    if is_off(of_database(facts, _IO_TIMING)):
        yield METADATA.finding(
            objects=(setting_ref(_IO_TIMING),),
            severity="low",
            message=f"{_IO_TIMING} is off",
            consequence="EXPLAIN and the statistics cannot tell time spent reading from time spent computing.",
            evidence=evidence(facts, _IO_TIMING),
            remedy=Remedy(f"Set {_IO_TIMING} = on, once pg_test_timing shows that reading the clock is cheap."),
        )


def _counting(facts: Facts) -> Iterator[Finding]:
    for name, off in ((TRACK, "none"), (_QUERY_ID, "off")):
        if of_database(facts, name) == off:
            yield METADATA.finding(
                objects=(setting_ref(name),),
                message=f"{EXTENSION} is loaded, but {name} is {off}",
                consequence="It counts no statement.",
                evidence=evidence(facts, name),
                remedy=Remedy(f"Set {name} back to its default."),
            )
    if all(extension.name != EXTENSION for extension in facts.catalog.extensions):
        yield METADATA.finding(
            objects=(ObjectRef("extension", None, EXTENSION),),
            severity="low",
            message=f"{EXTENSION} is loaded, but not created in this database",
            consequence="The server counts, and nobody who is connected here can read what.",
            evidence=(
                Evidence("catalog", f"SELECT extversion FROM pg_extension WHERE extname = '{EXTENSION}'", "no row"),
            ),
            remedy=Remedy(f"CREATE EXTENSION {EXTENSION}.", (CreateExtension(EXTENSION),)),
        )


_CREATED = f"CREATE EXTENSION {EXTENSION}"
_TIMED = setting(_IO_TIMING, "on")

BAD = (
    Example("loaded and not created", given=(_TIMED,), objects=(EXTENSION,), alone=True),
    Example("not loaded", given=(_TIMED, without_settings(EXTENSION)), objects=("shared_preload_libraries",)),
    Example("not loaded, though created", sql=_CREATED, given=(_TIMED, without_settings(EXTENSION)), alone=True),
    Example(
        "reads are not timed", sql=_CREATED, given=(setting(_IO_TIMING, "off"),), objects=(_IO_TIMING,), alone=True
    ),
    Example(
        "reads are not timed here",
        sql=_CREATED,
        given=(_TIMED, role_setting(_IO_TIMING, "false", here=True)),
        alone=True,
    ),
    Example("nothing is tracked", sql=_CREATED, given=(_TIMED, setting(TRACK, "none")), objects=(TRACK,), alone=True),
    Example(
        "statements get no identifier",
        sql=_CREATED,
        given=(_TIMED, setting(_QUERY_ID, "off")),
        objects=(_QUERY_ID,),
        alone=True,
    ),
)
GOOD = (
    Example("loaded, created, timed", sql=_CREATED, given=(_TIMED, setting(TRACK, "top")), alone=True),
    Example(
        "nested statements too",
        sql=_CREATED,
        given=(_TIMED, setting(TRACK, "all"), setting(_QUERY_ID, "on")),
        alone=True,
    ),
    Example(
        "a server of our own whose binaries lack it", given=(_TIMED, without_settings(EXTENSION), server(ours=True))
    ),
    Example(
        "reads are timed here",
        sql=_CREATED,
        given=(setting(_IO_TIMING, "off"), role_setting(_IO_TIMING, "on", here=True)),
        alone=True,
    ),
)
