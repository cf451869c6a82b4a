"""How fast rows are made up: a plain table, one that refers to it, and one whose pairs are unique; rows per second.

Run as `python -m benchmarks.synthetic [ROWS]`; at least 50 000 are wanted of the plain table.
"""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import psycopg

from intowork.demo.report import machine, versions
from pgproof.proof.scratch import scratch_copy
from pgproof.server import running_server

ROWS = 500_000
WANTED = 50_000
RESULTS = Path(__file__).parent / "results"
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


def measure(rows: int) -> tuple[str, dict[str, float]]:
    """Return the server's version, and how many rows per second are made of each table, its keys not counted.

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
    return server.version, {part: rows / taken for part, taken in seconds.items() if part.startswith("public.")}


def main() -> None:
    """Measure, print and write results/synthetic.json."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    version, rates = measure(rows)
    for table, rate in rates.items():
        print(f"{table:<20}{rate:>12,.0f} rows/s")
    print("held" if rates["public.plain"] >= WANTED else f"missed: {WANTED:,} rows/s of public.plain are wanted")
    document = {"machine": machine(), "versions": versions(version), "rows": rows, "rows_per_second": rates}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "synthetic.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
