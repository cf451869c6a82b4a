"""Every test of the repository has the servers and scratch databases of `pgproof.testing`."""

from multiprocessing import forkserver, get_context

import pytest

# Imported before pytest gives the folders intowork/ and pgproof/ their names.
import intowork
import pgproof

pytest_plugins = ["pgproof.testing"]

SPREAD = ("test_kills.py", "test_every_rule.py")
"""Modules of long tests that share nothing: each of their tests may run anywhere."""
TOGETHER = ("dossier", "docs")
"""Folders whose modules share what takes long to make."""

__all__ = ["intowork", "pgproof"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a module on one worker, so that what they share is made once."""
    for item in items:
        if item.path.name not in SPREAD:
            group = item.path.parent if item.path.parent.name in TOGETHER else item.path
            item.add_marker(pytest.mark.xdist_group(str(group)))


def pytest_sessionstart() -> None:
    """Start the process that killed clients are forked from with all that any of them imports: it preloads once."""
    get_context("forkserver").set_forkserver_preload(
        ["psycopg", "sqlalchemy.dialects.postgresql.psycopg", "intowork.database.engine", "intowork.operations.migrate"]
    )
    forkserver.ensure_running()
