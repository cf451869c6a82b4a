"""Every test of the repository has the servers and scratch databases of `pgproof.testing`."""

from multiprocessing import forkserver, get_context

# Imported before pytest gives the folders intowork/ and pgproof/ their names.
import intowork
import pgproof

pytest_plugins = ["pgproof.testing"]

__all__ = ["intowork", "pgproof"]


def pytest_sessionstart() -> None:
    """Start the process that killed clients are forked from with all that any of them imports: it preloads once."""
    get_context("forkserver").set_forkserver_preload(
        ["psycopg", "sqlalchemy.dialects.postgresql.psycopg", "intowork.database.engine", "intowork.operations.migrate"]
    )
    forkserver.ensure_running()
