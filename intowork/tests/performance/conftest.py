from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from intowork.seed import Scale, load
from pgproof.server import Server


@pytest.fixture(scope="session")
def loaded(server: Server, head_template: str) -> Iterator[str]:
    """The URL of the head schema with two thousand jobs and all that belongs to them; no test changes it."""
    with server.scratch_database(template=head_template) as url:
        load(url, Scale.of_jobs(2000), faults=False)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
        yield url
