"""Every test of the repository has the servers and scratch databases of `pgproof.testing`."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from multiprocessing import forkserver, get_context
from pathlib import Path, PurePath
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# Imported before pytest gives the folders intowork/ and pgproof/ their names.
import intowork
import pgproof

pytest_plugins = ["pgproof.testing"]

SPREAD = ("test_kills.py", "test_every_rule.py")
"""Modules of long tests that share nothing: each of their tests may run anywhere."""
TOGETHER = ("dossier", "docs")
"""Folders whose modules share what takes long to make."""

__all__ = ["intowork", "pgproof"]


class ByModule(LoadScopeScheduling):
    """Keeps the tests of a module on one worker, so that what they share is made once."""

    def _split_scope(self, nodeid: str) -> str:
        file = PurePath(nodeid.partition("::")[0])
        if file.name in SPREAD:
            return nodeid
        return str(file.parent if file.parent.name in TOGETHER else file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByModule:
    """Schedule by module: pytest 9.2 no longer shows xdist's own grouping which group a test is in."""
    return ByModule(config, log)


def pytest_sessionstart() -> None:
    """Start the process that killed clients are forked from with all that any of them imports: it preloads once."""
    get_context("forkserver").set_forkserver_preload(
        ["psycopg", "sqlalchemy.dialects.postgresql.psycopg", "intowork.database.engine", "intowork.operations.migrate"]
    )
    forkserver.ensure_running()


@pytest.fixture
def small_disk() -> Callable[[int], AbstractContextManager[Path]]:
    """A file system of so many megabytes, where one can be mounted."""

    @contextmanager
    def mounted(megabytes: int) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="pgproof-disk-", dir="/tmp") as name:
            Path(name).chmod(0o711)
            mount = ("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs", name)
            if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
                pytest.skip("a small file system cannot be mounted here, so no disk can be filled")
            try:
                yield Path(name)
            finally:
                subprocess.run(("umount", name), check=True)

    return mounted
