"""Keeps scripts of migrations, while they are run without a database, from changing anything else.

A revision may move files or start programs beside its SQL; running it to see what it sends must not do that.
https://docs.python.org/3/library/audit_events.html
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_REFUSED = frozenset(
    ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.chmod", "os.chown", "os.link", "os.symlink", "os.truncate",
     "os.utime", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.kill", "subprocess.Popen")
)  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class SideEffectError(BaseException):
    """A script was about to change something that is no database."""


_scripts_run = False


def watch() -> None:
    """Refuse side effects of scripts from now on; there is no way back in this process."""
    sys.addaudithook(_audit)


@contextmanager
def running_scripts() -> Iterator[None]:
    """A script runs inside the block."""
    global _scripts_run
    _scripts_run = True
    try:
        yield
    finally:
        _scripts_run = False


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _scripts_run:
        return
    if event in _REFUSED:
        raise SideEffectError(f"it calls {event}, which is not done here")
    if event == "open" and _writes(arguments) and arguments[0] != os.devnull:
        raise SideEffectError("it writes a file, which is not done here")


def _writes(arguments: tuple[Any, ...]) -> bool:
    _, mode, flags = arguments
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return isinstance(flags, int) and bool(flags & _WRITING)
