"""A replication slot that nobody reads, or a standby that falls behind.

What it finds:
    A replication slot without a consumer that keeps at least one segment (16 MB) of WAL, or was given up as lost; a
    slot whose consumer is connected and a gigabyte behind; and standbys that replay 30 seconds or more behind.

Why it matters:
    The server keeps all WAL since the slot's position, without limit unless max_slot_wal_keep_size is set, until the
    disk is full and everything stops. A slot also keeps VACUUM from removing rows. A standby far behind answers with
    old rows and takes long to take over.

Evidence:
    pg_replication_slots and pg_stat_replication.

Remedy:
    Start the consumer, or `SELECT pg_drop_replication_slot('name')` where it will not come back; set
    max_slot_wal_keep_size. None of it belongs into a model of SQLAlchemy or a migration of Alembic.

When to ignore:
    A consumer that is being restarted just now.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.amounts import amount
from pgproof.facts.model import Facts
from pgproof.facts.server_state import ReplicationSlot
from pgproof.remedy.names import literal
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, NotChecked, ObjectRef, Remedy
from pgproof.rules.operations._counters import number
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(
    code="OPS06", slug="inactive-replication-slot", severity="medium", needs=("statistics",), server_wide=True
)

SEGMENT = 16 * 1024 * 1024
"""Bytes of a WAL segment by default: files are removed whole, so less than one keeps nothing."""
FAR_BEHIND = 1024**3
"""A gigabyte is max_wal_size by default: what the server means to keep between two checkpoints anyway."""
LAG_SECONDS = 30
"""Longer than a busy moment; reads on the standby show old rows that long."""


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each slot that keeps WAL for nobody or for a consumer far behind, and standbys that lag."""
    for slot in facts.server.replication_slots:
        if slot.wal_status == "lost" or _kept(slot) >= (FAR_BEHIND if slot.active else SEGMENT):
            yield _slot_finding(facts, slot)
    activity = facts.server.activity
    if activity is None or not activity.standbys:
        return
    if not facts.rights.read_all_stats:
        yield NotChecked("pg_read_all_stats: how far the standbys are is hidden", (_replication(),))
        return
    lag = activity.worst_replay_lag_seconds
    if lag is not None and lag >= LAG_SECONDS:
        yield _lag_finding(activity.standbys, lag)


def _kept(slot: ReplicationSlot) -> int:
    return slot.retained_bytes or 0


def _replication() -> ObjectRef:
    return ObjectRef("replication", None, "standbys")


def _slot_finding(facts: Facts, slot: ReplicationSlot) -> Finding:
    kept = _kept(slot)
    unlimited = number(facts, "max_slot_wal_keep_size") == -1
    if slot.wal_status == "lost":
        consequence = "Its WAL is gone, so its consumer can only begin anew."
    else:
        limit = "without limit (max_slot_wal_keep_size is not set)" if unlimited else "up to max_slot_wal_keep_size"
        consequence = f"The server keeps {kept:,} bytes of WAL for it and goes on keeping, {limit}."
    reader = "has a consumer that is far behind" if slot.active else "has no consumer connected"
    return METADATA.finding(
        objects=(ObjectRef("replication slot", None, slot.name),),
        message=f"The {slot.type} replication slot {slot.name} {reader}",
        consequence=consequence,
        severity="high" if kept >= FAR_BEHIND and unlimited else None,
        evidence=(
            Evidence(
                "statistics",
                "SELECT slot_name, active, wal_status, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)"
                f" FROM pg_replication_slots WHERE slot_name = {literal(slot.name)}",
                f"active {slot.active}, {slot.wal_status}, {kept} bytes",
            ),
        ),
        remedy=Remedy(
            "Start its consumer, or drop the slot where that will not come back; set max_slot_wal_keep_size."
        ),
    )


def _lag_finding(standbys: int, lag: float) -> Finding:
    return METADATA.finding(
        objects=(_replication(),),
        message=f"A standby replays {amount(lag, 'second')} behind ({standbys} connected)",
        consequence="Whoever reads there sees rows that old, and after a failure it takes that long to take over.",
        evidence=(
            Evidence(
                "statistics",
                "SELECT application_name, state, replay_lag FROM pg_stat_replication ORDER BY replay_lag DESC",
                f"{lag:.0f} seconds",
            ),
        ),
        remedy=Remedy("Find what holds replay up there: long queries that conflict, a slow disk, or the network."),
    )


_UNLIMITED, _LIMITED = (given.setting("max_slot_wal_keep_size", size) for size in ("-1", "4096"))


def _slot(active: bool, wal_status: str | None, retained_bytes: int | None) -> given.Given:
    return given.server(
        replication_slots=(ReplicationSlot("reporting", "logical", active, wal_status, retained_bytes),)
    )


BAD = (
    Example(
        "nobody reads, a segment is kept",
        given=(_UNLIMITED, _slot(False, "reserved", 16 * 1024 * 1024)),
        objects=("reporting",),
        severity="medium",
        says=("has no consumer connected", "without limit"),
    ),
    Example(
        "nobody reads, a gigabyte is kept without limit",
        given=(_UNLIMITED, _slot(False, "extended", 1024**3)),
        severity="high",
    ),
    Example(
        "nobody reads, a gigabyte is kept within a limit",
        given=(_LIMITED, _slot(False, "extended", 1024**3)),
        severity="medium",
        says=("up to max_slot_wal_keep_size",),
    ),
    Example(
        "a consumer a gigabyte behind",
        given=(_slot(True, "extended", 1024**3),),
        objects=("reporting",),
        says=("has a consumer that is far behind",),
    ),
    Example(
        "a slot that was given up",
        given=(_slot(False, "lost", None),),
        objects=("reporting",),
        says=("Its WAL is gone",),
    ),
    Example(
        "a standby 30 seconds behind",
        given=(given.activity(standbys=1, worst_replay_lag_seconds=30.0),),
        objects=("standbys",),
    ),
)
GOOD = (
    Example("nobody reads, and no whole segment is kept", given=(_slot(False, "reserved", 16 * 1024 * 1024 - 1),)),
    Example("a consumer that is nearly there", given=(_slot(True, "reserved", 1024**3 - 1),)),
    Example("a slot that was never used keeps nothing", given=(_slot(False, None, None),)),
    Example("a standby in time", given=(given.activity(standbys=1, worst_replay_lag_seconds=29.9),)),
    Example(
        "a standby that is idle has no lag to show", given=(given.activity(standbys=1, worst_replay_lag_seconds=None),)
    ),
    Example(
        "lag is left over from a standby that has gone",
        given=(given.activity(standbys=0, worst_replay_lag_seconds=99.0),),
    ),
    Example(
        "a role that may not see how far they are",
        given=(given.activity(standbys=1, worst_replay_lag_seconds=99.0), given.rights(read_all_stats=False)),
    ),
    Example("a server that cannot say what it counted", given=(given.server(activity=None),)),
)
