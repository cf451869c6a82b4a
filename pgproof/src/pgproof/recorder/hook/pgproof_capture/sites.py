"""Which line of the application sent a statement: the first one outside installed packages and the standard library."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path
from types import FrameType
from typing import NamedTuple

_RECORDER = Path(__file__).resolve().parents[2]
"""What runs in this package, and in the one around it that counts statements, is nobody's application."""


class Site(NamedTuple):
    """A line of the application.

    Attributes:
        file: relative to the project's folder where it is below it.
        function: its name as a traceback would show it.
    """

    file: str
    line: int
    function: str


class Sites:
    """Finds the application's line in the stack of the caller.

    Args:
        root: the project's folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = f"{root}{os.sep}"
        paths = sysconfig.get_paths()
        folders = {Path(paths[name]) for name in ("stdlib", "platstdlib", "purelib", "platlib", "scripts")}
        folders |= {folder.resolve() for folder in folders} | {_RECORDER}
        self._installed = tuple(f"{folder}{os.sep}" for folder in folders)
        self._own: dict[str, bool] = {}
        self._sites: dict[tuple[str, int], Site] = {}

    def here(self) -> Site | None:
        """Return the nearest line of the application; None where there is none on the stack.

        SQLAlchemy runs the statements of an async engine in a greenlet of their own: the coroutine that awaits them is
        on the stack of its parent.
        """
        found = self._first(sys._getframe(1))
        greenlets = sys.modules.get("greenlet")
        if found is None and greenlets is not None:
            parent = greenlets.getcurrent().parent
            while found is None and parent is not None:
                found = self._first(parent.gr_frame)
                parent = parent.parent
        return found

    def _first(self, frame: FrameType | None) -> Site | None:
        own = self._own
        while frame is not None:
            name = frame.f_code.co_filename
            mine = own.get(name)
            if mine is None:
                mine = own[name] = self._is_own(name)
            if mine:
                return self._site(frame, name)
            frame = frame.f_back
        return None

    def _is_own(self, name: str) -> bool:
        if name.startswith("<") or "site-packages" in name or "dist-packages" in name:
            return False
        path = Path(name).absolute()
        # Wherever it was installed, it is on every stack.
        sqlalchemy = getattr(sys.modules.get("sqlalchemy"), "__file__", None)
        if sqlalchemy is not None and Path(sqlalchemy).parent in path.parents:
            return False
        return not str(path).startswith(self._installed)

    def _site(self, frame: FrameType, name: str) -> Site:
        line = frame.f_lineno
        site = self._sites.get((name, line))
        if site is None:
            path = str(Path(name).absolute())
            site = self._sites[name, line] = Site(path.removeprefix(self._root), line, frame.f_code.co_name)
        return site
