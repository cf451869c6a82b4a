"""Which operations lock a table that is in use against others, and what limits how long they wait for that."""

from __future__ import annotations

from pgproof.facts.migrations import Operation
from pgproof.facts.model import Facts
from pgproof.rules.authentication import value_of

_STRONG = frozenset(
    (
        "drop_table",
        "rename_table",
        "add_column",
        "drop_column",
        "rename_column",
        "alter_type",
        "set_not_null",
        "set_default",
        "add_constraint",
        "drop_constraint",
        "alter_table",
        "rewrite",
        "truncate",
        "detach_partition",
        "create_index",
        "drop_index",
        "reindex",
    )
)
SETTING = "lock_timeout"


def locks_out(operation: Operation) -> bool:
    """Tell whether an operation waits for a lock that keeps writers or readers out, so that they wait behind it."""
    return operation.kind in _STRONG and not operation.concurrently


def timeout_of_database(facts: Facts) -> str | None:
    """Return what a session of this database has lock_timeout at, roles aside; None where it is not known."""
    for database in (facts.database.name, None):
        for each in facts.server.role_settings:
            if (each.database, each.role, each.name) == (database, None, SETTING):
                return each.value
    return value_of(facts, SETTING)


def is_off(value: str | None) -> bool:
    """Tell whether a value of lock_timeout limits nothing, as far as it is known."""
    return value is None or value.strip("0") in ("", "ms", "s", "min")
