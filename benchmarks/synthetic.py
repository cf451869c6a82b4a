"""How fast rows are made up: a plain table, one that refers to it, and one whose pairs are unique; rows per second.

Run as `python -m benchmarks.synthetic [ROWS]`.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from time import perf_counter

import psycopg

from pgproof.proof.scratch import scratch_copy
from pgproof.server import running_server

ROWS = 500_000
SOURCE = """
    CREATE TABLE plain (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind smallint NOT NULL, name varchar(80) NOT NULL,
        note text, price numeric(10, 2), paid boolean NOT NULL, made_at timestamptz NOT NULL
    );
    INSERT INTO plain (kind, name, note, price, paid, made_at)
    SELECT n % 12, 'name ' || n, CASE WHEN n % 3 = 0 THEN repeat('note ', 8) || n % 500 END, n % 1000 * 1.25, n % 5 = 0,
           timestamptz '2025-01-01' + n * interval '1 min'
    FROM generate_series(1, {rows}) n;
    CREATE TABLE referring (id serial PRIMARY KEY, plain_id bigint NOT NULL REFERENCES plain, at timestamptz NOT NULL);
    INSERT INTO referring (plain_id, at)
    SELECT 1 + n::bigint * 7919 % {rows}, now() FROM generate_series(1, {rows}) n;
    CREATE TABLE pairs (a bigint REFERENCES plain, b int, PRIMARY KEY (a, b));
    INSERT INTO pairs SELECT 1 + n % ({rows} / 4), n / ({rows} / 4) FROM generate_series(0, {rows} - 1) n;
    VACUUM ANALYZE
"""


def measure(rows: int) -> dict[str, float]:
    """Return how many rows per second are made of each table, its keys not counted.

    Args:
        rows: of each table.
    """
    begun: list[tuple[str, float]] = []
    settings = {"fsync": "off", "max_wal_size": "8GB"}
    with (
        running_server(settings=settings) as server,
        running_server(settings=settings) as scratch,
        server.scratch_database() as url,
    ):
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in SOURCE.format(rows=rows).split(";"):
                connection.execute(statement.encode())
        with scratch_copy(url, scratch, "synthetic", 1, lambda part, *_: begun.append((part, perf_counter()))):
            pass
    seconds = {part: after - at for (part, at), (_, after) in pairwise(begun)}
    return {part: rows / taken for part, taken in seconds.items() if part.startswith("public.")}


if __name__ == "__main__":
    for table, rate in measure(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS).items():
        print(f"{table:<20}{rate:>12,.0f} rows/s")
