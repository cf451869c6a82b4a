"""Numbers for what findings say, in words; empty where nobody counted."""

from __future__ import annotations

from pgproof.facts.catalog import Table
from pgproof.facts.model import Facts
from pgproof.rules.configuration._sessions import milliseconds, of_database


def longest_statement(facts: Facts) -> str:
    """Return how long the slowest statement of this database took."""
    longest = max((statement.max_ms for statement in facts.server.statements or ()), default=None)
    return "" if longest is None else f" The longest statement of this database took {longest / 1000:.1f} s."


def idle_now(facts: Facts) -> str:
    """Return how long a session has been idle in its transaction while the facts were read."""
    longest = max(
        (
            session.state_seconds
            for session in facts.server.sessions
            if session.state_seconds is not None and (session.state or "").startswith("idle in transaction")
        ),
        default=None,
    )
    return "" if longest is None else f" One has been idle in its transaction for {longest:.0f} s now."


def lost_commits(facts: Facts) -> str:
    """Return which commits a crash loses with synchronous_commit off (Asynchronous Commit, section 28.4)."""
    delay = milliseconds(of_database(facts, "wal_writer_delay"))
    return f"Commits of the last {3 * delay:.0f} ms" if delay else "The last commits"


def dead_rows(table: Table) -> str:
    """Return how many dead rows a table has."""
    return f" There are {table.statistics.dead_rows} of them now." if table.statistics else ""
