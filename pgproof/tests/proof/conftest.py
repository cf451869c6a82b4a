import time
from collections.abc import Callable

import psycopg
import pytest

PATIENCE_SECONDS = 30.0
BLOCKED = """
    SELECT EXISTS (
        SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE NOT l.granted AND d.datname = current_database()
    )
"""


@pytest.fixture
def wait_until_blocked() -> Callable[[psycopg.Connection], None]:
    """Waits until another session of the connection's database waits for a lock."""

    def wait(connection: psycopg.Connection) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while connection.execute(BLOCKED).fetchone() != (True,):
            assert time.monotonic() < deadline, "nobody waits for a lock"

    return wait
