"""The words that TYP08 calls reserved are those of the server."""

from __future__ import annotations

import psycopg

from pgproof.rules.types.awkward_name import RESERVED


def test_reserved_words_are_the_server_s(database: str) -> None:
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T')").fetchall()
        version = connection.info.server_version
    words = {word for (word,) in rows}
    # SYSTEM_USER came with 16.
    assert words == (RESERVED if version >= 160000 else RESERVED - {"system_user"})
