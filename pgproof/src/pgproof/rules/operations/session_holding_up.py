"""A session that holds others, or VACUUM, up at this moment.

What it finds:
    Sessions of this database that sit idle inside an open transaction for 10 seconds or more, that have waited for a
    lock for 5 seconds or more, or whose transaction has been at work for 15 minutes or more. Sessions of one kind, role
    and application are one finding.

Why it matters:
    An open transaction keeps its locks and keeps VACUUM from removing any row that died since. A session that waits
    for a lock holds a connection of the pool, and everybody who wants the same lock queues behind it.

Evidence:
    pg_stat_activity and pg_blocking_pids(). The statements themselves are not read.

Remedy:
    Close transactions before waiting for anything outside the database: `with Session.begin():` around the statements
    alone in SQLAlchemy; in Alembic, `SET lock_timeout` before a change of the schema. As a net,
    idle_in_transaction_session_timeout and lock_timeout.

When to ignore:
    A backup or a report that somebody has started on purpose.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pgproof.facts.amounts import amount
from pgproof.facts.model import Facts
from pgproof.facts.server_state import Session
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, NotChecked, ObjectRef, Remedy
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="OPS05", slug="session-holding-up", severity="medium", needs=("statistics",))

IDLE_SECONDS = 10
"""Between two statements of a transaction lie milliseconds of the application; ten seconds are a person or a request
to somebody else's server."""
BLOCKED_SECONDS = 5
"""Users wait with it."""
LONG_SECONDS = 900
"""A quarter of an hour: longer than a request lives, shorter than VACUUM can do without on a busy table."""
_STATEMENT = (
    "SELECT pid, usename, application_name, state, now() - xact_start AS transaction, now() - state_change AS in_state,"
    " pg_blocking_pids(pid) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'"
)
_CONSEQUENCES = {
    "idle in transaction": "Its locks and its snapshot stay: VACUUM removes no row that died since",
    "blocked": "Each holds a connection, and whoever wants the same lock queues behind",
    "long-running": "VACUUM removes no row that died since it began",
}
_REMEDIES = {
    "idle in transaction": "Commit before the application waits for anything else; "
    "set idle_in_transaction_session_timeout as a net.",
    "blocked": "End the session that holds the lock if nobody needs it (pg_terminate_backend), "
    "and set lock_timeout for changes of the schema.",
    "long-running": "Split the work or move it to a standby; end it if nobody waits for it.",
}


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each group of sessions that hold others up."""
    if not facts.rights.read_all_stats:
        yield NotChecked("pg_read_all_stats: sessions of other roles are hidden", (_everybody(facts),))
    groups: dict[tuple[str, str], list[tuple[float, Session]]] = defaultdict(list)
    for session in facts.server.sessions:
        held = _held(session)
        if held is not None:
            kind, seconds = held
            groups[kind, _name(session)].append((seconds, session))
    for (kind, name), held_up in sorted(groups.items(), key=lambda group: group[0]):
        yield _finding(facts, kind, name, held_up)


def _held(session: Session) -> tuple[str, float] | None:
    """Return what is wrong with a session, and for how many seconds already."""
    state = session.state or ""
    kinds = (
        ("blocked", session.blocked_by != (), session.statement_seconds, BLOCKED_SECONDS),
        ("idle in transaction", state.startswith("idle in transaction"), session.state_seconds, IDLE_SECONDS),
        ("long-running", state == "active", session.transaction_seconds, LONG_SECONDS),
    )
    for kind, is_one, seconds, least in kinds:
        # The times of a session that the role may not see are hidden, too.
        if is_one and seconds is not None and seconds >= least:
            return kind, seconds
    return None


def _name(session: Session) -> str:
    return f"{session.role} ({session.application_name})" if session.application_name else str(session.role)


def _everybody(facts: Facts) -> ObjectRef:
    return ObjectRef("database", None, facts.database.name)


def _finding(facts: Facts, kind: str, name: str, held_up: Sequence[tuple[float, Session]]) -> Finding:
    longest = max(seconds for seconds, _ in held_up)
    pids = [session.pid for _, session in held_up]
    waiting = sum(1 for other in facts.server.sessions if set(other.blocked_by) & set(pids))
    blocking = f"; sessions that wait for its locks now: {waiting}" if waiting else ""
    listed = ", ".join(str(pid) for pid in pids)
    return METADATA.finding(
        objects=(ObjectRef(f"{kind} session", None, name),),
        message=f"Sessions of {name} that are {kind}: {len(pids)}, the longest for {amount(longest, 'second')}",
        consequence=f"{_CONSEQUENCES[kind]}{blocking}.",
        severity="high" if waiting else None,
        evidence=(Evidence("statistics", _STATEMENT, f"{kind}: {listed}"),),
        remedy=Remedy(_REMEDIES[kind]),
    )


_IDLE = Session(1, "app", "web", "idle in transaction", "Client", 60.0, 60.0, 10.0, ())
_BLOCKED = Session(2, "app", "web", "active", "Lock", 5.0, 5.0, 5.0, (1,))
_LONG = Session(3, "app", "report", "active", None, 900.0, 1.0, 1.0, ())
_BRIEF = (
    Session(1, "app", "web", "idle in transaction", "Client", 9.9, 9.9, 9.9, ()),
    Session(2, "app", "web", "active", "Lock", 4.9, 4.9, 4.9, (9,)),
    Session(3, "app", "report", "active", None, 899.0, 899.0, 899.0, ()),
)
BAD = (
    Example(
        "idle in transaction for ten seconds",
        given=(given.server(sessions=(_IDLE,)),),
        objects=("app (web)",),
        severity="medium",
        says=("no row that died since. Commit",),
    ),
    Example(
        "idle in transaction, and another waits for its lock since a moment",
        given=(given.server(sessions=(_IDLE, replace(_BLOCKED, statement_seconds=0.1))),),
        objects=("app (web)",),
        severity="high",
        says=("sessions that wait for its locks now: 1.",),
    ),
    Example(
        "a failed transaction that nobody rolled back, by a client without a name",
        given=(
            given.server(
                sessions=(Session(1, "app", "", "idle in transaction (aborted)", "Client", 60.0, 60.0, 30.0, ()),)
            ),
        ),
        objects=("app",),
    ),
    Example("waiting for a lock for five seconds", given=(given.server(sessions=(_BLOCKED,)),), objects=("app (web)",)),
    Example("at work for a quarter of an hour", given=(given.server(sessions=(_LONG,)),), objects=("app (report)",)),
    Example(
        "each kind is one finding, however many sessions",
        given=(given.server(sessions=(_IDLE, _BLOCKED, _LONG, _IDLE, _BLOCKED, _LONG)),),
        findings=3,
    ),
    Example(
        "a role that sees only its own sessions reports those",
        given=(given.server(sessions=(_IDLE,)), given.rights(read_all_stats=False)),
        objects=("app (web)",),
    ),
    Example(
        "a long transaction that waits for a lock is blocked, nothing else",
        given=(given.server(sessions=(Session(3, "app", "web", "active", "Lock", 900.0, 900.0, 900.0, (9,)),)),),
        objects=("app (web)",),
    ),
)
GOOD = (
    Example("all for less time", given=(given.server(sessions=_BRIEF),)),
    Example(
        "a session at work for a moment in an old transaction that has just begun its statement",
        given=(given.server(sessions=(Session(3, "app", "web", "active", None, 899.0, 900.0, 900.0, ()),)),),
    ),
    Example(
        "a statement called through the fast path is not a transaction left open",
        given=(
            given.server(sessions=(Session(3, "app", "web", "fastpath function call", None, 900.0, 9.0, 90.0, ()),)),
        ),
    ),
    Example(
        "a session that the role may not see but for what it waits for",
        given=(given.server(sessions=(Session(3, None, None, None, None, None, None, None, (1,)),)),),
    ),
    Example("nobody is connected", given=(given.server(sessions=()),)),
)
