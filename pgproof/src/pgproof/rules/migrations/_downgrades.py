"""Upgrades that change the schema where the script has nothing that takes it back."""

from __future__ import annotations

import re

from pgproof.facts.migrations import Operation, Revision

_DEFINING = ("create", "alter", "drop")
_NEW_LABEL = re.compile(r"alter\s+type\s.*\badd\s+value\b", re.IGNORECASE | re.DOTALL)
_CALLS = frozenset(
    (
        "create_table",
        "drop_table",
        "rename_table",
        "add_column",
        "drop_column",
        "alter_column",
        "create_index",
        "drop_index",
        "create_foreign_key",
        "create_unique_constraint",
        "create_check_constraint",
        "create_primary_key",
        "drop_constraint",
    )
)


def not_taken_back(revision: Revision) -> Operation | None:
    """Return an operation that nothing in the script undoes: there is no downgrade(), or it sends nothing.

    None where the script says plainly that there is no way back, or PostgreSQL has none.
    """
    down = revision.downgrade
    stopped = down.unread is not None and not down.empty and down.line is not None
    return None if down.operations or stopped else _change(revision)


def _change(revision: Revision) -> Operation | None:
    """An operation of the upgrade that changes the schema."""
    for each in revision.upgrade.operations:
        if each.sql.lower().startswith(_DEFINING) and not _needs_no_way_back(each):
            return each
    stop = revision.upgrade.unread
    called = next((name for name in revision.upgrade.calls if name in _CALLS), None)
    if stop is None or called is None:
        return None
    return Operation("other", f"upgrade() calls {called}", line=revision.upgrade.line)


def _needs_no_way_back(operation: Operation) -> bool:
    """Whether PostgreSQL has none (a label of an enum stays), or nothing but the knowledge of rows changed."""
    return operation.kind == "validate_constraint" or _NEW_LABEL.match(operation.sql) is not None
