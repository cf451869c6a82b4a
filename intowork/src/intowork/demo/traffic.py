"""The platform's traffic while its database is migrated: four reads to one write, on the tables under change."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import psycopg

from pgproof.proof.traffic import IdleInTransaction, TrafficStatement

KEY_RANGES = """
SELECT (SELECT max(id) FROM users), (SELECT max(id) FROM candidates), (SELECT max(id) FROM jobs),
       (SELECT max(id) FROM job_applications), (SELECT max(id) FROM notifications)
"""

IDLE_SESSION = IdleInTransaction(
    sql="UPDATE candidates SET updated_at = now() WHERE id = (SELECT min(id) FROM candidates)",
    hold_seconds=1.0,
    pause_seconds=0.2,
)
"""A session that leaves its transaction open: it wrote, so concurrent builds and unique rules have to wait for it."""


@dataclass(frozen=True)
class KeyRanges:
    """The largest key of each table; keys are dense, so a draw nearly always finds a row."""

    users: int
    candidates: int
    jobs: int
    applications: int
    notifications: int


def key_ranges(url: str) -> KeyRanges:
    """Read the largest keys of a loaded database."""
    with psycopg.connect(url) as connection:
        row = connection.execute(KEY_RANGES).fetchone()
        assert row is not None
        return KeyRanges(*row)


def platform_traffic(keys: KeyRanges) -> tuple[TrafficStatement, ...]:
    """Return the mix: statements that phase 2 already answers by an index, so that a rate can be sustained on it.

    Applying inserts unless the pair is there, with and without the unique rule, as the platform must do while
    the rule appears.
    """
    key: dict[str, Callable[[random.Random], int]] = {
        name: (lambda chance, largest=largest: chance.randint(1, largest))  # type: ignore[misc]
        for name, largest in vars(keys).items()
    }

    def draw(**names: str) -> Callable[[random.Random], Mapping[str, object]]:
        return lambda chance: {parameter: key[table](chance) for parameter, table in names.items()}

    def read(name: str, weight: float, sql: str, **names: str) -> TrafficStatement:
        return TrafficStatement(name, sql, draw(**names), weight, writes=False)

    def write(name: str, weight: float, sql: str, **names: str) -> TrafficStatement:
        return TrafficStatement(name, sql, draw(**names), weight, writes=True)

    return (
        read("job", 25, "SELECT * FROM jobs WHERE id = %(id)s", id="jobs"),
        read(
            "newest notifications", 20,
            "SELECT * FROM notifications WHERE user_id = %(id)s ORDER BY created_at DESC LIMIT 20", id="users",
        ),
        read("application", 15, "SELECT * FROM job_applications WHERE id = %(id)s", id="applications"),
        read(
            "profile", 20,
            "SELECT * FROM users u LEFT JOIN candidates c ON c.user_id = u.id WHERE u.id = %(id)s", id="users",
        ),
        write(
            "apply", 6,
            "INSERT INTO job_applications (job_id, candidate_id, status) "
            "VALUES (%(job)s, %(candidate)s, 'applied') ON CONFLICT DO NOTHING",
            job="jobs", candidate="candidates",
        ),
        write(
            "view application", 5,
            "UPDATE job_applications SET viewed_at = now(), status = 'viewed' WHERE id = %(id)s AND status = 'applied'",
            id="applications",
        ),
        write(
            "notify", 4,
            "INSERT INTO notifications (user_id, type, title, message, related_job_id, is_read) "
            "VALUES (%(user)s, 'new_job', 'A new job', 'It may interest you', %(job)s, false)",
            user="users", job="jobs",
        ),
        write(
            "read notification", 3,
            "UPDATE notifications SET is_read = true, read_at = now() WHERE id = %(id)s", id="notifications",
        ),
        write("count view", 2, "UPDATE jobs SET views_count = views_count + 1 WHERE id = %(id)s", id="jobs"),
    )  # fmt: skip
