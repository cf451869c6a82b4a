"""What the indexes cost whoever writes: single inserts through the pool, and bulk COPY, on phase 2 and on head."""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

import psycopg
from sqlalchemy import Engine, text

from intowork.database.engine import sync_engine
from intowork.settings import Settings
from pgproof.proof.measuring import nearest_rank
from pgproof.proof.timing import noise_band

INSERT = text(
    "INSERT INTO job_applications (job_id, candidate_id, status, cover_letter) "
    "VALUES (:job, :candidate, 'applied', :letter) ON CONFLICT DO NOTHING"
)
LETTER = "I would like to work for you. " * 8


@dataclass(frozen=True)
class Side:
    """One database's part: milliseconds of single inserts, rows per second of COPY."""

    name: str
    insert_median_ms: float
    insert_p95_ms: float
    copy_rows_per_s: float


@dataclass(frozen=True)
class Writes:
    """Writes on phase 2 and on head, interleaved.

    Attributes:
        insert_ratio: median of head divided by median of phase 2.
        insert_noise: what two measurements of phase 2 differ by.
        copy_ratio: time per row of head divided by that of phase 2.
    """

    sides: tuple[Side, ...]
    insert_ratio: float
    insert_noise: float
    copy_ratio: float


def measure_writes(phase_2: str, head: str, *, inserts: int = 1500, copies: int = 5, copied: int = 20_000) -> Writes:
    """Insert and commit single applications through the platform's pool, and COPY many, on both databases in turn.

    Args:
        phase_2: libpq URL of the database at phase 2.
        head: libpq URL of the same data at head.
        inserts: single inserts on each.
        copies: bulk loads on each.
        copied: rows of a bulk load.
    """
    with _pool(phase_2) as before, _pool(phase_2) as again, _pool(head) as after:
        singles = _single([before, again, after], _pairs(phase_2, inserts))
    copied_s: dict[str, list[float]] = {"phase 2": [], "head": []}
    pairs = _pairs(phase_2, copies * copied, seed=2)
    for run in range(copies):
        part = pairs[run * copied : (run + 1) * copied]
        for name, url in (("phase 2", phase_2), ("head", head)):
            copied_s[name].append(_copy(url, part))
    sides = tuple(
        Side(
            name,
            statistics.median(calls),
            nearest_rank(sorted(calls), 0.95),
            copied / statistics.median(copied_s[name]),
        )
        for name, calls in (("phase 2", singles[0]), ("head", singles[2]))
    )
    return Writes(
        sides=sides,
        insert_ratio=sides[1].insert_median_ms / sides[0].insert_median_ms,
        insert_noise=noise_band(singles[0], singles[1]),
        copy_ratio=sides[0].copy_rows_per_s / sides[1].copy_rows_per_s,
    )


@contextmanager
def _pool(url: str) -> Iterator[Engine]:
    engine = sync_engine(Settings(database_url=url))
    try:
        yield engine
    finally:
        engine.dispose()


def _single(engines: Sequence[Engine], pairs: Sequence[tuple[int, int]]) -> list[list[float]]:
    """Insert each pair into every database, in an order that changes; return the milliseconds of each engine."""
    calls: list[list[float]] = [[] for _ in engines]
    order = list(range(len(engines)))
    chance = random.Random(0)
    third = len(pairs) // 3
    for number in range(third):
        chance.shuffle(order)
        for side in order:
            # Another pair for each engine: two of them share a database.
            candidate, job = pairs[number + side * third]
            start = perf_counter()
            with engines[side].begin() as connection:
                connection.execute(INSERT, {"job": job, "candidate": candidate, "letter": LETTER})
            calls[side].append((perf_counter() - start) * 1000)
    return calls


def _copy(url: str, pairs: Sequence[tuple[int, int]]) -> float:
    """Load pairs that are not there yet; return the seconds, with the commit."""
    with psycopg.connect(url) as connection:
        start = perf_counter()
        with (
            connection.cursor() as cursor,
            cursor.copy("COPY job_applications (job_id, candidate_id, status, cover_letter) FROM STDIN") as copy,
        ):
            for candidate, job in pairs:
                copy.write_row((job, candidate, "applied", LETTER))
        connection.commit()
        return perf_counter() - start


def _pairs(url: str, number: int, *, seed: int = 1) -> list[tuple[int, int]]:
    """Draw pairs of candidate and job without an application."""
    chance = random.Random(seed)
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT (SELECT max(id) FROM candidates), (SELECT max(id) FROM jobs)").fetchone()
        assert row is not None
        candidates, jobs = row
        drawn: set[tuple[int, int]] = set()
        while len(drawn) < number:
            more = {(chance.randint(1, candidates), chance.randint(1, jobs)) for _ in range(number - len(drawn))}
            taken = connection.execute(
                "SELECT a.candidate_id, a.job_id FROM job_applications a "
                "JOIN unnest(%s::int[], %s::int[]) AS p (candidate_id, job_id) USING (candidate_id, job_id)",
                ([pair[0] for pair in more], [pair[1] for pair in more]),
            ).fetchall()
            drawn |= more - {(candidate, job) for candidate, job in taken}
    pairs = sorted(drawn)
    chance.shuffle(pairs)
    return pairs
