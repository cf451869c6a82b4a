"""What a proof measured, in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pgproof.proving.changes import LockSeen
from pgproof.proving.document import OperationDocument

_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")
_UNITS = ((2**40, "TB"), (2**30, "GB"), (2**20, "MB"), (2**10, "kB"))
_MS = 1000
_MINUTE = 60 * _MS


def bytes_text(size: int | None) -> str:
    """Return a size as people read it."""
    if size is None:
        return "unknown"
    for unit, name in _UNITS:
        if abs(size) >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size} B"


def duration(ms: float | None) -> str:
    """Return a duration as people read it.

    Args:
        ms: milliseconds; None where nobody measured it.
    """
    if ms is None:
        return "not told"
    if ms < _MS:
        return f"{ms:.0f} ms" if ms >= 10 else f"{ms:.2g} ms"
    return f"{ms / _MS:.3g} s" if ms < 2 * _MINUTE else f"{ms / _MINUTE:.0f} min"


def lock_mode(mode: str) -> str:
    """Return a lock mode as the documentation of PostgreSQL writes it; pg_locks says `AccessExclusiveLock`."""
    return _WORD.sub(" ", mode.removesuffix("Lock")).upper()


def longest_lock(operations: Iterable[OperationDocument]) -> LockSeen | None:
    """Return the lock that kept writers out longest; None where none was seen."""
    return max((lock for each in operations for lock in each.locks), key=lambda lock: lock.held_ms, default=None)


def held(lock: LockSeen | None) -> str:
    """Return how long a lock was held, and waited for where anybody was."""
    if lock is None:
        return "no lock seen that keeps writers out"
    waited = f" and waited for {duration(lock.waited_ms)}" if lock.waited_ms else ""
    return f"{lock_mode(lock.mode)} on {lock.relation} held {duration(lock.held_ms)}{waited}"


def taken(operations: Sequence[OperationDocument]) -> str:
    """Return what operations took together: their time, and the longest of their locks."""
    known = [each.seconds for each in operations if each.seconds is not None]
    time = f"{duration(sum(known) * _MS)} measured" if known else "time not told apart"
    return f"{time}, {held(longest_lock(operations))}"
