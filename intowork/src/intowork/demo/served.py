"""A platform to look at: a PostgreSQL of its own with made-up data, which ends with the command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from intowork import seed
from intowork.database.engine import direct_engine
from intowork.database.url import libpq_url
from intowork.operations.migrate import upgrade
from intowork.settings import Settings
from pgproof.server import running_server

_SCALE = "small"


@contextmanager
def made_up_platform(progress: Callable[[str, int, int], None]) -> Iterator[str]:
    """Yield the URL of a database at head with 20 000 jobs; the server and its data are gone afterwards.

    Args:
        progress: told a table, the rows loaded and how many there will be.
    """
    with running_server(settings={"fsync": "off"}) as server, server.scratch_database() as url:
        settings = Settings(database_url=url)
        upgrade(direct_engine(settings))
        seed.load(libpq_url(settings.direct_url()), seed.scale(_SCALE), progress=progress)
        yield url
