"""Several sessions apply for one candidate to one job at the same moment."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

Session = psycopg.Connection[tuple[Any, ...]]
Apply = Callable[[Session, int, int], bool]
"""Applies for a candidate to a job and tells whether a row was inserted."""

NEVER_APPLIED = """
SELECT c.id, j.id
FROM (SELECT id FROM candidates ORDER BY id LIMIT %(rounds)s) c
CROSS JOIN LATERAL (
    SELECT id FROM jobs
    WHERE status = 'published'
      AND NOT EXISTS (SELECT FROM job_applications a WHERE a.candidate_id = c.id AND a.job_id = jobs.id)
    ORDER BY id DESC LIMIT 1
) j
"""


@dataclass(frozen=True)
class Race:
    """What a number of rounds left behind.

    Attributes:
        rounds: pairs of candidate and job that were raced for.
        sessions: sessions that applied at once in each round.
        duplicated: rounds after which more than one row stood.
        surplus_rows: rows beyond the first, over all rounds.
        refused: applications that were answered as "already applied".
        errors: applications that ended in an error which nothing handled, with the error.
    """

    rounds: int
    sessions: int
    duplicated: int
    surplus_rows: int
    refused: int
    errors: tuple[str, ...]


def apply_as_analysed(session: Session, candidate_id: int, job_id: int) -> bool:
    """Look first and insert then, as the analysed platform does: between the two anybody may insert."""
    with session.transaction():
        found = session.execute(
            "SELECT id FROM job_applications WHERE job_id = %s AND candidate_id = %s LIMIT 1", (job_id, candidate_id)
        ).fetchone()
        if found is not None:
            return False
        session.execute(
            "INSERT INTO job_applications (job_id, candidate_id, status) VALUES (%s, %s, 'applied')",
            (job_id, candidate_id),
        )
        return True


def apply_once(session: Session, candidate_id: int, job_id: int) -> bool:
    """Insert unless the row is there: one statement, and the unique rule decides."""
    with session.transaction():
        inserted = session.execute(
            "INSERT INTO job_applications (job_id, candidate_id, status) VALUES (%s, %s, 'applied') "
            "ON CONFLICT (candidate_id, job_id) DO NOTHING",
            (job_id, candidate_id),
        )
        return inserted.rowcount == 1


def race(url: str, apply: Apply, *, rounds: int = 50, sessions: int = 4) -> Race:
    """Let sessions apply at once, round after round, and count the rows that stand afterwards.

    Args:
        url: libpq URL of a database in which the candidates have not yet applied to everything.
        apply: how the platform applies.
        rounds: pairs to race for.
        sessions: sessions at once.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        pairs: list[tuple[int, int]] = connection.execute(NEVER_APPLIED, {"rounds": rounds}).fetchall()
        barrier = threading.Barrier(sessions)
        lock = threading.Lock()
        errors: Counter[str] = Counter()
        refused = 0

        def contestant() -> None:
            nonlocal refused
            with psycopg.connect(url, autocommit=True) as session:
                for candidate_id, job_id in pairs:
                    barrier.wait()
                    try:
                        inserted = apply(session, candidate_id, job_id)
                    except psycopg.Error as error:
                        with lock:
                            errors[type(error).__name__] += 1
                    else:
                        with lock:
                            refused += not inserted

        threads = [threading.Thread(target=contestant) for _ in range(sessions)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        counts = [
            row[0]
            for row in connection.execute(
                "SELECT count(*) FROM job_applications a "
                "JOIN unnest(%s::int[], %s::int[]) AS p (candidate_id, job_id) USING (candidate_id, job_id) "
                "GROUP BY a.candidate_id, a.job_id",
                ([pair[0] for pair in pairs], [pair[1] for pair in pairs]),
            ).fetchall()
        ]
    return Race(
        rounds=len(pairs),
        sessions=sessions,
        duplicated=sum(count > 1 for count in counts),
        surplus_rows=sum(counts) - len(counts),
        refused=refused,
        errors=tuple(f"{name} (x{number})" for name, number in errors.most_common()),
    )
